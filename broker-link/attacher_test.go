package brokerlink

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"

	"github.com/meshway/meshway/internal/amqp"
	"github.com/meshway/meshway/internal/wire"
)

// frames is a broker that speaks frame by frame: it answers open, begin and attach, unless
// told otherwise, and writes down what comes.
type frames struct {
	t         *testing.T
	conn      net.Conn
	handleMax uint32
	channels  uint16

	mu     sync.Mutex
	heard  []string
	silent bool // begins are not answered
	held   []wire.Attach
	holds  bool // attaches are held, not answered
	counts map[uint16]int
	most   int // links on one session
}

// attaching has an attacher attach n links at a broker, and returns when all has been done
// that can be.
func attaching(t *testing.T, n int, change func(f *frames, m *Manners), story func(f *frames, a *Attacher, links []*Attachment)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		f := &frames{t: t, conn: far, handleMax: 255, channels: 100, counts: map[uint16]int{}}
		m := new(Manners)
		change(f, m)
		go f.read() // ends with the connection
		c := amqp.NewClient(near, &amqp.Config{ContainerID: "router", MaxFrameSize: 4096, ChannelMax: 1000}, handler{})
		done := make(chan struct{})
		c.Start(func(error) { close(done) })
		synctest.Wait()
		a := NewAttacher(c, m)
		var links []*Attachment
		for i := range n {
			end := &end{name: fmt.Sprintf("link-%03d", i)}
			links = append(links, a.Add(Spec{Log: zap.NewNop(), Attach: end.attach, Look: func(time.Time) {}}))
		}
		stopped := make(chan struct{})
		go func() {
			defer close(stopped)
			a.Run()
		}()
		synctest.Wait()
		story(f, a, links)
		c.Abort(errors.New("the story is over"))
		<-done
		a.Stop()
		<-stopped
	})
}

type handler struct{}

func (handler) OnOpen(*amqp.Conn, *amqp.Batch) *wire.Error    { return nil }
func (handler) OnAttach(b *amqp.Batch, r *amqp.AttachRequest) { r.Refuse(b, nil) }
func (handler) OnFault(*amqp.Conn, string, *wire.Error)       {}

// end is our end of a link.
type end struct {
	name string
	at   *Attachment
	link *amqp.Sender
}

func (e *end) Attaching(l *amqp.Sender) { e.link = l }

func (e *end) attach(b *amqp.Batch, s *amqp.Session, at *Attachment) error {
	e.at = at
	_, err := s.AttachSender(b, e.name, e, &amqp.Answer{Source: &wire.Source{}, Target: &wire.Target{}})
	return err
}

func (e *end) OnAttached(b *amqp.Batch, _ *wire.Attach) { e.at.Answered(b, e.link) }
func (e *end) OnSendable(*amqp.Batch, *amqp.Sender)     {}
func (e *end) OnDetach(b *amqp.Batch, err *wire.Error)  { e.at.Ended(b, err) }

// read answers frames until the connection ends.
func (f *frames) read() {
	f.write(0, nil)
	var in []byte
	buffer := make([]byte, 4096)
	header := true
	for {
		n, err := f.conn.Read(buffer)
		if err != nil {
			return
		}
		in = append(in, buffer[:n]...)
		if header && len(in) >= 8 {
			in, header = in[8:], false
		}
		for !header {
			fr, n, err := wire.ParseFrame(in, 4096)
			if err != nil || n == 0 {
				break
			}
			f.answer(fr)
			in = in[n:]
		}
	}
}

func (f *frames) answer(fr wire.Frame) {
	if len(fr.Body) == 0 {
		return
	}
	code, fields, _, err := wire.ParsePerformative(fr.Body)
	if err != nil {
		f.t.Error(err)
		return
	}
	switch code {
	case wire.CodeOpen:
		f.write(0, &wire.Open{ContainerID: "broker", ChannelMax: wire.Some(f.channels)})
	case wire.CodeBegin:
		f.note("begin")
		f.mu.Lock()
		silent := f.silent
		f.mu.Unlock()
		if !silent {
			f.write(fr.Channel, &wire.Begin{RemoteChannel: wire.Some(fr.Channel), IncomingWindow: 100, OutgoingWindow: 100, HandleMax: wire.Some(f.handleMax)})
		}
	case wire.CodeAttach:
		var p wire.Attach
		if err := p.Decode(fields); err != nil {
			f.t.Error(err)
		}
		f.note("attach")
		f.mu.Lock()
		f.counts[fr.Channel]++
		f.most = max(f.most, f.counts[fr.Channel])
		f.mu.Unlock()
		if p.Handle > f.handleMax {
			f.t.Errorf("handle %d is above handle-max %d", p.Handle, f.handleMax)
		}
		p.Role = !p.Role
		f.mu.Lock()
		holds := f.holds
		if holds {
			f.held = append(f.held, p)
		}
		f.mu.Unlock()
		if !holds {
			f.write(fr.Channel, &p)
		}
	case wire.CodeDetach:
		f.note("detach")
		f.mu.Lock()
		f.counts[fr.Channel]--
		f.mu.Unlock()
	case wire.CodeEnd:
		f.note("end")
		f.write(fr.Channel, &wire.End{})
	}
}

