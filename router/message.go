package router

import (
	"github.com/meshway/meshway/internal/amqp"
	"github.com/meshway/meshway/internal/buf"
	"github.com/meshway/meshway/internal/wire"
)

// message is a delivery on its way through the router. A whole one has its
// bytes in payload; a long one has a stream, which goes on filling.
type message struct {
	in      *ingress
	id      uint32 // delivery-id on in, when it is unsettled
	settled bool   // presettled by its sender, or settled early by it
	counted bool   // finished already, as far as in's credit is concerned
	format  uint32
	payload []byte
	buffer  *buf.Ref // what payload lies in, while it may stay there; nil if it may not
	held    int      // bytes counted as held by in's connection
	stream  *stream
}

// left is called when the message has been encoded for its only receiver: it
// pairs the two deliveries, or settles the one that has nothing to wait for.
func (m *message) left(b *amqp.Batch, e *egress, out uint32, outSettled bool) {
	in := m.in.link
	switch {
	case m.settled && m.counted:
		in.Unhold(b, m.held)
	case m.settled:
		in.Finish(b, m.held)
	case outSettled:
		// The receiver wants it settled: that it was sent is all that will ever
		// be known of it. [2.8.2]
		in.Forwarded(b, m.id, nil, 0, m.held)
		in.Update(b, []uint32{m.id}, true, wire.DeliveryState{Kind: wire.StateAccepted})
	default:
		if !in.Forwarded(b, m.id, e.link, out, m.held) {
			// Its sender went away meanwhile, and nobody else will settle it. If it
			// was the receiver that settled it already, this finds nothing.
			e.link.Update(b, out, true, wire.DeliveryState{})
		}
	}
}

// end ends a message that goes to nobody, with the given outcome.
func (m *message) end(b *amqp.Batch, state wire.DeliveryState) {
	if m.stream != nil {
		m.stream.cancel(b)
	}
	in := m.in.link
	switch {
	case m.settled && m.counted:
		in.Unhold(b, m.held)
	case m.settled:
		in.Finish(b, m.held)
	default:
		in.Unhold(b, m.held)
		in.Update(b, []uint32{m.id}, true, m.in.outcome(state))
	}
}

// release ends a message that nobody is there to take.
func (m *message) release(b *amqp.Batch) {
	m.end(b, wire.DeliveryState{Kind: wire.StateReleased})
}

// forget gives back what a message held that waited and that nobody waits for.
func (m *message) forget(b *amqp.Batch) {
	if m.stream != nil {
		m.stream.cancel(b)
		return
	}
	m.in.link.Unhold(b, m.held)
}

// abandoned says that nobody waits for the message any more: its sender has gone,
// or has broken it off.
func (m *message) abandoned() bool {
	return m.in.over.Load() && !m.settled || m.stream != nil && m.stream.isCanceled()
}
