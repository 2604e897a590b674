package router

import (
	"slices"
	"sync"
	"sync/atomic"

	"github.com/meshway/meshway/internal/amqp"
	"github.com/meshway/meshway/internal/buf"
	"github.com/meshway/meshway/internal/wire"
)

// ingress is a link by which messages come in. It is the origin of the
// deliveries that are sent on for them.
type ingress struct {
	// Immutable after the attach.
	peer     *peer
	link     *amqp.Receiver
	addr     *address // nil: anonymous, each message says where it goes
	outcomes outcomeSet
	flow     uint32 // label of what it sends to other routers
	sends    wire.SenderSettleMode
	trunk    bool // the peer is a neighbour, which says of each message where it goes
	kept     bool // it comes out of its address's fallback, and goes there no more
	lets     bool // a sender that closes the link lets go of what is not settled: a client, not a broker

	hops atomic.Pointer[[]*hop] // to the egress routers that it has sent to
	way  *way                   // of the last message that came by the mesh; owned by the reader

	// Owned by the reader: the delivery whose frames are arriving, nil between two.
	partial *partial

	over atomic.Bool // the link is over
	lost []uint32    // what its sender then had not settled, and has still, in ascending order; immutable once over

	place    int        // among the address's producers; guarded by its mutex
	creditMu sync.Mutex // orders those who apply the address's credit to the link

	tally tally
	among int // the links of its connection; guarded by their mutex

	waiting *sources // immutable after the attach: own, or that of a neighbour, whose links share one
	own     sources
}

// OnTransfer is where every message enters the router. [2.7.5]
func (in *ingress) OnTransfer(b *amqp.Batch, d *amqp.Delivery) {
	if !d.First || d.More || d.Aborted {
		in.part(b, d)
		return
	}
	m := message{in: in, id: d.ID, settled: d.Settled, format: d.Format, payload: d.Payload, buffer: d.In}
	if d.State.Kind == wire.StateTransactional {
		m.end(b, wire.RejectedState(noTransaction()))
		return
	}
	in.whole(b, &m)
}

// whole handles a message of which every byte is there.
func (in *ingress) whole(b *amqp.Batch, m *message) {
	if in.trunk {
		in.relay(b, m)
		return
	}
	if in.peer.stripIn {
		m.strip()
	}
	if in.addr != nil {
		in.addr.route(b, m)
		return
	}
	a, err := in.peer.resolveTo(m.payload)
	if err != nil {
		m.end(b, wire.RejectedState(err))
		return
	}
	if a == nil { // an address that nobody uses
		m.end(b, wire.DeliveryState{Kind: wire.StateReleased})
		return
	}
	a.anonymous.Add(1)
	a.route(b, m)
	in.peer.router.table.release(a)
}

// noTransaction is why what is posted in a transaction goes nowhere from here: the
// transaction is that of a container to which other links of the session are routed,
// and taking this message back with it would be beyond the router. [4.4.2]
func noTransaction() *wire.Error {
	return refusal(wire.CondTransactionUnknownID, "no transaction reaches this address: it is not routed to the coordinator's container")
}

// partial is a delivery of which some frames have arrived.
type partial struct {
	message message
	pieces  []piece // until it is complete, or long
	size    int     // of pieces, in bytes
	counted int     // bytes that the peer's begun counts for it
	stream  *stream
	done    bool // it has ended already, what still comes is thrown away
}

// part handles one frame of a delivery of several. Up to 64 KiB they are put
// together, so that a message enters the shared link of its consumer only when
// it is complete; what is longer streams through.
func (in *ingress) part(b *amqp.Batch, d *amqp.Delivery) {
	if d.First {
		in.partial = partials.Get().(*partial)
		in.partial.message = message{in: in, id: d.ID, format: d.Format}
		if d.State.Kind == wire.StateTransactional && !d.Aborted {
			in.partial.message.settled = d.Settled
			in.refuseStream(b, &in.partial.message, noTransaction())
		}
	}
	p := in.partial
	if d.Settled && !p.message.settled && p.stream != nil {
		in.settledWaiting(d.ID)
	}
	p.message.settled = d.Settled
	if d.Aborted {
		in.dropPartial(b)
		return
	}
	if p.stream == nil && !p.done {
		p.pieces = keep(p.pieces, d.Payload, d.In)
		p.size += len(d.Payload)
		in.count(len(d.Payload))
		switch {
		case in.peer.begun > begunLimit:
			in.refuseMore(b)
		case !d.More:
			in.complete(b)
		case p.size >= buf.Large:
			in.startStream(b)
		}
		return
	}
	if p.stream != nil {
		p.stream.write(b, d.Payload, d.In, !d.More)
	}
	if !d.More {
		if d.Settled {
			in.link.Finish(b, 0)
		}
		in.forgetPartial()
	}
}

