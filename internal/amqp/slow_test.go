package amqp

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/meshway/meshway/internal/wire"
)

// reads lets the peer's end hold n unread bytes, no more: the engine's writes
// wait. 0 is no limit.
func (p *peer) reads(n int) { p.nc.in.set(func(s *memStream) { s.limit = n }) }

// stuff fills the engine's output until the link takes no more, and returns how
// many messages that were.
func (p *peer) stuff(name string) (n uint32) {
	p.t.Helper()
	l := p.sender(name)
	payload := []byte(strings.Repeat("x", 1000))
	for ; ; n++ {
		var res Result
		p.do(func(b *Batch) { _, _, res = l.Send(b, &Outgoing{Payload: payload}, p.h, n) })
		switch {
		case res == Full:
			return n
		case res != Sent:
			p.t.Fatalf("message %d: %v", n, res)
		}
	}
}

// skip throws away what has come.
func (p *peer) skip() {
	p.listen()
	p.in = nil
}

// A peer that makes us answer and never reads: the answers are bounded, and then
// it is closed.
func TestAPeerThatMakesUsAnswerAndNeverReads(t *testing.T) {
	for name, again := range map[string][]any{
		"echo of the session": {&wire.Flow{Echo: true}},
		"echo of a link":      {&wire.Flow{Handle: wire.Some[uint32](0), Echo: true}},
		"attach and detach":   {sending("s", 5), &wire.Detach{Handle: 5, Closed: true}},
		"links stolen":        {sending("s", 5), sending("s", 6), &wire.Detach{Handle: 5, Closed: true}, &wire.Detach{Handle: 6, Closed: true}},
		"begin and end":       {on(1, begin()), on(1, &wire.End{})},
		"faults of sessions":  {on(1, begin()), on(1, &wire.Detach{Handle: 3}), on(1, &wire.End{})},
	} {
		t.Run(name, func(t *testing.T) {
			opened(t, func(p *peer) {
				p.attachSender("q", 0)
				p.h.quiet = true
				p.reads(100)
				var b []any
				for range 100 {
					b = append(b, again...)
				}
				for range 1000 {
					p.write(b...)
					synctest.Wait()
					p.conn.mu.Lock()
					waiting, dead := p.conn.out.len(), p.conn.dead
					p.conn.mu.Unlock()
					if dead {
						p.reads(0)
						p.skip()
						p.wantShut("", "wait for a peer that does not read")
						return
					}
					if waiting > 4*outLimit {
						p.t.Fatalf("%d bytes of answers wait", waiting)
					}
				}
				p.t.Fatal("a hundred thousand answers to nobody, and it goes on")
			}, noCredit())
		})
	}
}

// A peer that never reads messages is not closed for that: it may be busy with
// the last one. It costs what fits under the mark.
func TestAPeerThatIsSentMessagesAndDoesNotRead(t *testing.T) {
	opened(t, func(p *peer) {
		p.attachReceiver("q", 0)
		p.write(grant(0, 0, 1000))
		p.reads(100)
		n := p.stuff("q")
		for range 100 {
			p.write(frame{}) // it lives
			time.Sleep(time.Minute)
		}
		p.send("q", "still", 0, Full)
		p.reads(0)
		for id := range n {
			f, _ := p.next()
			if tr, ok := f.body.(*wire.Transfer); !ok || tr.DeliveryID != wire.Some(id) {
				p.t.Fatalf("got %v, want message %d", f, id)
			}
		}
		p.send("q", "now", 0, Sent)
		p.want("it goes on where it stood", sent(0, n, "now"))
	}, lasting(2*time.Minute))
}

// One that reads a byte a second gets everything, in order.
func TestAPeerThatReadsAByteASecond(t *testing.T) {
	opened(t, func(p *peer) {
		p.attachReceiver("q", 0)
		p.write(grant(0, 0, 10))
		p.nc.in.set(func(s *memStream) { s.limit = 1 })
		p.send("q", "one", 0, Sent)
		p.send("q", "two", 1, Sent)
		p.write(&wire.Flow{Echo: true, IncomingWindow: 100})
		p.close(nil)
		for range 150 {
			p.listen()
			time.Sleep(10 * time.Millisecond)
		}
		p.want("all of it", sent(0, 0, "one"), sent(0, 1, "two"), &wire.Close{})
	})
}

// While the writer waits for a slow peer, what its progress made others send
// must not wait with it.
func TestASlowPeerHoldsUpNobodyElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		other := newPeer(t, false, nil)
		other.open()
		other.begin(0)
		other.h.take()
		other.attachReceiver("out", 0)
		other.write(grant(0, 0, 10))
		out := other.sender("out")

		slow := newPeer(t, false, nil)
		slow.open()
		slow.begin(0)
		slow.h.take()
		slow.attachReceiver("q", 0)
		slow.write(grant(0, 0, 1000))
		slow.reads(100)
		slow.stuff("q")
		woken := false
		slow.h.onSendable = func(b *Batch, l *Sender) {
			woken = true
			l.Send(b, &Outgoing{Payload: []byte("for the slow one")}, nil, 0)
			out.Send(b, &Outgoing{Payload: []byte("for the other")}, nil, 0)
		}
		for !woken { // it reads until the engine has got rid of what it had
			slow.listen()
			synctest.Wait()
		}
		other.want("what is for others goes out at once", sent(0, 0, "for the other"))
		slow.leave()
		other.leave()
	})
}
