package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/go-amqp"
)

func TestSendPrintsHowEachMessageEnded(t *testing.T) {
	a := newTestApp("")
	a.router.script = []amqp.DeliveryState{
		&amqp.StateAccepted{},
		&amqp.StateRejected{Error: &amqp.Error{Condition: "amqp:decode-error", Description: "not an order"}},
		&amqp.StateRejected{},
		&amqp.StateReleased{},
		&amqp.StateModified{DeliveryFailed: true},
		&amqp.StateModified{UndeliverableHere: true, MessageAnnotations: amqp.Annotations{"why": "full"}},
		nil,
	}
	a.want(t, 1, "send", "orders", "a", "b", "c", "d", "e", "f", "g")
	want := `message 1: accepted
message 2: rejected: amqp:decode-error: not an order
message 3: rejected: without a reason
message 4: released: no consumer took it; if "orders" has none, start one with: meshway receive orders
message 5: modified: delivery failed, the receiver may have seen it
message 6: modified: undeliverable here, why=full
message 7: settled: the receiver gave no outcome
`
	if a.out.String() != want {
		t.Errorf("got\n%swant\n%s", a.out, want)
	}
	wantText(t, a.err, "7 sent, 1 accepted, 1 settled, 2 rejected, 1 released, 2 modified", "meshway: 5 of 7 messages were not accepted")
	if !a.router.closed || !reflect.DeepEqual(a.router.links, []string{">orders"}) || a.router.settled {
		t.Errorf("got links %v, closed %v, settled %v", a.router.links, a.router.closed, a.router.settled)
	}
}

// What a receiver or a router says is somebody else's text, as a message is: it stays on its
// line, and does not drive the terminal.
func TestWhatAPeerSaysIsOneHarmlessLine(t *testing.T) {
	a := newTestApp("")
	a.router.script = []amqp.DeliveryState{
		&amqp.StateRejected{Error: &amqp.Error{Condition: "x:y", Description: "a\nb\x1b[2J"}},
		&amqp.StateModified{MessageAnnotations: amqp.Annotations{"k": "\x1b[2J"}},
	}
	a.want(t, 1, "send", "orders", "a", "b")
	if want := "message 1: rejected: x:y: a?b?[2J\nmessage 2: modified: k=?[2J\n"; a.out.String() != want {
		t.Errorf("got %q, want %q", a.out, want)
	}
	a = newTestApp("")
	a.router.refuse = errors.New("the router said \x1b[2J")
	a.want(t, 1, "receive", "orders")
	if want := "meshway: the router said ?[2J\n"; a.err.String() != want {
		t.Errorf("got %q, want %q", a.err, want)
	}
}

func TestSendExitCode(t *testing.T) {
	a := newTestApp("")
	a.want(t, 0, "send", "orders", "one")
	if a.out.String() != "message 1: accepted\n" || a.err.String() != "" {
		t.Errorf("got %q and %q", a.out, a.err)
	}
	a = newTestApp("")
	a.router.script = []amqp.DeliveryState{&amqp.StateReleased{}}
	a.want(t, 1, "send", "orders", "one")
	wantText(t, a.err, "meshway: the message was not accepted\n")
}

func TestSendSettled(t *testing.T) {
	a := newTestApp("")
	a.want(t, 0, "send", "orders", "one", "--settle", "settled")
	wantText(t, a.out, "message 1: settled: nobody reports what became of it")
	if !a.router.settled {
		t.Error("the link was not asked to be one for settled messages")
	}
}

func TestSendWhereMessagesComeFrom(t *testing.T) {
	tests := []struct {
		name, stdin string
		args        []string
		want        []any // strings are values, []byte is data
	}{
		{"arguments", "", []string{"a", "b"}, []any{"a", "b"}},
		{"arguments, again and again", "", []string{"a", "b", "--count", "2"}, []any{"a", "b", "a", "b"}},
		{"arguments as data", "", []string{"a", "--data"}, []any{[]byte("a")}},
		{"lines", "one\ntwo\r\n\nlast without end", nil, []any{"one", "two", "", "last without end"}},
		{"lines as data", "one\n", []string{"--data"}, []any{[]byte("one")}},
		{"no lines", "", nil, nil},
		{"all of the input", "one\ntwo\n", []string{"--stdin-whole"}, []any{[]byte("one\ntwo\n")}},
		{"all of the input, twice", "x", []string{"--stdin-whole", "--count", "2"}, []any{[]byte("x"), []byte("x")}},
		{"a size", "", []string{"--size", "3", "--count", "2"}, []any{[]byte("xxx"), []byte("xxx")}},
		{"no bytes", "", []string{"--size", "0"}, []any{[]byte(nil)}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := newTestApp(tt.stdin)
			a.want(t, 0, append([]string{"send", "q", "--quiet"}, tt.args...)...)
			var got []any
			for _, m := range a.router.sent {
				if m.Data != nil {
					got = append(got, bytes.Join(m.Data, nil))
				} else {
					got = append(got, m.Value)
				}
			}
			if !reflect.DeepEqual(got, tt.want) {
				t.Errorf("sent %q, want %q", got, tt.want)
			}
		})
	}
}