// complete handles the last frame of a delivery that did not grow long.
func (in *ingress) complete(b *amqp.Batch) {
	p := in.partial
	p.pieces = join(p.pieces, p.size)
	m := p.message
	if len(p.pieces) > 0 {
		m.payload, m.buffer = p.pieces[0].bytes, p.pieces[0].in
	}
	in.whole(b, &m)
	in.forgetPartial()
}

// startStream turns the delivery that is arriving into a stream and routes it.
func (in *ingress) startStream(b *amqp.Batch) {
	p := in.partial
	if !in.trunk && !headIsWhole(p.pieces[0].bytes) {
		p.pieces = join(p.pieces, p.size)
	}
	if in.peer.stripIn {
		in.stripPieces()
	}
	m := p.message
	if in.trunk {
		in.relayStream(b, &m)
		return
	}
	a := in.addr
	if a == nil {
		var err *wire.Error
		if a, err = in.peer.resolveTo(p.pieces[0].bytes); a == nil {
			in.refuseStream(b, &m, err)
			return
		}
		defer in.peer.router.table.release(a)
		a.anonymous.Add(1)
	}
	in.beginStream(b, &m)
	a.route(b, &m)
}

// beginStream makes the delivery that is arriving a stream of what has come of it.
func (in *ingress) beginStream(b *amqp.Batch, m *message) {
	p := in.partial
	m.counted = m.settled // by its last frame, or its abort
	m.streamOf(b, append([]piece(nil), p.pieces...), p.size)
	m.stream.ended = false
	p.stream = m.stream
	in.count(-p.counted)
	clear(p.pieces)
	p.pieces = p.pieces[:0]
	in.peer.router.streams.add(p.stream)
}

// stripPieces removes router annotations from the first piece of a long message.
func (in *ingress) stripPieces() {
	p := in.partial
	first := p.pieces[0]
	if s := stripAnnotations(first.bytes); len(s) != len(first.bytes) {
		p.size -= len(first.bytes) - len(s)
		p.pieces[0] = piece{bytes: append(buf.Get(len(s)), s...)}
		first.free()
	}
}

// refuseStream ends a long message that goes nowhere: rejected with err, or
// released without. What still comes of it is thrown away.
func (in *ingress) refuseStream(b *amqp.Batch, m *message, err *wire.Error) {
	p := in.partial
	state := wire.DeliveryState{Kind: wire.StateReleased}
	if err != nil {
		state = wire.RejectedState(err)
	}
	p.done = true
	if !m.settled { // a presettled one is finished by its last frame
		m.end(b, state)
	} else {
		in.tally.dropped.Add(1)
	}
	in.count(-p.counted)
	freePieces(p.pieces)
	p.pieces = p.pieces[:0]
}

// begunLimit is how many bytes of messages that have not arrived whole one
// connection may have here, on all its links: 256 of them, each just short of
// becoming a stream.
const begunLimit = 16 << 20

// count counts bytes of the message that is arriving.
func (in *ingress) count(n int) {
	in.partial.counted += n
	in.peer.begun += n
}

// refuseMore ends a link whose message is one too many of those that were begun.
func (in *ingress) refuseMore(b *amqp.Batch) {
	in.dropPartial(b)
	in.link.Detach(b, refusal(wire.CondResourceLimitExceeded,
		"the connection has begun messages of more than %d bytes together without ending them", begunLimit))
}

// dropPartial ends a delivery that its sender broke off, or that went with it.
func (in *ingress) dropPartial(b *amqp.Batch) {
	if in.partial == nil {
		return
	}
	if s := in.partial.stream; s != nil {
		s.cancel(b)
		in.drop(b, func(m *message) bool { return m.stream == s })
	}
	in.forgetPartial()
}

func (in *ingress) forgetPartial() {
	p := in.partial
	in.count(-p.counted)
	in.partial = nil
	if p.stream != nil {
		in.peer.router.streams.remove(p.stream)
	}
	freePieces(p.pieces)
	*p = partial{pieces: p.pieces[:0]}
	partials.Put(p)
}

// partials is pooled, since a link needs one only while a message is arriving.
var partials = sync.Pool{New: func() any { return new(partial) }}

// OnOutcome passes back to the sender what became of its deliveries.
func (in *ingress) OnOutcome(b *amqp.Batch, ids []uint32, o amqp.Outcome) {
	if o.Lost {
		in.link.Lost(b, ids, in.outcome(wire.ModifiedState(true, false, nil)))
		return
	}
	if !o.Settled && !o.State.Terminal() && in.foreign(o.State) {
		return // the outcome is still to come
	}
	in.link.Update(b, ids, o.Settled, in.outcome(o.State))
}

// releasedIfLost is the origin of deliveries to addresses which say that what was
// lost there is released.
type releasedIfLost struct{ *ingress }

// OnOutcome passes back to the sender what became of its deliveries.
func (in releasedIfLost) OnOutcome(b *amqp.Batch, ids []uint32, o amqp.Outcome) {
	if o.Lost {
		in.link.Lost(b, ids, in.outcome(wire.DeliveryState{Kind: wire.StateReleased}))
		return
	}
	in.ingress.OnOutcome(b, ids, o)
}

