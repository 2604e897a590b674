package amqp

import (
	"testing"

	"github.com/meshway/meshway/internal/wire"
)

// [2.6.6] "The partner will destroy the corresponding Link endpoint, and reply
// with its own detach frame with the closed flag set to true."
func TestADetachIsAnsweredInKind(t *testing.T) {
	for name, closed := range map[string]bool{"closed": true, "not closed": false} {
		t.Run(name, func(t *testing.T) {
			opened(t, func(p *peer) {
				p.attachSender("q", 0)
				p.attachReceiver("r", 1)
				p.write(message(0, 0, "x"), grant(1, 0, 1))
				p.send("r", "y", 5, Sent)
				p.want("a message each way", sent(1, 0, "y"))
				p.write(&wire.Detach{Handle: 1, Closed: closed}, &wire.Detach{Handle: 0, Closed: closed})
				p.want("answered", &wire.Detach{Handle: 1, Closed: closed}, &wire.Detach{Handle: 0, Closed: closed})
				p.heard("the handlers hear of it, and of what was open", `q 0 "x"`, "detach r", "lost 5", "detach q lost 0")
				p.write(outcome(0, 0, wire.StateAccepted), senderSays(0, 0, true, 0))
				p.heard("nothing of that is known any more")
			})
		})
	}
}

func TestADetachWithAnError(t *testing.T) {
	opened(t, func(p *peer) {
		p.attachSender("q", 0)
		p.write(first(0, 0, "half"), &wire.Detach{Closed: true, Error: refused(wire.CondResourceDeleted)})
		p.want("is answered without", &wire.Detach{Closed: true})
		p.heard("the reason is the link's", `q 0 more "half"`, "detach q lost 0 amqp:resource-deleted")
		p.attachSender("q", 0)
		p.write(message(0, 1, "whole"))
		p.heard("the link begins anew", `q 1 "whole"`)
	})
}

func TestDetachOfAHandleThatIsNotAttached(t *testing.T) {
	opened(t, func(p *peer) {
		p.attachSender("q", 0)
		p.write(&wire.Detach{Handle: 1, Closed: true})
		p.want("the session goes", &wire.End{Error: refused(wire.CondUnattachedHandle)})
	})
	t.Run("or no more", func(t *testing.T) {
		opened(t, func(p *peer) {
			p.attachSender("q", 0)
			p.write(&wire.Detach{}, &wire.Detach{})
			p.want("once is enough", &wire.Detach{}, &wire.End{Error: refused(wire.CondUnattachedHandle)})
		})
	})
}

func TestAnApplicationDetaches(t *testing.T) {
	opened(t, func(p *peer) {
		p.attachSender("q", 0)
		p.attachReceiver("r", 1)
		p.write(grant(1, 0, 5), message(0, 0, "x"))
		p.send("r", "y", 5, Sent)
		p.want("a message", sent(1, 0, "y"))
		q, r := p.receiver("q"), p.sender("r")
		p.do(func(b *Batch) {
			q.Update(b, []uint32{0}, true, wire.Accepted)
			q.Detach(b, nil)
			q.Detach(b, refused(wire.CondInternalError))
			r.Detach(b, refused(wire.CondResourceDeleted))
		})
		p.want("the outcome before the end, and one end each", outcome(0, 0, wire.StateAccepted),
			&wire.Detach{Closed: true}, &wire.Detach{Handle: 1, Closed: true, Error: refused(wire.CondResourceDeleted)})
		p.heard("the handlers wait for the peer", `q 0 "x"`)
		p.write(message(0, 1, "z"), grant(1, 1, 5), &wire.Flow{Handle: wire.Some[uint32](0), Echo: true})
		p.send("r", "y", 6, Gone)
		p.wantIdle("what was on its way is ignored")
		p.write(&wire.Detach{Handle: 1, Closed: true}, &wire.Detach{Closed: true})
		p.heard("now it is over", "detach r", "lost 5", "detach q")
		p.wantIdle("the peer's detaches were answers")
		p.attachSender("q", 0)
		p.attachReceiver("r", 1)
	})
}

// [2.6.2] Both detach at once: each detach answers the other.
func TestSimultaneousDetach(t *testing.T) {
	opened(t, func(p *peer) {
		p.attachSender("q", 0)
		l := p.receiver("q")
		p.do(func(b *Batch) { l.Detach(b, nil) })
		p.write(&wire.Detach{Closed: true})
		p.want("one detach of ours", &wire.Detach{Closed: true})
		p.wantIdle("and no more")
		p.heard("the link is over", "detach q")
		p.attachSender("q", 0)
	})
}

// Attached and detached for ever, a link leaves nothing.
func TestAttachAndDetachForEver(t *testing.T) {
	opened(t, func(p *peer) {
		p.h.quiet = true
		for range 1000 {
			p.write(sending("q", 0), receiving("r", 1), &wire.Detach{Closed: true}, &wire.Detach{Handle: 1})
			p.want("in order", takenFrom("q", 0), takenTo("r", 1), &wire.Detach{Closed: true}, &wire.Detach{Handle: 1})
		}
		s := p.receiver("q").session
		p.conn.mu.Lock()
		defer p.conn.mu.Unlock()
		live := 0
		s.handles.each(func(uint32, *link) { live++ })
		if live != 0 || len(s.names.list) != 0 || len(s.names.index) != 0 {
			p.t.Errorf("%d handles, %d names are left", live, len(s.names.list)+len(s.names.index))
		}
	}, noCredit())
}
