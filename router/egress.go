package router

import (
	"sync/atomic"

	"github.com/meshway/meshway/internal/amqp"
	"github.com/meshway/meshway/internal/config"
	"github.com/meshway/meshway/internal/wire"
)

// egress is a link by which messages go out: a consumer of its address.
type egress struct {
	// Immutable after the attach.
	peer     *peer
	link     *amqp.Sender
	addr     *address
	annotate bool   // messages get our annotations on their way out
	trunk    *trunk // the link goes to a neighbour; nil for consumers proper
	largest  uint64 // bytes of a message that the consumer takes; 0 is no limit

	tally tally
	among int // the links of its connection; guarded by their mutex

	// stream is the long message that is on the link now.
	stream atomic.Pointer[streamCopy]
	// epoch rises whenever the link may have become able to send.
	epoch atomic.Uint64
	// backlog is what waits for this link alone, on a multicast address.
	backlog backlog
}

// Attaching gets the link of a trunk, which is attached by us.
func (e *egress) Attaching(l *amqp.Sender) {
	e.link = l
	e.peer.links.addOut(e)
}

// OnSendable is called when the link may be able to take something: it gets what
// waits for it, in the order long message, backlog, address.
func (e *egress) OnSendable(b *amqp.Batch, l *amqp.Sender) {
	e.epoch.Add(1)
	if c := e.stream.Load(); c != nil {
		c.pump(b)
	}
	a := e.addr
	if a.treated().distribution == config.Multicast {
		e.drainBacklog(b)
	}
	a.epoch.Add(1)
	_, credit := l.Load()
	switch {
	case credit == 0:
		a.attend()
	case a.trunk == nil:
		e.able(b)
	}
	if l.Draining() {
		e.askDrain(b)
		return
	}
	if a.busy.Load() > 0 {
		a.drain(b)
	}
}

// able is called when the consumer has credit.
func (e *egress) able(b *amqp.Batch) {
	a := e.addr
	if !a.opened.Load() {
		a.consumerAble(b)
	}
	if !a.ableHere.Load() {
		a.ableHere.Store(true)
	}
	if !a.openHere.Load() && a.openHere.CompareAndSwap(false, true) {
		a.advertise()
	}
}

// askDrain answers a receiver that wants its credit used up or given back, as
// soon as nothing waits that could use it. [2.6.7]
func (e *egress) askDrain(b *amqp.Batch) {
	if e.addr.treated().distribution == config.Multicast {
		if !e.awaited() || !e.hasCredit() {
			e.drained(b)
		}
		return
	}
	a := e.addr
	a.mu.Lock()
	a.asked = append(a.asked, e)
	a.mu.Unlock()
	a.drain(b)
}

// send is Send of the link.
func (e *egress) send(b *amqp.Batch, m *amqp.Outgoing, origin amqp.Origin, ref uint32) (id uint32, settled bool, res amqp.Result) {
	id, settled, res = e.link.Send(b, m, origin, ref)
	e.spent()
	return id, settled, res
}

// start is Start of the link.
func (e *egress) start(b *amqp.Batch, m *amqp.Outgoing, origin amqp.Origin, ref uint32) (id uint32, settled bool, res amqp.Result) {
	id, settled, res = e.link.Start(b, m, origin, ref)
	e.spent()
	return id, settled, res
}

// drained is Drained of the link.
func (e *egress) drained(b *amqp.Batch) {
	e.link.Drained(b)
	e.spent()
}

// spent has the address looked at if the consumer's credit was used up just now.
func (e *egress) spent() {
	if !e.hasCredit() {
		e.addr.attend()
	}
}

func (e *egress) hasCredit() bool {
	_, credit := e.link.Load()
	return credit > 0
}

// OnDetach takes the consumer out. Its unsettled deliveries are given back by the
// engine right after.
func (e *egress) OnDetach(b *amqp.Batch, err *wire.Error) {
	e.peer.links.removeOut(e)
	if e.trunk != nil {
		if c := e.stream.Load(); c != nil {
			c.gone(b)
		}
		e.trunk.detached(b)
		return
	}
	a := e.addr
	if a.removeConsumer(e) {
		a.closeCredit(b, func() bool { return !a.consumers.Load().any(false) })
	}
	a.advertise()
	a.consumersChanged(b)
	if c := e.stream.Load(); c != nil {
		c.gone(b)
	}
	if a.treated().distribution == config.Multicast {
		e.closeBacklog(b)
	}
	if a.busy.Load() > 0 {
		a.drain(b)
	}
	e.peer.detached(e.link.Name(), err)
	e.peer.router.table.release(a)
}