// origin is who hears what became of the message at a consumer of a.
func (m *message) origin(a *address) amqp.Origin {
	switch {
	case m.isCopy():
		if m.fan == nil {
			return nil
		}
		return m.fan
	case m.hop != nil:
		return m.hop.origin(m)
	}
	if a.treated().releases || m.lenient {
		return releasedIfLost{m.in}
	}
	return m.in
}

// lossOutcome is what a sender hears of a delivery that had been sent on when its
// path was lost.
func lossOutcome(releases bool) wire.DeliveryState {
	if releases {
		return wire.DeliveryState{Kind: wire.StateReleased}
	}
	return wire.ModifiedState(true, false, nil)
}

// OnSenderState passes on to the receiver what the sender says of a delivery:
// the third step of a three-way exchange, or a settlement before any outcome.
func (in *ingress) OnSenderState(b *amqp.Batch, d amqp.InDelivery, settled bool, state wire.DeliveryState) {
	switch to := d.Context.(type) {
	case *amqp.Sender:
		to.Update(b, d.Ref, settled, state)
	case *onward:
		to.senderState(b, d.Ref, settled, state)
	case *fanout:
		to.senderState(b, settled, state)
	default:
		if settled {
			in.settledWaiting(d.ID)
		}
	}
}

// settledWaiting marks a delivery that its sender settled while it still waits:
// it goes on as a presettled one. One that is just being put elsewhere is not found: it leaves
// unsettled, and is settled behind that. Whether it is lost with the link is not said here.
func (in *ingress) settledWaiting(id uint32) {
	in.waiting.each(func(q *queue) {
		for i := range q.count {
			m := &q.items[(q.head+i)&(len(q.items)-1)]
			if m.in == in && m.id == id && !m.settled {
				m.settled, m.counted = true, true
			}
		}
	})
}

// partedHold is how much may wait of a connection, of all its links, for what a sender leaves
// behind to go on. Nobody would bound it otherwise: links come and go, and the connection could
// send nothing any more.
const partedHold = 256 << 10

// OnDetach ends what the link leaves behind: receivers of its deliveries are told
// that they are settled, and one that has not come whole is broken off. What waits, is whole and
// was settled goes on. So does the rest, and is settled as it leaves, if its sender closed the
// link in peace. One that was lost, or only detached, has its unsettled deliveries still and
// will send them again, as neighbours and brokers do: they are dropped here, or by whoever has
// them in hand now.
func (in *ingress) OnDetach(b *amqp.Batch, lost []amqp.InDelivery, e *wire.Error) {
	if in.addr != nil {
		in.addr.removeProducer(b, in)
	}
	in.dropPartial(b)
	for _, d := range lost {
		switch to := d.Context.(type) {
		case *amqp.Sender:
			to.Update(b, d.Ref, true, wire.DeliveryState{})
		case *onward:
			to.senderState(b, d.Ref, true, wire.DeliveryState{})
		case *fanout:
			to.senderState(b, true, wire.DeliveryState{})
		}
	}
	in.peer.links.removeIn(in)
	if !in.lets || !in.link.Parted() || in.peer.conn.Held() > partedHold {
		in.lost = waitingOf(lost)
	}
	in.over.Store(true)
	in.forgetHops()
	if len(in.lost) > 0 {
		in.drop(b, (*message).lost)
	}
	in.peer.detached(in.link.Name(), e)
	if in.addr != nil {
		in.peer.router.table.release(in.addr)
	}
}

// waitingOf is the ids of those deliveries of which something may wait here, in ascending order.
func waitingOf(lost []amqp.InDelivery) (ids []uint32) {
	for _, d := range lost {
		switch d.Context.(type) {
		case nil, *fanout:
			ids = append(ids, d.ID)
		}
	}
	slices.Sort(ids)
	return ids
}

// queueFor is the queue in which the message waits at a, made if need be; nil
// when the link has enough waiting there, or has lost the message: drop looks through the
// queues that there are when it begins. The caller holds a's mutex.
func (in *ingress) queueFor(a *address, m *message) *queue {
	s := in.waiting
	s.mu.Lock()
	defer s.mu.Unlock()
	if m.lost() {
		return nil
	}
	if in.addr == nil && !in.trunk && a.trunk == nil && s.waitingAt(a) >= int(in.peer.anonymousWindow()/2) {
		// An anonymous sender always has credit: one address that takes nothing
		// must not use up all of it.
		return nil
	}
	return s.open(sourceKey{addr: a, class: a.class(m), arrived: m.here, from: m.from})
}

// drop takes out of the link's queues what gone says.
func (in *ingress) drop(b *amqp.Batch, gone func(*message) bool) {
	var removed []message
	in.waiting.each(func(q *queue) {
		removed = append(removed, q.remove(func(m *message) bool { return m.in == in && gone(m) })...)
	})
	for i := range removed {
		removed[i].forget(b)
	}
}
