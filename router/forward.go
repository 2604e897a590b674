package router

import (
	"github.com/meshway/meshway/internal/amqp"
	"github.com/meshway/meshway/internal/buf"
	"github.com/meshway/meshway/internal/config"
)

// Here is what happens to a message once its address is known. The functions
// stand in the order in which they are called.

// route sends a message on, lets it wait, or ends it. m.payload is valid only
// during the call.
func (a *address) route(b *amqp.Batch, m *message) {
	if f := a.front.Load(); f != nil {
		if to := f.pick(m); to != a {
			f.countFallback(to)
			to.route(b, m)
			return
		}
	}
	if a.treated().distribution == config.Multicast {
		a.fanOut(b, m)
		return
	}
	for {
		// The epoch is read before the consumers are asked: if one becomes able
		// between being asked and the message being queued, the message is not
		// queued but tried again.
		epoch := a.epoch.Load()
		tried := a.busy.Load() == 0
		if tried && a.forward(b, m) {
			return
		}
		if a.enqueue(b, m, tried, epoch) {
			return
		}
	}
}

// forward gives the message to a consumer that can take it now. False means
// that there is none.
func (a *address) forward(b *amqp.Batch, m *message) bool {
	set := a.consumers.Load()
	if a.treated().sticky {
		return a.forwardSticky(b, m, set)
	}
	if len(set.remotes) > 0 && !m.here && m.below == 0 {
		return a.forwardFar(b, m, set)
	}
	return a.forwardHere(b, m, set)
}

// forwardHere gives the message to a consumer of this router.
func (a *address) forwardHere(b *amqp.Batch, m *message, set *consumerSet) bool {
	e := set.choose(a.treated().distribution == config.Balanced, m)
	if e == nil {
		return false
	}
	if a.give(b, m, e) {
		return true
	}
	// What looked best cannot take it after all (another reader was faster, its
	// buffer is full, a long message is on it): anybody else who can.
	for _, other := range set.list {
		if _, credit := other.link.Load(); credit > 0 && other != e && other.takes(m) && a.give(b, m, other) {
			return true
		}
	}
	return false
}

// give sends the message to one consumer, if that can take it.
func (a *address) give(b *amqp.Batch, m *message, e *egress) bool {
	if m.stream == nil && len(m.payload) > buf.Large {
		m.becomeStream(b)
	}
	if e.trunk != nil && e.trunk.aside(b, m) {
		return true
	}
	if m.stream != nil {
		return m.stream.start(b, m, e)
	}
	out := amqp.Outgoing{Format: m.format, Settled: m.settled || m.settle, Payload: m.payload, In: m.buffer}
	ref := m.id
	switch {
	case e.trunk == nil:
		e.dress(&out, m)
	case m.isCopy():
		ref = m.index
		fallthrough
	default:
		out.Head = m.head()
		out.Settled = m.settled && m.hop == nil
	}
	owes := m.owe()
	id, settled, res := e.send(b, &out, m.origin(a), ref)
	if owes && res != amqp.Sent {
		m.unowe()
	}
	if res == amqp.Sent {
		m.left(b, e, id, settled)
	}
	return res == amqp.Sent
}
