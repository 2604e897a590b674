package router

import (
	"slices"

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
	below   uint32 // consumers that take messages of this size are not for it: one before it waits for them; 0 is none
	payload []byte
	buffer  *buf.Ref // what payload lies in, while it may stay there; nil if it may not
	held    int      // bytes counted as held by in's connection, or as absorbed
	stream  *stream

	hop     *hop    // its way to the egress router; nil if it has none, or is in transit
	from    flow    // where it came into the mesh, if not here
	way     *way    // how it came by the mesh to its egress; nil for others
	here    bool    // this is its egress: it is for the consumers here
	settle  bool    // it was presettled before it entered the mesh
	lenient bool    // it is released if its path is lost
	fan     *fanout // of which this is a copy that goes to another router
	index   uint32  // in fan
	prio    uint8   // the class of such a copy, and of what is in transit
	set     []byte  // routing data of such a copy; nil for others
}

// trunkClass is the class of priority in which the message goes to a neighbour.
func (m *message) trunkClass() uint8 {
	if m.hop != nil {
		return m.hop.data.class
	}
	return m.prio
}

// head is the routing data that stands in front of a message to a neighbour, unless
// it came with it.
func (m *message) head() []byte {
	switch {
	case m.isCopy():
		return m.set
	case m.hop != nil:
		return m.hop.head
	}
	return nil
}

// head is what stands in front of a message on this link: its routing data, or to the
// management agent where it came in.
func (e *egress) head(m *message) []byte {
	if e.peer.inside {
		return m.cameBy()
	}
	return m.head()
}

// isCopy says that the message is a copy of a multicast, on its way to other routers.
func (m *message) isCopy() bool { return m.set != nil }

// arrived says that the message came by the mesh to its egress. Copies of a multicast that
// go on from there to other routers are in transit.
func (m *message) arrived() bool { return m.way != nil && !m.isCopy() }

// hold counts bytes of the message that wait here. What has come to its egress was
// granted by it, and must not narrow the window of the router that it came from.
func (m *message) hold(n int) {
	m.held = n
	if m.arrived() {
		m.in.peer.router.budget.Add(n)
	} else {
		m.in.link.Hold(n)
	}
}

// unhold gives back what hold counted.
func (m *message) unhold(b *amqp.Batch) {
	switch {
	case m.held == 0:
	case m.arrived():
		m.in.peer.router.budget.Add(-m.held)
	default:
		m.in.link.Unhold(b, m.held)
	}
	m.held = 0
}

// left is called when the message has been encoded for its only receiver: it
// pairs the two deliveries, or settles the one that has nothing to wait for.
func (m *message) left(b *amqp.Batch, e *egress, out uint32, outSettled bool) {
	in := m.in.link
	if m.arrived() || m.isCopy() {
		m.unhold(b)
	}
	switch {
	case m.isCopy():
		m.copyLeft(b, e, out, outSettled)
	case m.hop != nil:
		m.leftFor(b, e, out)
	case m.settled && m.counted:
		in.Unhold(b, m.held)
	case m.settled:
		in.Finish(b, m.held)
	case outSettled, m.settle:
		// The receiver wants it settled, or its sender did: that it was sent is all that
		// will ever be known of it. [2.8.2]
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

// leftFor is left for a message that went to another router.
func (m *message) leftFor(b *amqp.Batch, e *egress, out uint32) {
	in, h := m.in.link, m.hop
	switch {
	case m.settled && h.data.flags&flagPresettled == 0:
		// It was settled while it waited for the neighbour, and is told so behind it.
		m.unhold(b)
		h.onwardBy(e.link).senderState(b, out, true, wire.DeliveryState{})
	case m.settled:
		m.unhold(b) // its outcome finishes it
	case !in.Forwarded(b, m.id, h.onwardBy(e.link), out, m.held):
		h.onwardBy(e.link).senderState(b, out, true, wire.DeliveryState{})
	}
}

// copyLeft is left for a copy of a multicast message that went to another router.
func (m *message) copyLeft(b *amqp.Batch, e *egress, out uint32, outSettled bool) {
	switch {
	case m.fan == nil:
	case outSettled:
		m.fan.OnOutcome(b, []uint32{m.index}, amqp.Outcome{State: wire.DeliveryState{Kind: wire.StateAccepted}, Settled: true})
	default:
		m.fan.sent(b, m.index, e, out)
	}
}

// end ends a message that goes to nobody, with the given outcome.
func (m *message) end(b *amqp.Batch, state wire.DeliveryState) {
	if m.isCopy() {
		m.endCopy(b, state)
		return
	}
	if m.stream != nil {
		m.stream.cancel(b)
	}
	if m.hop != nil {
		m.hop.done(b, 1)
	}
	in := m.in.link
	if m.settled {
		m.in.tally.dropped.Add(1)
	}
	if m.arrived() {
		m.unhold(b)
	}
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

// endCopy is end for a copy of a multicast message.
func (m *message) endCopy(b *amqp.Batch, state wire.DeliveryState) {
	if m.stream != nil {
		m.stream.unexpect(b)
	}
	m.unhold(b)
	if m.fan != nil {
		m.fan.OnOutcome(b, []uint32{m.index}, amqp.Outcome{State: state, Settled: true})
	}
}

// release ends a message that nobody is there to take.
func (m *message) release(b *amqp.Batch) {
	m.end(b, wire.DeliveryState{Kind: wire.StateReleased})
}

// forget gives back what a message held that waited and that nobody waits for.
func (m *message) forget(b *amqp.Batch) {
	if m.hop != nil {
		m.hop.done(b, 1)
	}
	if m.stream != nil {
		if m.isCopy() {
			m.stream.unexpect(b)
		} else {
			m.stream.cancel(b)
		}
		return
	}
	m.unhold(b)
}

// abandoned says that nobody wants the message any more: its sender is lost, or has
// broken it off.
func (m *message) abandoned() bool {
	return m.lost() || m.stream != nil && m.stream.isCanceled()
}

// lost says that the message's link was lost before its sender had settled it. The engine knows
// that of every delivery, in whichever hands it was.
func (m *message) lost() bool {
	if !m.in.over.Load() {
		return false
	}
	_, found := slices.BinarySearch(m.in.lost, m.id)
	return found
}
