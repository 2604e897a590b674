package router

import (
	"sync/atomic"
	"time"

	"github.com/meshway/meshway/internal/amqp"
	"github.com/meshway/meshway/internal/wire"
)

// routedLink is a link of a client, or of a neighbour for it, and its pair in the mirror.
//
//	waiting -> attaching -> up -> detaching -> over
//
// Each end detaches as the other one did; whoever began is answered when the other has
// answered, or has had its time.
type routedLink struct {
	// Immutable after it is made.
	mirror *mirror
	route  *linkRoute // by which it goes at a container of this router; nil elsewhere
	name   routedName // at that container
	ask    *wire.Attach
	sends  int // the side that transfers come from
	ends   [2]routedEnd

	attached atomic.Bool // the attach has gone on: what is said may follow

	// Guarded by the routedSession's mutex.
	answered bool
	over     bool
	early    *wire.Flow // what the client said of its credit before that
	timer    *time.Timer
}

// routedEnd is one end of a routed link.
type routedEnd struct {
	link *routedLink
	raw  *amqp.RawLink
	side int

	tally tally // its number is set when it is attached

	told bool // its detach is sent or waits in the pipe; guarded by the routedSession's mutex
	done bool // its peer's detach has come; guarded by the routedSession's mutex

	sending uint32 // id of the delivery being passed on, at the other end; guarded by the pipe's mutex
	partial bool   // some of it has gone on, and not all; guarded by the pipe's mutex
}

const (
	// attachTime is how long a routed attach waits for an answer.
	attachTime = 10 * time.Second
	// detachTime is how long a routed detach waits for an answer.
	detachTime = 5 * time.Second
)

func (e *routedEnd) other() *routedEnd { return &e.link.ends[1-e.side] }

// asked is the address that the link was attached for; empty for a coordinator and for
// dynamic nodes.
func (l *routedLink) asked() string {
	switch a := l.ask; {
	case a.Role == wire.RoleSender && a.Target != nil:
		return a.Target.Address.V
	case a.Role == wire.RoleReceiver && a.Source != nil:
		return a.Source.Address.V
	}
	return ""
}

// pipe is that by which transfers go from this end.
func (e *routedEnd) pipe() *pipe { return &e.link.mirror.pipes[e.side] }

// detachEnd detaches one end, whatever has become of the other.
func (l *routedLink) detachEnd(b *amqp.Batch, side int, closed bool, err *wire.Error) {
	if side == sideUp || l.attached.Load() {
		l.ends[side].raw.Detach(b, closed, err)
	}
}

// forget takes the link out of its mirror: what its ends say is of no interest any more.
// The caller holds the routedSession's mutex.
func (l *routedLink) forget() {
	if l.over {
		return
	}
	l.over = true
	delete(l.mirror.links, l)
	l.count(-1)
	for side := range l.ends {
		e := &l.ends[side]
		e.peer().links.removeRaw(e)
	}
	if l.timer != nil {
		l.timer.Stop()
	}
	l.unregister()
}

// attachDown attaches the link's other end. The caller holds the routedSession's mutex.
func (l *routedLink) attachDown(b *amqp.Batch) *wire.Error {
	down := l.ends[sideDown].raw
	if aerr := l.mirror.session.AttachRaw(b, down, l.downward()); aerr != nil {
		return refusal(wire.CondResourceLimitExceeded, "%s: %v", l.mirror.where(), aerr)
	}
	l.mirror.peer.links.addRaw(&l.ends[sideDown])
	if l.early != nil {
		down.Flow(b, l.early)
		l.early = nil
	}
	l.attached.Store(true)
	return nil
}

// unanswered is called when an attach has waited for its answer for long enough. The answer or an
// end may have come just before: then that stands.
func (l *routedLink) unanswered() {
	if !l.giveUp(false) {
		return
	}
	var b amqp.Batch
	err := refusal(condLinkLost, "%s has not answered the attach in %v", l.mirror.where(), attachTime)
	l.ends[sideUp].raw.Detach(&b, true, err)
	l.detachEnd(&b, sideDown, true, err)
	b.Flush()
}

// undetached is called when a detach has waited for its answer for long enough.
func (l *routedLink) undetached() {
	if !l.giveUp(true) {
		return
	}
	var b amqp.Batch
	l.ends[sideUp].raw.Detach(&b, true, nil)
	l.ends[sideDown].raw.Detach(&b, true, nil)
	b.Flush()
}