func TestSendEnvelope(t *testing.T) {
	a := newTestApp("")
	a.want(t, 0, "send", "q", "x", "--durable", "--priority", "9", "--ttl", "1500ms", "--message-id", "m1", "--to", "elsewhere", "--subject", "s",
		"--reply-to", "r", "--correlation-id", "c", "--content-type", "text/plain", "--group-id", "g", "-p", "k=v=w", "--property", "empty=")
	m := a.router.sent[0]
	s := func(v string) *string { return &v }
	want := &amqp.Message{
		Header:                &amqp.MessageHeader{Durable: true, Priority: 9, TTL: 1500 * time.Millisecond},
		Properties:            &amqp.MessageProperties{MessageID: "m1", To: s("elsewhere"), Subject: s("s"), ReplyTo: s("r"), CorrelationID: "c", ContentType: s("text/plain"), GroupID: s("g")},
		ApplicationProperties: map[string]any{"k": "v=w", "empty": ""},
		Value:                 "x",
	}
	if !reflect.DeepEqual(m, want) {
		t.Errorf("got %+v, want %+v", m, want)
	}
}

func TestSendOverAnAnonymousLink(t *testing.T) {
	a := newTestApp("")
	a.want(t, 0, "send", "orders", "x", "--anonymous")
	to := a.router.sent[0].Properties.To
	if !reflect.DeepEqual(a.router.links, []string{">"}) || to == nil || *to != "orders" {
		t.Errorf("got links %v, to %v; want a link without an address, and a message to orders", a.router.links, to)
	}
}

