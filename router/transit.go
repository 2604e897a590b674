package router

import (
	"bytes"
	"time"

	"go.uber.org/zap"

	"github.com/meshway/meshway/internal/amqp"
	"github.com/meshway/meshway/internal/wire"
	"github.com/meshway/meshway/routing"
)

// Here is what happens to a message that comes from a neighbour: it goes on to its
// egress, or to the consumers here if that is this router.

// relay handles a message of which every byte is there.
func (in *ingress) relay(b *amqp.Batch, m *message) {
	d, err := parseRoutingData(m.payload)
	if err != nil {
		in.unreadable(b, m, err)
		return
	}
	m.from, m.prio = flow{d.ingress, d.flow}, d.class
	in.countPresettled(&d)
	switch x := in.peer.router.mesh; {
	case d.flags&flagMulticast != 0:
		in.copied(m, &d)
		m.payload = m.payload[d.size:]
		x.fanOutOn(b, m, &d)
	case d.egress == x.key:
		m.payload = m.payload[d.size:]
		in.arrive(b, m, &d)
	default:
		m.payload = x.hopOn(m, m.payload, &d)
		in.onward(b, m, &d)
	}
}

// relayStream handles a long message of which the beginning is there.
func (in *ingress) relayStream(b *amqp.Batch, m *message) {
	p := in.partial
	first := &p.pieces[0]
	d, err := parseRoutingData(first.bytes)
	if err != nil {
		in.refuseStream(b, m, &wire.Error{Condition: wire.CondDecodeError, Description: err.Error()})
		in.peer.garbled(err)
		return
	}
	m.from, m.prio = flow{d.ingress, d.flow}, d.class
	in.countPresettled(&d)
	x := in.peer.router.mesh
	if d.flags&flagMulticast == 0 && d.egress != x.key {
		if on := x.hopOn(m, first.bytes, &d); len(on) != len(first.bytes) {
			p.size += len(on) - len(first.bytes)
			first.free()
			*first = piece{bytes: on}
		}
		in.beginStream(b, m)
		in.onward(b, m, &d)
		return
	}
	d = d.clone() // the piece may go before the message does
	first.bytes = first.bytes[d.size:]
	p.size -= d.size
	if len(first.bytes) == 0 {
		first.free()
		p.pieces = append(p.pieces[:0], p.pieces[1:]...)
	}
	if d.flags&flagMulticast != 0 {
		in.copied(m, &d)
		in.beginStream(b, m)
		x.fanOutOn(b, m, &d)
		return
	}
	in.beginStream(b, m)
	in.arrive(b, m, &d)
}

// hopOn counts a hop in the routing data at the beginning of p, and adds this router to
// the trace if there is one. What it returns is p, unless that had to grow.
func (x *mesh) hopOn(m *message, p []byte, d *routingData) []byte {
	if d.hops > 0 {
		d.hops--
	}
	p[hopsAt] = d.hops // p is in a buffer of our own, and nobody else reads it yet
	if d.flags&flagTraced == 0 {
		return p
	}
	size := d.size
	d.passed(x.key)
	m.buffer = nil
	return append(d.append(make([]byte, 0, len(p)+keySize)), p[size:]...)
}

// onward sends a message in transit to the next hop. One that has no way now waits for
// the next routes, for a moment.
func (in *ingress) onward(b *amqp.Batch, m *message, d *routingData) {
	m.lenient = d.flags&flagReleases != 0
	x := in.peer.router.mesh
	if d.hops == 0 {
		x.log.Warn("a message ran out of hops", zap.String("from", x.nameOf(d.ingress)), zap.String("to", x.nameOf(d.egress)), zap.ByteString("address", d.address))
		m.release(b)
		return
	}
	if !x.send(b, m, d.egress, d.flow, in.peer.adj) {
		x.park(b, m, time.Now().Add(parkedFor))
	}
}

// arrive gives a message that has come to its egress to the consumers here.
func (in *ingress) arrive(b *amqp.Batch, m *message, d *routingData) {
	in.arrived(m, d)
	r := in.peer.router
	a := r.table.acquireBytes(d.address)
	a.route(b, m)
	r.table.release(a)
}

// arrived notes what the routing data of a message says to its egress.
func (in *ingress) arrived(m *message, d *routingData) {
	m.here = true
	m.settle = d.flags&flagPresettled != 0
	in.copied(m, d)
}

// copied notes what the routing data of a message says of its way.
func (in *ingress) copied(m *message, d *routingData) {
	m.lenient = d.flags&flagReleases != 0
	moved := d.flags&flagMoved != 0
	if w := in.way; w != nil && w.ingress == d.ingress && w.flow == d.flow && w.moved == moved && bytes.Equal(w.trace, d.trace) {
		m.way = w
		return
	}
	m.way = &way{ingress: d.ingress, flow: d.flow, trace: bytes.Clone(d.trace), moved: moved}
	in.way = m.way
}

// unreadable ends a message without routing data, and the adjacency that brought it.
func (in *ingress) unreadable(b *amqp.Batch, m *message, err error) {
	m.end(b, wire.RejectedState(&wire.Error{Condition: wire.CondDecodeError, Description: err.Error()}))
	in.peer.garbled(err)
}

// garbled ends an adjacency whose messages cannot be read.
func (p *peer) garbled(err error) {
	p.conn.Abort(err)
}

// clone makes what d points to its own.
func (d *routingData) clone() routingData {
	c := *d
	c.address, c.set, c.trace = bytes.Clone(d.address), bytes.Clone(d.set), bytes.Clone(d.trace)
	return c
}

// send sends the message to the next hop on the way to an egress. from is the adjacency
// that it came by; nil if it came in here. False means that there is no way now.
func (x *mesh) send(b *amqp.Batch, m *message, egress routing.Key, flow uint32, from *adjacency) bool {
	f := x.forwarding.Load()
	to, ok := f.routes.ByKey(egress)
	if !ok {
		return false
	}
	hop, ok := f.routes.NextHopExcept(to, flow, f.place(from))
	if !ok || f.waits.Has(to, hop) {
		return false
	}
	j := f.adjacencies[hop]
	return j != nil && j.forward(b, m)
}
