package amqp

import (
	"testing"

	"github.com/meshway/meshway/internal/wire"
)

func overrun(c *Config) { c.Overrun = true }

// A broker that miscounts what is on its way inside of it sends more than its credit, which
// must not cost the link each time; one that takes no notice of credit is cut off.
func TestABrokerMayOverrunItsCreditByAWindow(t *testing.T) {
	opened(t, func(p *peer) {
		p.attachSender("q", 0)
		p.skip()
		p.h.take()
		for id := range uint32(20) {
			p.write(message(0, id, "m"))
		}
		p.skip()
		if lines := p.h.take(); len(lines) != 20 {
			t.Errorf("with a window of 10, of twice as many %d have come", len(lines))
		}
		p.write(message(0, 20, "m"))
		p.skip()
		p.heard("one more", "fault link \"q\" amqp:link:transfer-limit-exceeded", "detach q lost 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19 amqp:link:transfer-limit-exceeded")
	}, config(overrun))
}

func TestCreditInRoundsIsToldWhenAllOfItIsUsed(t *testing.T) {
	opened(t, func(p *peer) {
		p.conn.CreditInRounds()
		p.attachSender("q", 0)
		p.deliver(0, 0, 9)
		p.settle("q", wire.StateAccepted, 0, 1, 2, 3, 4, 5, 6, 7, 8)
		p.want("one is left to be sent", outcome(0, 8, wire.StateAccepted))
		p.deliver(0, 9, 1)
		p.want("none is", credit(0, 10, 9))
		p.settle("q", wire.StateAccepted, 9)
		p.want("what the last one gives comes with the next round", outcome(9, 9, wire.StateAccepted))
	})
}

func TestCreditInRoundsComesWithWhatIsSettledWhenNoneIsLeft(t *testing.T) {
	opened(t, func(p *peer) {
		p.conn.CreditInRounds()
		p.attachSender("q", 0)
		p.deliver(0, 0, 10)
		p.wantIdle("all are open")
		p.settle("q", wire.StateAccepted, 3)
		p.want("one is not", outcome(3, 3, wire.StateAccepted), credit(0, 10, 1))
	})
}

// Credit told to such a sender lets it send on, whatever it says.
func TestExcessOfCreditInRoundsIsNotAnsweredByCredit(t *testing.T) {
	opened(t, func(p *peer) {
		p.conn.CreditInRounds()
		p.attachSender("q", 0)
		p.deliver(0, 0, 15)
		p.wantIdle("five more than it may")
		p.settle("q", wire.StateAccepted, 0, 1, 2, 3, 4)
		p.want("as many as may be open", outcome(0, 4, wire.StateAccepted))
		p.settle("q", wire.StateAccepted, 5)
		p.want("one less", outcome(5, 5, wire.StateAccepted), credit(0, 15, 1))
	}, config(overrun))
}

func TestABrokerThatOverrunsItsCreditHasItInRoundsFromThenOn(t *testing.T) {
	opened(t, func(p *peer) {
		p.attachSender("q", 0)
		p.attachSender("r", 1)
		p.deliver(0, 0, 21)
		p.want("that was too much", &wire.Detach{Closed: true, Error: refused(wire.CondTransferLimitExceeded)})
		p.deliver(1, 21, 9)
		p.settle("r", wire.StateAccepted, 21, 22, 23, 24, 25, 26, 27, 28, 29)
		p.want("one is left of the credit", outcome(21, 29, wire.StateAccepted))
		p.wantIdle("and nothing is told")
	}, config(overrun))
}

// What comes on a raw link beyond the credit is handed over: its handler has it wait. Credit is
// told from where the broker is.
func TestExcessOfARawLinkIsCounted(t *testing.T) {
	opened(t, func(p *peer) {
		link := raw(p)
		p.write(sending("q", 0))
		l := link(0)
		p.do(func(b *Batch) { _ = l.Answer(b, &wire.Attach{}) })
		p.skip()
		grants := func(count, n uint32) {
			p.do(func(b *Batch) {
				l.Flow(b, &wire.Flow{DeliveryCount: wire.Some(count), LinkCredit: wire.Some(n)})
			})
		}
		grants(0, 2)
		p.want("of two", credit(0, 0, 2))
		p.deliver(0, 0, 5)
		p.wantIdle("five come")
		if n := l.Excess(); n != 3 {
			t.Errorf("%d are excess, want 3", n)
		}
		grants(2, 1)
		p.want("of one more", credit(0, 5, 0))
		grants(3, 4)
		p.want("of four more, two of which are used", credit(0, 5, 2))
		if n := l.Excess(); n != 0 {
			t.Errorf("%d are excess, want none", n)
		}
	}, config(overrun))
}