func (f *frames) note(what string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.heard = append(f.heard, what)
}

// write sends a frame, or the header for none.
func (f *frames) write(ch uint16, p wire.Performative) {
	b := wire.ProtoAMQP[:]
	if p != nil {
		b = wire.AppendFrame(nil, ch, p)
	}
	_, _ = f.conn.Write(b)
}

// answerHeld answers the attaches of the first n links that are held, which came on channel
// 0: not those that came first, as links that waited for the begin come after later ones.
func (f *frames) answerHeld(n int) {
	f.mu.Lock()
	slices.SortFunc(f.held, func(a, b wire.Attach) int { return strings.Compare(a.Name, b.Name) })
	list := f.held[:n]
	f.held = f.held[n:]
	f.mu.Unlock()
	for i := range list {
		f.write(0, &list[i])
	}
	synctest.Wait()
}

func (f *frames) count(what string) (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, h := range f.heard {
		if h == what {
			n++
		}
	}
	return n
}

// states are those of the links, each with how many are in it.
func states(links []*Attachment) string {
	n := map[AttachState]int{}
	for _, l := range links {
		n[l.Status().State]++
	}
	var list []string
	for s, k := range n {
		list = append(list, fmt.Sprint(k, " ", s))
	}
	slices.Sort(list)
	return strings.Join(list, ", ")
}

func wantStates(t *testing.T, why string, links []*Attachment, want string) {
	t.Helper()
	synctest.Wait()
	if got := states(links); got != want {
		t.Errorf("%s: %s, want %s", why, got, want)
	}
}

// [2.7.2] More links than handle-max allows need more sessions.
func TestMoreSessionsAreBegunWhenHandlesRunOut(t *testing.T) {
	attaching(t, 100, func(f *frames, _ *Manners) { f.handleMax = 7 }, func(f *frames, _ *Attacher, links []*Attachment) {
		wantStates(t, "all", links, "100 active")
		if n := f.count("begin"); n != 13 {
			t.Errorf("%d sessions for 100 links of 8 each", n)
		}
	})
}

// [2.7.1] channel-max is obeyed: what finds no place is tried again, and others live.
func TestWhenThereAreNeitherHandlesNorChannelsTheRestWaits(t *testing.T) {
	attaching(t, 20, func(f *frames, _ *Manners) { f.handleMax, f.channels = 3, 2 }, func(f *frames, _ *Attacher, links []*Attachment) {
		wantStates(t, "as many as fit", links, "12 active, 8 failed")
		for i, l := range links {
			if s := l.Status(); s.State == Failed && !strings.Contains(s.LastError, "channels") {
				t.Errorf("the last error of link %d is %q", i, s.LastError)
			}
		}
		time.Sleep(time.Minute)
		wantStates(t, "later", links, "12 active, 8 failed")
	})
}

// Handle-max is not known before the peer has answered begin, but one link fits always.
func TestOnlyOneLinkIsAttachedToASessionThatIsNotAnswered(t *testing.T) {
	attaching(t, 10, func(f *frames, _ *Manners) { f.silent = true }, func(f *frames, _ *Attacher, links []*Attachment) {
		if n := f.count("attach"); n != 1 {
			t.Errorf("%d attaches", n)
		}
	})
}

func TestASessionForOneLinkEndsWithIt(t *testing.T) {
	attaching(t, 3, func(_ *frames, m *Manners) { m.learn() }, func(f *frames, _ *Attacher, links []*Attachment) {
		wantStates(t, "all", links, "3 active")
		if f.count("begin") != 3 || f.most != 1 {
			t.Errorf("%d sessions, up to %d links on one", f.count("begin"), f.most)
		}
		f.write(1, &wire.Detach{Handle: 0, Closed: true})
		time.Sleep(time.Second)
		wantStates(t, "attached again", links, "3 active")
		if f.count("end") != 1 || f.count("begin") != 4 {
			t.Errorf("%d sessions were ended, %d begun", f.count("end"), f.count("begin"))
		}
	})
}

func TestALinkThatIsRemovedIsNotAttachedAgain(t *testing.T) {
	attaching(t, 2, func(*frames, *Manners) {}, func(f *frames, _ *Attacher, links []*Attachment) {
		var b amqp.Batch
		links[0].Remove(&b)
		b.Flush()
		synctest.Wait()
		if n := f.count("detach"); n != 1 {
			t.Errorf("%d detaches", n)
		}
		f.write(0, &wire.Detach{Handle: 0, Closed: true})
		f.write(0, &wire.Detach{Handle: 1, Closed: true})
		time.Sleep(time.Minute)
		wantStates(t, "the other one", links, "1 active, 1 failed")
		if n := f.count("attach"); n != 3 {
			t.Errorf("%d attaches", n)
		}
	})
}

