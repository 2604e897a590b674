package amqp

import (
	"testing"

	"github.com/meshway/meshway/internal/wire"
)

// draining is a grant that wants to be used up or given back.
func draining(handle, deliveryCount, n uint32) *wire.Flow {
	f := grant(handle, deliveryCount, n)
	f.Drain = true
	return f
}

// drained is the engine's answer: its delivery-count has moved on.
func drained(handle, deliveryCount uint32) *wire.Flow {
	f := credit(handle, deliveryCount, 0)
	f.Drain = true
	return f
}

func (p *peer) drain(name string, want bool) {
	p.t.Helper()
	l := p.sender(name)
	p.do(func(b *Batch) {
		if got := l.Drained(b); got != want {
			p.t.Errorf("drained: %v, want %v", got, want)
		}
	})
}

// [2.6.7] "the Sender will (after sending all available messages) advance the
// delivery-count as much as possible, consuming all link-credit, and send the
// flow state to the Receiver."
func TestADrainIsAnsweredWithTheDeliveryCountMovedOn(t *testing.T) {
	opened(t, func(p *peer) {
		p.attachReceiver("q", 0)
		p.drain("q", false)
		p.wantIdle("nobody asked")
		p.write(draining(0, 0, 10))
		p.wantSendable("the handler is asked", "q", true)
		if !p.sender("q").Draining() {
			p.t.Error("the link does not know that it is to be drained")
		}
		p.wantIdle("the handler has not said yet that there is no more")
		p.send("q", "one", 0, Sent)
		p.drain("q", true)
		p.want("one was there, nine are given back", sent(0, 0, "one"), drained(0, 10))
		p.send("q", "two", 0, NoCredit)
		p.drain("q", false)
		p.wantIdle("asked once, answered once")
		p.write(grant(0, 10, 1))
		p.send("q", "two", 0, Sent)
		p.want("credit counts from there", sent(0, 1, "two"))
	})
}

func TestADrainWithNothingToGiveBack(t *testing.T) {
	opened(t, func(p *peer) {
		p.attachReceiver("q", 0)
		p.write(draining(0, 0, 0))
		p.drain("q", true)
		p.want("a receiver that waits for the answer gets it", drained(0, 0))
		p.write(draining(0, 0, 2))
		p.send("q", "one", 0, Sent)
		p.send("q", "two", 0, Sent)
		p.drain("q", true)
		p.want("all used up", sent(0, 0, "one"), sent(0, 1, "two"), drained(0, 2))
	})
}

func TestADrainThatIsTakenBack(t *testing.T) {
	opened(t, func(p *peer) {
		p.attachReceiver("q", 0)
		p.write(draining(0, 0, 5), grant(0, 0, 5))
		p.drain("q", false)
		p.wantIdle("[2.6.7] the sender's value is always the last known")
		p.send("q", "one", 0, Sent)
		p.want("the credit stands", sent(0, 0, "one"))
	})
}

// The end of a drain waits for the end of the message.
func TestADrainInTheMiddleOfALongMessage(t *testing.T) {
	opened(t, func(p *peer) {
		p.attachReceiver("q", 0)
		p.write(grant(0, 0, 5))
		p.start("q", false, 7, Sent)
		p.piece("q", "one", false, 3, Sent)
		p.write(draining(0, 0, 5))
		p.drain("q", false)
		p.piece("q", "two", true, 3, Sent)
		p.drain("q", true)
		p.want("the rest is given back", begun(0, "one"), last(0, "two"), drained(0, 5))
	})
}

// What was decided before the answer comes before it.
func TestADrainIsAnsweredBehindOutcomes(t *testing.T) {
	opened(t, func(p *peer) {
		p.attachReceiver("q", 0)
		p.attachSender("r", 1)
		p.write(draining(0, 0, 5), message(1, 0, "x"))
		r, l := p.receiver("r"), p.sender("q")
		p.do(func(b *Batch) {
			r.Update(b, []uint32{0}, true, wire.Accepted)
			l.Drained(b)
		})
		p.want("in order", outcome(0, 0, wire.StateAccepted), drained(0, 5))
	})
}

func TestNoDrainIsAnsweredWhenItIsOver(t *testing.T) {
	t.Run("the link", func(t *testing.T) {
		opened(t, func(p *peer) {
			p.attachReceiver("q", 0)
			p.write(draining(0, 0, 5), &wire.Detach{Closed: true})
			p.want("detached", &wire.Detach{Closed: true})
			p.drain("q", false)
			p.wantIdle("")
		})
	})
	t.Run("the connection, by us", func(t *testing.T) {
		opened(t, func(p *peer) {
			p.attachReceiver("q", 0)
			p.write(draining(0, 0, 5))
			p.wantSendable("the handler is asked", "q", true)
			p.do(func(b *Batch) { p.conn.Close(b, nil) })
			p.want("close is the last thing ever written [2.4.3]", &wire.Close{})
			p.drain("q", false)
			p.wantIdle("")
		})
	})
}

// [2.7.4] Echo: the state of the link, with that of the session.
func TestEchoOfASendersState(t *testing.T) {
	opened(t, func(p *peer) {
		p.attachReceiver("q", 0)
		f := grant(0, 0, 7)
		f.Echo = true
		p.write(f)
		p.want("what it knows", credit(0, 0, 7))
		p.send("q", "one", 0, Sent)
		p.write(&wire.Flow{NextIncomingID: wire.Some[uint32](0), IncomingWindow: 10, Handle: wire.Some[uint32](0), Echo: true})
		p.want("and what it did", sent(0, 0, "one"), credit(0, 1, 6))
		f = draining(0, 1, 3)
		f.Echo = true
		p.write(f)
		answer := credit(0, 1, 3)
		answer.Drain = true
		p.want("[2.7.4] with the actual drain mode", answer)
	})
}
