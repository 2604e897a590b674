package frametrace

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"

	"github.com/meshway/meshway/internal/logging"
	"github.com/meshway/meshway/internal/wire"
)

// page is what was logged; its writer can be held up.
type page struct {
	mu    sync.Mutex
	lines []string
	gate  chan struct{} // closed when lines may be written; nil is at once
}

func (p *page) Write(b []byte) (int, error) {
	p.mu.Lock()
	gate := p.gate
	p.mu.Unlock()
	if gate != nil {
		<-gate
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	_, text, _ := strings.Cut(strings.TrimSuffix(string(b), "\n"), "  ") // without the time
	p.lines = append(p.lines, text)
	return len(b), nil
}

// take is the lines since the last call, when all is written.
func (p *page) take() []string {
	synctest.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	lines := p.lines
	p.lines = nil
	return lines
}

// newTracer is a tracer into a log whose level hides what it writes, unless that is asked for.
func newTracer(t *testing.T) (*page, *Tracer) {
	t.Helper()
	p := new(page)
	log, err := logging.New(p, logging.Options{Level: "error", Format: "console"})
	if err != nil {
		t.Fatal(err)
	}
	return p, New(logging.Always(log.Named("protocol")))
}

// bubble runs a story in virtual time, with the trace of a connection.
func bubble(t *testing.T, story func(t *testing.T, p *page, tr *Trace)) {
	synctest.Test(t, func(t *testing.T) {
		p, tracer := newTracer(t)
		story(t, p, tracer.Trace(7, "client"))
	})
}

const by = `  {"connection": 7, "container": "client"}`

func wantLines(t *testing.T, p *page, want ...string) {
	t.Helper()
	got := p.take()
	for i := range want {
		want[i] = "debug  protocol  " + want[i] + by
	}
	if !slices.Equal(got, want) {
		t.Errorf("logged\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// transfer is a frame with a payload.
func transfer(tr *wire.Transfer, payload string) []byte {
	b, start := wire.BeginFrame(nil, wire.FrameAMQP, 3)
	return wire.EndFrame(append(tr.Append(b), payload...), start)
}

func first(more bool) *wire.Transfer {
	return &wire.Transfer{DeliveryID: wire.Some[uint32](0), DeliveryTag: []byte{9}, More: more}
}

func attach() []byte { return wire.AppendFrame(nil, 3, &wire.Attach{Name: "q"}) }

func TestEachFrameIsALine(t *testing.T) {
	bubble(t, func(t *testing.T, p *page, tr *Trace) {
		tr.OnFrame(false, wire.ProtoSASL[:], nil)
		tr.OnFrame(true, wire.AppendSASLFrame(nil, &wire.SASLMechanisms{Mechanisms: []wire.Symbol{"PLAIN"}}), nil)
		tr.OnFrame(false, wire.AppendSASLFrame(nil, &wire.SASLInit{Mechanism: "PLAIN", InitialResponse: []byte("\x00a\x00secret")}), nil)
		tr.OnFrame(true, wire.AppendFrame(nil, 3, &wire.Begin{IncomingWindow: 5}), nil)
		tr.OnFrame(false, attach(), nil)
		tr.OnFrame(false, transfer(first(false), "\x00Su\xa0\x02hi"), nil)
		tr.OnFrame(true, attach(), nil)
		tr.OnFrame(true, transfer(&wire.Transfer{}, ""), []byte("what lies elsewhere"))
		tr.OnFrame(true, wire.AppendEmptyFrame(nil), nil)
		tr.OnFrame(false, wire.AppendFrame(nil, 0, &wire.Close{}), nil)
		tr.OnFrame(false, []byte("\x00\x00\x00\x0a\x02\x00\x00\x00ab"), nil)
		tr.OnFrame(false, []byte("\x00\x00\x00\x08\xff\x00\x00\x00"), nil)
		wantLines(t, p, "<- protocol header of SASL",
			"-> sasl-mechanisms sasl-server-mechanisms=[PLAIN]",
			"<- sasl-init mechanism=PLAIN initial-response=(11 bytes, not shown)",
			"-> channel 3: begin next-outgoing-id=0 incoming-window=5 outgoing-window=0",
			`<- channel 3: attach name="q" handle=0 role=sender`,
			`<- channel 3: transfer handle=0 delivery-id=0 delivery-tag=0x09 payload=(7 bytes) "\x00Su\xa0\x02hi"`,
			`-> channel 3: attach name="q" handle=0 role=sender`,
			`-> channel 3: transfer handle=0 payload=(19 bytes) "what lies elsewhere"`,
			"-> channel 0: empty frame",
			"<- channel 0: close",
			"<- channel 0: not understood: performative.descriptor: want described value, got short (0x61)",
			"<- channel 0: not understood: 8 bytes with a header that no frame has")
	})
}

func TestTheOtherEndIsCalledWhatItsOpenSays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, tracer := newTracer(t)
		tr := tracer.Trace(8, "")
		tr.OnFrame(true, wire.AppendFrame(nil, 0, &wire.Open{ContainerID: "us"}), nil)
		tr.OnFrame(false, wire.AppendFrame(nil, 0, &wire.Open{ContainerID: strings.Repeat("ü", 200)}), nil)
		tr.OnFrame(false, wire.AppendEmptyFrame(nil), nil)
		got := p.take()
		if want := fmt.Sprintf(`{"connection": 8, "container": "%s"}`, strings.Repeat("ü", 100)); len(got) != 3 || !strings.HasSuffix(got[2], want) {
			t.Errorf("logged %q, want it to end with %s", got, want)
		}
	})
}

// What begins a message is shown, as far as it is not told to do something.
func TestBytesThatMayBeSecretAreNotShown(t *testing.T) {
	request, err := (&wire.Message{
		ApplicationProperties: wire.Map{{Key: "operation", Value: "CREATE"}},
		Value:                 wire.Some[any](wire.Map{{Key: "saslPassword", Value: "secret"}}),
	}).Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	long := "\x00Su\xb0\x00\x00\x10\x00" + strings.Repeat("x", 100)
	for name, tt := range map[string]struct {
		frames [][]byte
		shown  []string // of each frame: what stands behind the size of the payload
	}{
		"a message of several frames": {[][]byte{attach(), transfer(first(true), long), transfer(&wire.Transfer{More: true}, "secret"), transfer(first(false), "secret"), transfer(first(false), "\x00Su\xa0\x01y")},
			[]string{"", ` "\x00Su\xb0\x00\x00\x10\x00` + strings.Repeat("x", 56) + `"...`, "", "", ` "\x00Su\xa0\x01y"`}},
		"a request to an agent":              {[][]byte{attach(), transfer(first(false), string(request))}, []string{"", ` "\x00St\xc1\x14\x02\xa1\toperation"...`}},
		"a link that was there before":       {[][]byte{transfer(first(false), "secret"), transfer(first(false), "\x00Su\xa0\x01y")}, []string{"", ` "\x00Su\xa0\x01y"`}},
		"the middle of a message":            {[][]byte{transfer(&wire.Transfer{}, "\x00Su\xa0\x06secret")}, []string{""}},
		"a message that was given up":        {[][]byte{attach(), transfer(&wire.Transfer{More: true, Aborted: true}, "secret"[:0]), transfer(first(false), "y")}, []string{"", "", ` "y"`}},
		"a link in the place of another one": {[][]byte{attach(), transfer(first(true), ""), attach(), transfer(first(false), "y")}, []string{"", "", "", ` "y"`}},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, p *page, tr *Trace) {
				for _, f := range tt.frames {
					tr.OnFrame(false, f, nil)
				}
				for i, l := range p.take() {
					_, shown, _ := strings.Cut(strings.TrimSuffix(l, by), " bytes)")
					if shown != tt.shown[i] || strings.Contains(l, "secret") {
						t.Errorf("frame %d: logged %s\nwant it to show %s", i, l, tt.shown[i])
					}
				}
			})
		})
	}
}