func TestTheWaitOfALinkGrowsUntilItHasHeld(t *testing.T) {
	now := time.Unix(1000, 0)
	var a attempt
	fail := func(held time.Duration) time.Duration {
		a.attaching(now)
		if held > 0 {
			a.answered(now)
			now = now.Add(held)
		}
		a.ended(now, errRefused, func(int64) int64 { return 0 })
		if a.wants(a.due.Add(-1)) || !a.wants(a.due) {
			t.Error("it is not due when it is due")
		}
		return a.due.Sub(now)
	}
	for i, want := range []time.Duration{500, 1000, 2000, 4000, 8000, 16000, 30000, 30000} {
		if got := fail(0); got != want*time.Millisecond {
			t.Errorf("wait %d is %v, want %d ms", i+1, got, want)
		}
	}
	if got := fail(time.Second); got != 30*time.Second {
		t.Errorf("after a second the wait is %v", got)
	}
	if got := fail(5 * time.Second); got != 500*time.Millisecond {
		t.Errorf("after it has held the wait is %v", got)
	}
}

func TestReasonsThatWereNotGiven(t *testing.T) {
	e := &wire.Error{Condition: wire.CondNotFound}
	never := time.Time{}
	if reasonOf(e, true, never) != error(e) || reasonOf(nil, true, never) != errRefused || reasonOf(nil, false, never) != errEnded {
		t.Error("reasons are mixed up")
	}
}

func TestWhatWasThereAndIsNotIsSaidToBeMissing(t *testing.T) {
	seen := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	e := &wire.Error{Condition: wire.CondNotFound, Description: "no queue q"}
	missing := reasonOf(e, true, seen)
	if text := missing.Error(); !strings.Contains(text, "no queue q: it was there until 2026-01-02 03:04:05") {
		t.Errorf("it says %q", text)
	}
	if text := advice(missing); !strings.Contains(text, "without its data") {
		t.Errorf("the advice is %q", text)
	}
	other := &wire.Error{Condition: wire.CondUnauthorizedAccess}
	if reasonOf(other, true, seen) != error(other) || reasonOf(e, false, seen) != error(e) {
		t.Error("other reasons are said to be that")
	}
}

// The first link's answer is not waited for.
func TestMoreLinksFollowWhenTheSessionIsAnswered(t *testing.T) {
	attaching(t, 10, func(f *frames, _ *Manners) { f.holds = true }, func(_ *frames, _ *Attacher, links []*Attachment) {
		wantStates(t, "none is answered", links, "10 attaching")
	})
}

func TestALinkThatLeavesMakesRoomForAnother(t *testing.T) {
	attaching(t, 2, func(f *frames, _ *Manners) { f.handleMax, f.channels = 0, 1 }, func(f *frames, _ *Attacher, links []*Attachment) {
		wantStates(t, "a handle on each of two sessions", links, "2 active")
		f.write(0, &wire.Detach{Handle: 0, Closed: true})
		time.Sleep(time.Minute)
		wantStates(t, "when one was detached, and has been attached again", links, "2 active")
	})
}

// 64 wait at a time; those that have waited for too long count no more, whatever becomes of them.
func TestWhatIsAnsweredLateIsNotCountedTwice(t *testing.T) {
	attaching(t, 300, func(f *frames, _ *Manners) { f.handleMax, f.holds = 1000, true }, func(f *frames, _ *Attacher, links []*Attachment) {
		wantStates(t, "at once", links, "236 inactive, 64 attaching")
		time.Sleep(answerWithin + time.Second)
		wantStates(t, "when those are late", links, "128 attaching, 172 inactive")
		f.answerHeld(64)
		wantStates(t, "when the late ones are answered", links, "172 inactive, 64 active, 64 attaching")
		f.answerHeld(10)
		wantStates(t, "when others are", links, "162 inactive, 64 attaching, 74 active")
	})
}

func TestALinkThatIsRemovedWhileItWaitsMakesRoomForAnother(t *testing.T) {
	attaching(t, 100, func(f *frames, _ *Manners) { f.handleMax, f.holds = 1000, true }, func(f *frames, a *Attacher, links []*Attachment) {
		var b amqp.Batch
		for _, l := range links[:10] {
			l.Remove(&b)
		}
		b.Flush()
		a.wake()
		wantStates(t, "the others", links[10:], "26 inactive, 64 attaching")
		f.answerHeld(10)
		a.wake()
		wantStates(t, "when those are answered that nobody wants", links[10:], "26 inactive, 64 attaching")
	})
}

func TestWaitsBetweenAttachesAreChanceInPart(t *testing.T) {
	attaching(t, 0, func(*frames, *Manners) {}, func(_ *frames, a *Attacher, _ []*Attachment) {
		began := time.Now()
		var at []time.Duration // when it was tried
		a.Add(Spec{Log: zap.NewNop(), Attach: func(*amqp.Batch, *amqp.Session, *Attachment) error {
			at = append(at, time.Since(began))
			return errors.New("no")
		}})
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		wantChance(t, at[len(at)-6:])
	})
}