// giveUp forgets the link, also if its attach was answered or not. False means that it is
// over already, or has been answered.
func (l *routedLink) giveUp(answered bool) bool {
	rs := l.mirror.rs
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if l.over || l.answered && !answered {
		return false
	}
	l.forget()
	return true
}

// cut ends the link at both ends, for a reason that neither of them has given.
func (l *routedLink) cut(b *amqp.Batch, err *wire.Error) {
	if l.giveUp(true) {
		l.ends[sideUp].raw.Detach(b, true, err)
		l.detachEnd(b, sideDown, false, err)
	}
}

// OnAnswer hands the container's answer to the client.
func (e *routedEnd) OnAnswer(b *amqp.Batch, p *wire.Attach) {
	l := e.link
	rs := l.mirror.rs
	rs.mu.Lock()
	if l.over {
		rs.mu.Unlock()
		return
	}
	l.answered = true
	l.timer.Stop()
	rs.mu.Unlock()
	if err := l.ends[sideUp].raw.Answer(b, l.upward(p)); err != nil {
		l.cut(b, refusal(wire.CondFrameSizeTooSmall, "%v", err))
	}
}

// OnFlow passes on what is said of the link's credit: by the sender behind what it has
// sent, by the receiver at once.
func (e *routedEnd) OnFlow(b *amqp.Batch, f *wire.Flow) {
	l := e.link
	if !l.attached.Load() && e.keepEarly(f) {
		return
	}
	if e.side == l.sends {
		e.pipe().flow(b, e, f)
	} else {
		e.other().raw.Flow(b, f)
	}
}

// keepEarly keeps a flow for when the attach has gone on, unless it has meanwhile.
func (e *routedEnd) keepEarly(f *wire.Flow) bool {
	l := e.link
	l.mirror.rs.mu.Lock()
	defer l.mirror.rs.mu.Unlock()
	if l.attached.Load() {
		return false
	}
	kept := *f
	kept.Properties = append(wire.Raw(nil), f.Properties...)
	l.early = &kept
	return true
}

// OnFrame passes on a transfer frame.
func (e *routedEnd) OnFrame(b *amqp.Batch, f *amqp.RawFrame) { e.pipe().transfer(b, e, f) }

// OnOutcome passes on what the receiver says of deliveries.
func (e *routedEnd) OnOutcome(b *amqp.Batch, refs []uint32, o amqp.Outcome) {
	if !o.Lost { // else the link has ended, which says it all
		e.other().raw.Tell(b, refs, o.Settled, o.State)
	}
}

// OnSenderState passes on what the sender says of a delivery.
func (e *routedEnd) OnSenderState(b *amqp.Batch, in amqp.InDelivery, settled bool, state wire.DeliveryState) {
	e.pipe().state(b, e, in, settled, state)
}

// OnSendable goes on with what waits to leave by this end's session.
func (e *routedEnd) OnSendable(b *amqp.Batch) { e.other().pipe().drain(b) }

// OnEnd detaches the other end, or answers it if it began.
func (e *routedEnd) OnEnd(b *amqp.Batch, end amqp.RawEnd) {
	l, o := e.link, e.other()
	rs := l.mirror.rs
	rs.mu.Lock()
	if l.over {
		rs.mu.Unlock()
		return
	}
	e.done = true
	if e.told || o.side == sideDown && !l.attached.Load() {
		// Its answer, or there is nobody to ask.
		l.forget()
		rs.mu.Unlock()
		if e.told {
			o.raw.Detach(b, end.Closed, end.Err)
		} else {
			e.raw.Detach(b, end.Closed, nil)
		}
		return
	}
	o.told = true
	l.answered = true // nothing but the answer to the detach is awaited
	if l.timer != nil {
		l.timer.Stop()
	}
	l.timer = time.AfterFunc(detachTime, l.undetached)
	rs.mu.Unlock()
	closed := end.Closed
	if !end.Detached {
		closed = o.side == sideUp // a container keeps what it can
	}
	if e.side == l.sends {
		e.pipe().detach(b, e, closed, end.Err)
	} else {
		o.raw.Detach(b, closed, end.Err)
	}
}
