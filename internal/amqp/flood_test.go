package amqp

import (
	"strings"
	"testing"

	"github.com/meshway/meshway/internal/wire"
)

// One disposition of a receiver can mean hundreds of deliveries, and carry as much
// data as fits a frame: towards the sender it stays one.
func TestTheSameDataIsToldOnce(t *testing.T) {
	state := wire.RejectedState(&wire.Error{Condition: "test:bad", Description: strings.Repeat("x", 3000)})
	opened(t, func(p *peer) {
		p.attachSender("q", 0)
		p.deliver(0, 0, 9)
		p.update("q", true, state, 0, 1, 2, 3, 5, 6, 7, 8)
		d := outcome(0, 3, wire.StateRejected)
		d.State = state
		e := outcome(5, 8, wire.StateRejected)
		e.State = state
		p.want("a stretch, and another", d, e)
	})
}

// More outcomes with more data than any limit, in one go: whoever reads gets them.
func TestAPeerThatReadsGetsAnyNumberOfOutcomes(t *testing.T) {
	const n = 1000
	data := strings.Repeat("x", 3000)
	opened(t, func(p *peer) {
		p.h.quiet = true
		p.write(sending("q", 0))
		p.want("the link", takenFrom("q", 0), credit(0, 0, n))
		for id := uint32(0); id < n; id += 100 {
			p.deliver(0, id, 100)
			p.listen()
		}
		l := p.receiver("q")
		state := func(id uint32) wire.DeliveryState {
			return wire.RejectedState(&wire.Error{Condition: "test:bad", Description: data[id:]})
		}
		p.do(func(b *Batch) {
			for id := range uint32(n) {
				l.Update(b, []uint32{id}, true, state(id))
			}
		})
		for id := range uint32(n) {
			d := outcome(id, id, wire.StateRejected)
			d.State = state(id)
			p.want("each with its own", d)
		}
	}, window(n))
}

// States that are no outcome may be said for ever, by one end of a path: the other,
// which happens not to read just now, is not to suffer for it.
func TestAFloodOfStatesIsNotPassedOnForEver(t *testing.T) {
	t.Run("to the sender", func(t *testing.T) {
		opened(t, func(p *peer) {
			p.attachSender("q", 0)
			p.deliver(0, 0, 4)
			p.listen()
			p.reads(100)
			l := p.receiver("q")
			for i := range 200000 {
				p.do(func(b *Batch) { l.Update(b, []uint32{uint32(i) & 3}, false, wire.ReceivedState(0, uint64(i))) })
			}
			p.do(func(b *Batch) { l.Update(b, []uint32{0, 1, 2, 3}, true, wire.Accepted) })
			p.wantAfterTheFlood(outcome(0, 3, wire.StateAccepted))
		})
	})
	t.Run("to the receiver", func(t *testing.T) {
		opened(t, func(p *peer) {
			p.attachReceiver("q", 0)
			p.write(grant(0, 0, 10))
			for range 4 {
				p.send("q", "x", 0, Sent)
			}
			p.skip()
			p.reads(100)
			l := p.sender("q")
			for i := range 200000 {
				p.do(func(b *Batch) { l.Update(b, uint32(i)&3, false, wire.ReceivedState(0, uint64(i))) })
			}
			p.do(func(b *Batch) {
				for id := range uint32(4) {
					l.Update(b, id, true, wire.Accepted)
				}
			})
			p.wantAfterTheFlood(senderSays(0, 3, true, wire.StateAccepted))
		})
	})
}

// wantAfterTheFlood reads again, and passes over states that are no outcome.
func (p *peer) wantAfterTheFlood(want *wire.Disposition) {
	p.t.Helper()
	p.reads(0)
	for n := 0; ; n++ {
		f, ok := p.next()
		if !ok {
			p.t.Fatalf("behind %d states there is no outcome%s", n, p.ending())
		}
		if d, isDisposition := f.body.(*wire.Disposition); isDisposition && !d.Settled {
			continue
		}
		if !same(f, asFrame(want)) {
			p.t.Fatalf("got %v, want %v", f, want)
		}
		p.wantIdle("and that is all")
		return
	}
}

// [3.4] An outcome does not change: said again, unsettled, it is no news, however
// often.
func TestAnOutcomeIsNewsOnce(t *testing.T) {
	opened(t, func(p *peer) {
		p.attachReceiver("out", 0)
		p.attachSender("in", 1)
		p.write(grant(0, 0, 10), message(1, 0, "x"))
		p.send("out", "a", 5, Sent)
		p.want("a message", sent(0, 0, "a"))
		p.h.take()
		accepted := unsettled(outcome(0, 0, wire.StateAccepted))
		p.write(accepted, accepted, unsettled(outcome(0, 0, wire.StateReleased)), outcome(0, 0, wire.StateAccepted))
		p.heard("of the receiver", "outcome 5 accepted", "outcome 5 settled accepted")
		told := senderSays(0, 0, false, wire.StateAccepted)
		p.write(told, told, senderSays(0, 0, true, wire.StateAccepted))
		p.heard("of the sender", "sender of in says 0 accepted", "sender of in says 0 settled accepted")
	})
}