func TestLinesOfASecondAreBounded(t *testing.T) {
	bubble(t, func(t *testing.T, p *page, tr *Trace) {
		beat := wire.AppendEmptyFrame(nil)
		for range perSecond + 1500 {
			tr.OnFrame(true, beat, nil)
		}
		if n := len(p.take()); n != perSecond {
			t.Errorf("%d lines in a second, want %d", n, perSecond)
		}
		time.Sleep(time.Second)
		wantLines(t, p, "1500 frames are not shown: there were more than 500 lines a second, or the log is slow")
		tr.OnFrame(true, beat, nil)
		wantLines(t, p, "-> channel 0: empty frame")
		time.Sleep(10 * time.Second)
		wantLines(t, p)
	})
}

// Several connections share what may be written.
func TestLinesAreBoundedOverAllConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, tracer := newTracer(t)
		for i := range uint64(10) {
			tr := tracer.Trace(i, "c")
			for range perSecond {
				tr.OnFrame(true, wire.AppendEmptyFrame(nil), nil)
			}
		}
		if n := len(p.take()); n != perSecond {
			t.Errorf("%d lines in a second, want %d", n, perSecond)
		}
		time.Sleep(time.Second)
		if n := len(p.take()); n != 9 {
			t.Errorf("%d connections say that frames are not shown, want 9", n)
		}
	})
}

// A log that nobody reads holds up nobody, and only so much waits for it.
func TestALogThatHangsHoldsUpNoConnection(t *testing.T) {
	bubble(t, func(t *testing.T, p *page, tr *Trace) {
		p.gate = make(chan struct{})
		const seconds = 20
		for range seconds {
			for range perSecond {
				tr.OnFrame(true, wire.AppendEmptyFrame(nil), nil) // in a bubble, waiting for ever ends the test
			}
			time.Sleep(time.Second)
		}
		close(p.gate)
		time.Sleep(3 * time.Second)
		lines, left := p.take(), 0
		for _, l := range lines {
			var n int
			if _, err := fmt.Sscanf(l, "debug  protocol  %d frames", &n); err == nil {
				left += n
			}
		}
		if len(lines) > perSecond+mostWaiting+10 || left < (seconds-4)*perSecond {
			t.Errorf("%d lines, and %d frames said to be left out", len(lines), left)
		}
	})
}

func TestLinksKeptAccountOfAreBounded(t *testing.T) {
	bubble(t, func(t *testing.T, p *page, tr *Trace) {
		for h := range uint32(3 * mostLinks) {
			tr.OnFrame(false, wire.AppendFrame(nil, 0, &wire.Attach{Handle: h}), nil)
			if len(tr.links) > mostLinks {
				t.Fatalf("%d links", len(tr.links))
			}
		}
		p.take()
		time.Sleep(2 * time.Second)
	})
}

func FuzzOnFrame(f *testing.F) {
	f.Add(attach(), []byte(nil))
	f.Add(transfer(first(true), "x"), []byte("y"))
	f.Fuzz(func(_ *testing.T, frame, rest []byte) {
		f := parse(frame, rest)
		tr := New(zap.NewNop()).Trace(1, "")
		for range 2 {
			f.text(true, tr.follow(true, &f))
		}
		f.text(true, true)
	})
}