func TestSendJSON(t *testing.T) {
	a := newTestApp("")
	a.router.script = []amqp.DeliveryState{&amqp.StateAccepted{}, &amqp.StateRejected{Error: &amqp.Error{Condition: "a:b", Description: "c"}}}
	a.want(t, 1, "send", "q", "x", "y", "-o", "json")
	var got []map[string]any
	for line := range strings.Lines(a.out.String()) {
		var r map[string]any
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		got = append(got, r)
	}
	want := []map[string]any{
		{"message": 1.0, "outcome": "accepted"},
		{"message": 2.0, "outcome": "rejected", "detail": "a:b: c", "error": map[string]any{"condition": "a:b", "description": "c"}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestSendQuietShowsOnlyWhatWentWrong(t *testing.T) {
	a := newTestApp("")
	a.router.script = []amqp.DeliveryState{&amqp.StateAccepted{}, &amqp.StateReleased{}}
	a.want(t, 1, "send", "q", "--size", "1", "--count", "3", "--quiet")
	if n := strings.Count(a.out.String(), "\n"); n != 1 {
		t.Errorf("got %q, want one line", a.out)
	}
	wantText(t, a.err, "3 sent, 2 accepted, 1 released")
}

func TestSendSaysThatItWaitsForAConsumer(t *testing.T) {
	a := newTestApp("")
	a.router.noCredit = true
	a.patience = time.Nanosecond
	released := a.router.released
	a.app.err = writerFunc(func(p []byte) (int, error) {
		if strings.Contains(string(p), `waiting for a consumer on "orders"; start one with: meshway receive orders`) {
			close(released)
		}
		return a.err.Write(p)
	})
	a.want(t, 0, "send", "orders", "x")
	wantText(t, a.out, "message 1: accepted")
}

func TestSendSaysThatItWaitsBeforeItSaysThatItGaveUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newTestApp("")
		a.router.noCredit = true
		a.patience = time.Second
		a.app.err = writerFunc(func(p []byte) (int, error) {
			if strings.Contains(string(p), "waiting") {
				time.Sleep(time.Second) // a slow terminal
			}
			return a.err.Write(p)
		})
		a.want(t, 1, "send", "orders", "x", "--timeout", "1001ms")
		if first, _, _ := strings.Cut(a.err.String(), "\n"); !strings.HasPrefix(first, "waiting for a consumer") {
			t.Errorf("it said first %q", first)
		}
	})
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func TestSendGivesUp(t *testing.T) {
	a := newTestApp("")
	a.router.noCredit = true
	a.want(t, 1, "send", "orders", "x", "--timeout", "1ms")
	wantText(t, a.err, `meshway: no consumer on "orders" took messages for 1ms; start one with: meshway receive orders`)

	// Another terminal does not have the variable.
	a = newTestApp("")
	a.router.noCredit = true
	a.getenv = func(name string) string { return map[string]string{urlEnv: "amqp://u:secret@b.example"}[name] }
	a.want(t, 1, "send", "orders", "x", "--timeout", "1ms")
	wantText(t, a.err, "start one with: meshway receive --url amqp://USER:PASSWORD@b.example orders")

	a = newTestApp("")
	a.router.noState = true
	a.want(t, 1, "send", "orders", "x", "--timeout", "1ms")
	wantText(t, a.err, "a message was sent, and 1ms later nobody had settled it")
}

func TestSendInterrupted(t *testing.T) {
	typing := make(chan struct{})
	defer close(typing)
	for _, args := range [][]string{{"send", "q", "x"}, {"send", "q"}, {"send", "q", "--stdin-whole"}} {
		ctx, cancel := context.WithCancel(t.Context())
		a := newTestApp("")
		a.router.noCredit = true
		a.in = endless{typing}
		cancel()
		if code := a.run(ctx, args); code != 1 || a.err.String() != "meshway: interrupted\n" {
			t.Errorf("%v: exit code %d, said %q", args, code, a.err)
		}
	}
}

func TestSendReportsARefusedAddress(t *testing.T) {
	a := newTestApp("")
	a.router.refuse = explainAttach("nowhere", &amqp.LinkError{RemoteErr: &amqp.Error{Condition: "amqp:not-found", Description: "Node not found"}})
	a.want(t, 1, "send", "nowhere", "x")
	if want := "meshway: the router refused the address \"nowhere\": amqp:not-found: Node not found\n"; a.err.String() != want {
		t.Errorf("got %q, want %q", a.err, want)
	}
}

func TestSendRequests(t *testing.T) {
	a := newTestApp("")
	a.router.answer = func(request *amqp.Message) *amqp.Message {
		m := message("echo of " + request.Value.(string))
		m.Properties.CorrelationID = request.Properties.MessageID
		return m
	}
	a.want(t, 0, "send", "quotes", "tea", "coffee", "--request")
	if a.out.String() != "echo of tea\necho of coffee\n" {
		t.Errorf("got %q", a.out)
	}
	first, second := a.router.sent[0].Properties, a.router.sent[1].Properties
	if *first.ReplyTo != "temp.1" || first.MessageID == nil || first.MessageID == second.MessageID {
		t.Errorf("got requests %+v and %+v", first, second)
	}
}

func TestSendRequestToAReplierThatSettlesLast(t *testing.T) {
	a := newTestApp("")
	a.router.stateAfterReply = true
	a.router.answer = func(*amqp.Message) *amqp.Message { return message("here you are") }
	a.want(t, 0, "send", "quotes", "tea", "--request")
	wantText(t, a.out, "here you are\n")
}

func TestSendRequestPassesOverForeignReplies(t *testing.T) {
	a := newTestApp("")
	stale := message("too late")
	stale.Properties.CorrelationID = "another"
	a.router.incoming = []*amqp.Message{stale}
	a.router.answer = func(request *amqp.Message) *amqp.Message {
		m := message("in time")
		m.Properties.CorrelationID = request.Properties.CorrelationID
		return m
	}
	a.want(t, 0, "send", "quotes", "tea", "--request", "--correlation-id", "mine", "-o", "json")
	wantText(t, a.out, `"reply":{"body":"in time"`)
}

func TestSendRequestWithoutReply(t *testing.T) {
	a := newTestApp("")
	a.want(t, 1, "send", "quotes", "tea", "--request", "--timeout", "1ms")
	wantText(t, a.err, "the request was accepted, and 1ms later there was no reply")

	a = newTestApp("")
	a.router.script = []amqp.DeliveryState{&amqp.StateReleased{}}
	a.want(t, 1, "send", "quotes", "tea", "--request")
	wantText(t, a.out, "message 1: released")
}

func TestSendUsageErrors(t *testing.T) {
	tests := []struct {
		want string
		args []string
	}{
		{"requires at least 1 arg(s), only received 0: meshway send ADDRESS [MESSAGE...]", nil},
		{"unknown flag: --cuont", []string{"q", "--cuont", "1"}},
		{"--count 0", []string{"q", "x", "--count", "0"}},
		{"--count repeats messages", []string{"q", "--count", "2"}},
		{"--size -2", []string{"q", "--size", "-2"}},
		{"--size 99999999999999: it must be at most 1073741824; meshway bench --stream", []string{"q", "--size", "99999999999999"}},
		{"--size makes the message up", []string{"q", "x", "--size", "1"}},
		{"--size makes the message up", []string{"q", "--stdin-whole", "--size", "1"}},
		{"--stdin-whole reads the message", []string{"q", "x", "--stdin-whole"}},
		{"--settle \"first\"", []string{"q", "x", "--settle", "first"}},
		{"--output \"xml\"", []string{"q", "x", "-o", "xml"}},
		{"--priority 10", []string{"q", "x", "--priority", "10"}},
		{"--ttl -1s", []string{"q", "x", "--ttl", "-1s"}},
		{"--ttl 1ns: it must be from 1ms", []string{"q", "x", "--ttl", "1ns"}},
		{"--timeout -1s", []string{"q", "x", "--timeout", "-1s"}},
		{"--rate -1", []string{"q", "x", "--rate", "-1"}},
		{"--rate NaN", []string{"q", "x", "--rate", "nan"}},
		{"--rate +Inf", []string{"q", "x", "--rate", "inf"}},
		{`--rate "fast": it must be a number`, []string{"q", "x", "--rate", "fast"}},
		{`--timeout "soon": it must be a duration such as`, []string{"q", "x", "--timeout", "soon"}},
		{`--size "1k": it must be a whole number`, []string{"q", "--size", "1k"}},
		{"--priority 300", []string{"q", "x", "--priority", "300"}},
		{"the address is empty", []string{"", "x"}},
		{`the address "q\xff" is no text in UTF-8`, []string{"q\xff", "x"}},
		{`the address "q\xff" is no text in UTF-8`, []string{"q\xff", "x", "--to", "r"}},
		{"message 2 is no text in UTF-8; --data", []string{"q", "x", "y\xff"}},
		{`"s\xff" is no text in UTF-8`, []string{"q", "x", "--subject", "s\xff"}},
		{`"k=\xff" is no text in UTF-8`, []string{"q", "x", "-p", "k=\xff"}},
		{`--property "k": it must be NAME=VALUE`, []string{"q", "x", "-p", "k"}},
		{"--property k is given twice", []string{"q", "x", "-p", "k=1", "-p", "k=2"}},
		{"leave --reply-to out", []string{"q", "x", "--request", "--reply-to", "r"}},
		{"--url: there is no port", []string{"q", "x", "--url", "amqp://a:0"}},
	}
	for _, tt := range tests {
		a := newTestApp("")
		a.want(t, 2, append([]string{"send"}, tt.args...)...)
		wantText(t, a.err, "meshway: ", tt.want, "; see meshway send --help\n")
		if strings.Count(a.err.String(), "\n") != 1 || a.out.String() != "" || len(a.dialled) != 0 {
			t.Errorf("%v: said %q and %q, dialled %v; want one line and nothing else", tt.args, a.err, a.out, a.dialled)
		}
	}
}

func TestErrorOfStandardInputIsReported(t *testing.T) {
	a := newTestApp("")
	a.in = readerFunc(func([]byte) (int, error) { return 0, errors.New("disk on fire") })
	a.want(t, 1, "send", "q")
	wantText(t, a.err, "read standard input: disk on fire")
}

func TestBytesThatAreNoTextAreSentAsDataOnly(t *testing.T) {
	a := newTestApp("text\nno \xff text\n")
	a.want(t, 1, "send", "q")
	wantText(t, a.err, "line 2 is no text in UTF-8; --data")
	b := newTestApp("no \xff text\n")
	b.want(t, 0, "send", "q", "--data")
	if got := b.router.sent[0].Data; len(got) != 1 || string(got[0]) != "no \xff text" {
		t.Errorf("sent %q", got)
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }
