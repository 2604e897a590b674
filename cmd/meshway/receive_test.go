package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/Azure/go-amqp"
)

func messages(bodies ...any) []*amqp.Message {
	var list []*amqp.Message
	for _, b := range bodies {
		list = append(list, message(b))
	}
	return list
}

func TestReceivePrintsAndAccepts(t *testing.T) {
	a := newTestApp("")
	a.router.incoming = messages("one", "two", []byte("three"), []byte{0xff, 0x00}, []byte{0xfe}, int64(7), map[string]any{"k": []any{true, nil}})
	a.want(t, 0, "receive", "q", "--count", "7")
	if want := "one\ntwo\nthree\n2 bytes: ff00\n1 byte: fe\n7\n{\"k\":[true,null]}\n"; a.out.String() != want {
		t.Errorf("got %q, want %q", a.out, want)
	}
	if want := slices.Repeat([]outcome{outcomeAccept}, 7); !reflect.DeepEqual(a.router.outcomes, want) {
		t.Errorf("got %v", a.router.outcomes)
	}
	if !reflect.DeepEqual(a.router.links, []string{"<q"}) || !a.router.closed {
		t.Errorf("got links %v, closed %v", a.router.links, a.router.closed)
	}
}

func TestReceiveOutcomes(t *testing.T) {
	for _, o := range outcomes {
		a := newTestApp("")
		a.router.incoming = messages("x")
		a.want(t, 0, "receive", "q", "--count", "1", "--outcome", o, "-o", "json")
		if !reflect.DeepEqual(a.router.outcomes, []outcome{outcome(o)}) {
			t.Errorf("%s: got %v", o, a.router.outcomes)
		}
		past := map[string]string{"accept": "accepted", "reject": "rejected", "release": "released", "modify": "modified"}[o]
		wantText(t, a.out, `"outcome":"`+past+`"`)
	}
}

func TestReceiveQuietPrintsTheNumberAlone(t *testing.T) {
	a := newTestApp("")
	a.router.incoming = messages("x", "y")
	a.want(t, 0, "receive", "q", "--count", "2", "--quiet")
	if a.out.String() != "" || a.err.String() != "2 received\n" {
		t.Errorf("got %q and %q", a.out, a.err)
	}
}

func TestReceiveSettled(t *testing.T) {
	a := newTestApp("")
	a.router.incoming = messages("x")
	a.want(t, 0, "receive", "q", "--count", "1", "--settle", "settled", "-o", "json")
	wantText(t, a.out, `"outcome":"settled"`)
	if !a.router.settled {
		t.Error("the link was not asked to be one for settled messages")
	}
}

// More credit than messages wanted would take messages away from others.
func TestReceiveGrantsNoMoreCreditThanItWants(t *testing.T) {
	sum := func(list []uint32) (n uint32) {
		for _, v := range list {
			n += v
		}
		return n
	}
	tests := []struct {
		count, credit string
		bodies        int
		grants        []uint32
	}{
		{"3", "100", 3, []uint32{3}},
		{"10", "4", 10, []uint32{4, 2, 2, 2}},
		{"1", "1", 1, []uint32{1}},
	}
	for _, tt := range tests {
		a := newTestApp("")
		a.router.incoming = messages(slices.Repeat([]any{"x"}, tt.bodies)...)
		a.want(t, 0, "receive", "q", "--quiet", "--count", tt.count, "--credit", tt.credit)
		if !reflect.DeepEqual(a.router.granted, tt.grants) || sum(a.router.granted) != uint32(tt.bodies) {
			t.Errorf("count %s, credit %s: granted %v, want %v", tt.count, tt.credit, a.router.granted, tt.grants)
		}
	}
}

func TestReceiveJSON(t *testing.T) {
	a := newTestApp("")
	e := envelope{durable: true, priority: 7, ttl: time.Second, messageID: "m", to: "t", subject: "s", replyTo: "r", correlationID: "c",
		contentType: "text/plain", groupID: "g", application: map[string]any{"n": int32(1)}}
	m := e.message("body")
	m.Header.DeliveryCount = 2
	m.Annotations = amqp.Annotations{"x-opt": []byte{0xff}, int64(5): "five"}
	m.DeliveryAnnotations = amqp.Annotations{"d": 1.5}
	created, sequence := time.Unix(0, 0), uint32(4)
	m.Properties.CreationTime, m.Properties.GroupSequence = &created, &sequence
	m.Properties.UserID = []byte("alice")
	a.router.incoming = []*amqp.Message{m}
	a.want(t, 0, "receive", "q", "--count", "1", "-o", "json")
	var got map[string]any
	if err := json.Unmarshal([]byte(a.out.String()), &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"address": "q", "outcome": "accepted", "body": "body", "durable": true, "priority": 7.0, "ttl": "1s", "deliveryCount": 2.0,
		"messageId": "m", "to": "t", "subject": "s", "replyTo": "r", "correlationId": "c", "contentType": "text/plain", "groupId": "g",
		"groupSequence": 4.0, "creationTime": "1970-01-01T00:00:00Z", "userId": "alice",
		"applicationProperties": map[string]any{"n": 1.0},
		"messageAnnotations":    map[string]any{"x-opt": map[string]any{"base64": "/w=="}, "5": "five"},
		"deliveryAnnotations":   map[string]any{"d": 1.5},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%v\nwant\n%v", got, want)
	}
}

// TestReceiveJSONArrays: what the client has types of its own for, arrays and
// described values, comes out as JSON and not in Go's words.
func TestReceiveJSONArrays(t *testing.T) {
	for _, tt := range []struct{ what, encoded, want string }{
		{"octets", "e00503500102ff", "[1,2,255]"},
		{"binaries", "e00602a001ff0141", `[{"base64":"/w=="},"A"]`},
		{"uuids", "e0120198000000000000000000000000000000ff", `["00000000-0000-0000-0000-0000000000ff"]`},
		{"doubles", "e00a01827ff0000000000000", `["+Inf"]`},
		{"timestamps", "e00a018300000000000003e8", `["1970-01-01T00:00:01Z"]`},
		{"described", "00a303783a79c00402405005", `{"descriptor":"x:y","value":[null,5]}`},
	} {
		bytes, err := hex.DecodeString("005377" + tt.encoded) // [3.2.8] amqp-value
		if err != nil {
			t.Fatal(err)
		}
		var m amqp.Message
		if err := m.UnmarshalBinary(bytes); err != nil {
			t.Fatalf("%s: %v", tt.what, err)
		}
		a := newTestApp("")
		a.router.incoming = []*amqp.Message{&m}
		a.want(t, 0, "receive", "q", "--count", "1", "-o", "json")
		var got struct{ Body json.RawMessage }
		if err := json.Unmarshal([]byte(a.out.String()), &got); err != nil {
			t.Fatal(err)
		}
		if string(got.Body) != tt.want {
			t.Errorf("%s: got %s, want %s", tt.what, got.Body, tt.want)
		}
	}
}

func TestReceiveReplies(t *testing.T) {
	request := func() *amqp.Message {
		m := message("ping")
		reply := "temp.9"
		m.Properties.ReplyTo, m.Properties.MessageID = &reply, "id"
		m.ApplicationProperties = map[string]any{"k": "v"}
		return m
	}
	a := newTestApp("")
	a.router.incoming = []*amqp.Message{request()}
	a.router.answer = func(*amqp.Message) *amqp.Message { // to the reply: somebody has heard it
		if len(a.router.outcomes) > 0 {
			t.Error("the request was accepted before it was answered: who dies in between leaves it without an answer")
		}
		return nil
	}
	a.want(t, 0, "receive", "q", "--count", "1", "--reply")
	if len(a.router.outcomes) != 1 {
		t.Errorf("the request was settled %d times", len(a.router.outcomes))
	}
	got := a.router.sent[0]
	if *got.Properties.To != "temp.9" || got.Properties.CorrelationID != "id" || got.Value != "ping" || got.ApplicationProperties["k"] != "v" {
		t.Errorf("echoed %+v", got)
	}
	if !reflect.DeepEqual(a.router.links, []string{"<q", ">"}) {
		t.Errorf("got links %v", a.router.links)
	}

	a = newTestApp("")
	a.router.incoming = []*amqp.Message{request()}
	a.want(t, 0, "receive", "q", "--count", "1", "--reply-with", "pong")
	if got := a.router.sent[0]; got.Value != "pong" || got.ApplicationProperties != nil {
		t.Errorf("replied %+v", got)
	}
}

func TestReceiveReplyToMessagesThatWantNone(t *testing.T) {
	a := newTestApp("")
	a.router.incoming = messages("no request")
	a.want(t, 0, "receive", "q", "--count", "1", "--reply")
	wantText(t, a.err, "message 1 names no address for a reply")
	if len(a.router.sent) != 0 || len(a.router.outcomes) != 1 {
		t.Errorf("sent %v, settled %v", a.router.sent, a.router.outcomes)
	}
}

func TestReceiveReplyThatNobodyTakes(t *testing.T) {
	a := newTestApp("")
	m := message("ping")
	reply := "gone"
	m.Properties.ReplyTo = &reply
	a.router.incoming = []*amqp.Message{m}
	a.router.script = []amqp.DeliveryState{&amqp.StateReleased{}}
	a.want(t, 0, "receive", "q", "--count", "1", "--reply")
	wantText(t, a.err, "the reply to message 1 was released")
}

func TestReceiveGivesUp(t *testing.T) {
	a := newTestApp("")
	a.want(t, 1, "receive", "q", "--timeout", "1ms")
	wantText(t, a.err, `meshway: no message on "q" for 1ms`)
}

func TestReceiveInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	a := newTestApp("")
	if code := a.run(ctx, []string{"receive", "q", "--quiet"}); code != 0 || a.err.String() != "0 received\n" {
		t.Errorf("without a number: exit code %d, said %q", code, a.err)
	}
	a = newTestApp("")
	if code := a.run(ctx, []string{"receive", "q", "--count", "5"}); code != 1 {
		t.Errorf("with a number: exit code %d, want 1", code)
	}
	wantText(t, a.err, "interrupted after 0 of 5 messages")
}

func TestReceiveUsageErrors(t *testing.T) {
	tests := []struct {
		want string
		args []string
	}{
		{"accepts 1 arg(s), received 0: meshway receive ADDRESS; see", nil},
		{"accepts 1 arg(s), received 2", []string{"a", "b"}},
		{"the address is empty", []string{""}},
		{`the address "q\xff" is no text in UTF-8`, []string{"q\xff"}},
		{`--reply-with "\xff" is no text in UTF-8`, []string{"q", "--reply-with", "\xff"}},
		{"--count -1", []string{"q", "--count", "-1"}},
		{"--credit 0", []string{"q", "--credit", "0"}},
		{"--settle \"x\"", []string{"q", "--settle", "x"}},
		{"--outcome \"x\": it must be one of accept, reject, release, modify", []string{"q", "--outcome", "x"}},
		{"--outcome says nothing", []string{"q", "--settle", "settled", "--outcome", "reject"}},
		{"--output \"x\"", []string{"q", "-o", "x"}},
		{"--rate -1", []string{"q", "--rate", "-1"}},
		{"--rate NaN", []string{"q", "--rate", "nan"}},
		{`--count "all": it must be a whole number`, []string{"q", "--count", "all"}},
		{"--timeout -1s", []string{"q", "--timeout", "-1s"}},
	}
	for _, tt := range tests {
		a := newTestApp("")
		a.want(t, 2, append([]string{"receive"}, tt.args...)...)
		wantText(t, a.err, "meshway: ", tt.want, "; see meshway receive --help\n")
	}
}

// A message is somebody else's text: it must not drive the terminal.
func TestTextOnATerminal(t *testing.T) {
	evil := "\x1b]0;title\a"
	if got := text(evil, true); got != `"\x1b]0;title\a"` {
		t.Errorf("got %q", got)
	}
	if got := text(evil, false); got != evil {
		t.Errorf("into a pipe: got %q, want it as it is", got)
	}
	if got := text("two\nlines\tand a tab", true); got != "two\nlines\tand a tab" {
		t.Errorf("got %q", got)
	}
}
