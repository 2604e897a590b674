package router

import (
	"container/list"
	"sync/atomic"
	"time"

	"github.com/meshway/meshway/internal/amqp"
	"github.com/meshway/meshway/internal/wire"
)

// routedLink is a link of a client, or of a neighbour for it, and its pair in the mirror.
//
//	waiting -> attaching -> up -> detaching -> over
//	   ^           |
//	   +-----------+  refused, and there is another place to try: another pair, in another mirror
//
// Each end detaches as the other one did; whoever began is answered when the other has
// answered, or has had its time.
type routedLink struct {
	// Immutable after it is made.
	rs     *routedSession
	ask    *wire.Attach
	to     linkDestination // as it came
	client string          // whose link it is; empty where it came from another router
	sends  int             // the side that transfers come from

	// Guarded by the routedSession's mutex until it is up, immutable from then on. The
	// client's end is immutable.
	mirror *mirror
	route  *linkRoute // by which it goes at a container of this router; nil elsewhere
	name   routedName // at that container
	ends   [2]*routedEnd

	up atomic.Bool // the container has attached it: what is said passes

	// Guarded by the routedSession's mutex.
	tries    tries
	joined   bool // it counts as one of the mirror's
	attached bool // the attach has gone on
	answered bool // nothing but the end of it is awaited
	over     bool
	early    *wire.Flow // what the client said of its credit before it was up
	timer    *time.Timer

	queued *list.Element // in the gate of its container, whose mutex guards it
}

// routedEnd is one end of a routed link.
type routedEnd struct {
	link   *routedLink
	mirror *mirror // of the container's end
	raw    *amqp.RawLink
	side   int

	tally tally // its number is set when it is attached
	among int   // its place in the connection's links; guarded by their mutex

	told   bool // its detach is sent or waits in the pipe; guarded by the routedSession's mutex
	asking bool // its attach counts in the gate of its container, whose mutex guards it

	sending uint32 // id of the delivery being passed on, at the other end; guarded by the pipe's mutex
	partial bool   // some of it has gone on, and not all; guarded by the pipe's mutex
}

func newRoutedEnd(l *routedLink, side int, m *mirror) *routedEnd {
	e := &routedEnd{link: l, side: side, mirror: m}
	e.raw = amqp.NewRawLink(e)
	return e
}

const (
	// attachTime is how long a routed attach waits for an answer.
	attachTime = 10 * time.Second
	// detachTime is how long a routed detach waits for an answer.
	detachTime = 5 * time.Second
)

// other is the other end. It is asked for while the link is up only, or by who holds the
// routedSession's mutex.
func (e *routedEnd) other() *routedEnd { return e.link.ends[1-e.side] }

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

// pipe is that by which transfers go from this end, while the link is up.
func (e *routedEnd) pipe() *pipe { return &e.link.mirror.pipes[e.side] }

// detachDown detaches the container's end, if the attach has gone on to it.
func (l *routedLink) detachDown(b *amqp.Batch, closed bool, err *wire.Error) {
	l.rs.mu.Lock()
	e, attached := l.ends[sideDown], l.attached
	l.rs.mu.Unlock()
	if attached {
		e.detach(b, closed, err)
	}
}

// detach detaches the end of a link that has a mirror. What waits for credit there goes no further.
func (e *routedEnd) detach(b *amqp.Batch, closed bool, err *wire.Error) {
	e.raw.Detach(b, closed, err)
	e.heard(b)
	e.pipe().discard(b, e)
}

// forget takes the link out of its mirror: what its ends say is of no interest any more.
// The caller holds the routedSession's mutex.
func (l *routedLink) forget() {
	if l.over {
		return
	}
	l.over = true
	l.leaveMirror()
	l.rs.peer.links.removeRaw(l.ends[sideUp])
	if l.timer != nil {
		l.timer.Stop()
	}
}

// finish detaches both ends of a link that is forgotten.
func (l *routedLink) finish(b *amqp.Batch, closed bool, err *wire.Error) {
	l.ends[sideUp].raw.Detach(b, true, err)
	l.detachDown(b, closed, err)
}

// unanswered is called when an attach has waited for its answer for long enough. The answer or an
// end may have come just before: then that stands.
func (l *routedLink) unanswered() {
	where, gone := l.giveUp(false)
	if !gone {
		return
	}
	var b amqp.Batch
	l.finish(&b, true, refusal(condLinkLost, "%s has not answered the attach in %v", where, attachTime))
	b.Flush()
}

// undetached is called when a detach has waited for its answer for long enough.
func (l *routedLink) undetached() {
	if _, gone := l.giveUp(true); gone {
		var b amqp.Batch
		l.finish(&b, true, nil)
		b.Flush()
	}
}

// giveUp forgets the link, also if its attach was answered or not, and says where it went. False
// means that it is over already, or has been answered.
func (l *routedLink) giveUp(answered bool) (where string, gone bool) {
	l.rs.mu.Lock()
	defer l.rs.mu.Unlock()
	if l.over || l.answered && !answered {
		return "", false
	}
	l.forget()
	return l.mirror.where(), true
}

// cut ends the link at both ends, for a reason that neither of them has given.
func (l *routedLink) cut(b *amqp.Batch, err *wire.Error) {
	if _, gone := l.giveUp(true); gone {
		l.finish(b, false, err)
	}
}

// OnAnswer hands the container's answer to the client. One without a terminus is a refusal:
// the reason follows in a detach, and then perhaps an attach elsewhere. [2.6.3]
func (e *routedEnd) OnAnswer(b *amqp.Batch, p *wire.Attach) {
	l := e.link
	e.heard(b)
	l.rs.mu.Lock()
	if l.over || e != l.ends[sideDown] || l.refuses(p) {
		l.rs.mu.Unlock()
		return
	}
	l.answered = true
	l.up.Store(true)
	l.timer.Stop()
	l.rs.mu.Unlock()
	if err := l.ends[sideUp].raw.Answer(b, l.upward(p)); err != nil {
		l.cut(b, refusal(wire.CondFrameSizeTooSmall, "%v", err))
	}
}

// heard lets the next attach go to the container, since this one waits for its answer no more.
// The caller holds no lock.
func (e *routedEnd) heard(b *amqp.Batch) {
	if e.mirror != nil && e.mirror.container != nil {
		e.mirror.container.gate.answered(b, e)
	}
}

// refuses says whether an answer is a refusal.
func (l *routedLink) refuses(p *wire.Attach) bool {
	if l.sends == sideUp {
		return p.Target == nil
	}
	return p.Source == nil
}

// OnFlow passes on what is said of the link's credit: by the sender behind what it has
// sent, by the receiver at once.
func (e *routedEnd) OnFlow(b *amqp.Batch, f *wire.Flow) {
	switch {
	case !e.link.up.Load():
		if e.side == sideUp {
			e.keepEarly(b, f)
		}
	case e.side == e.link.sends:
		e.pipe().flow(b, e, f)
	default:
		o := e.other()
		o.raw.Flow(b, f)
		o.pipe().granted(b, o)
	}
}

// keepEarly passes a flow on as soon as the attach has gone on, each time it does. The container
// may have answered meanwhile, and sent more than it may.
func (e *routedEnd) keepEarly(b *amqp.Batch, f *wire.Flow) {
	l := e.link
	l.rs.mu.Lock()
	kept := *f
	kept.Properties = append(wire.Raw(nil), f.Properties...)
	l.early = &kept
	if l.attached {
		l.ends[sideDown].raw.Flow(b, f)
	}
	l.rs.mu.Unlock()
	if l.up.Load() && l.sends == sideDown {
		o := e.other()
		o.pipe().granted(b, o)
	}
}

// OnFrame passes on a transfer frame.
func (e *routedEnd) OnFrame(b *amqp.Batch, f *amqp.RawFrame) {
	if e.link.up.Load() { // else nobody has given credit for it, and the engine has refused it
		e.pipe().transfer(b, e, f)
	}
}

// OnOutcome passes on what the receiver says of deliveries.
func (e *routedEnd) OnOutcome(b *amqp.Batch, refs []uint32, o amqp.Outcome) {
	if !o.Lost && e.link.up.Load() { // if they are lost the link has ended, which says it all
		e.other().raw.Tell(b, refs, o.Settled, o.State)
	}
}

// OnSenderState passes on what the sender says of a delivery.
func (e *routedEnd) OnSenderState(b *amqp.Batch, id uint32, settled bool, state wire.DeliveryState) {
	if e.link.up.Load() {
		e.pipe().state(b, e, id, settled, state)
	}
}

// OnSendable goes on with what waits to leave by this end's session.
func (e *routedEnd) OnSendable(b *amqp.Batch) {
	if e.link.up.Load() {
		e.other().pipe().drain(b)
	}
}

// OnEnd detaches the other end, or answers it if it began. A link that its container refuses
// is attached elsewhere, if it can be.
func (e *routedEnd) OnEnd(b *amqp.Batch, end amqp.RawEnd) {
	l, rs := e.link, e.link.rs
	e.heard(b)
	rs.mu.Lock()
	switch {
	case l.over || e != l.ends[e.side]:
		rs.mu.Unlock()
	case e.side == sideDown && l.mayGoElsewhere(end.Err):
		l.leaveMirror()
		rs.mu.Unlock()
		e.raw.Detach(b, end.Closed, nil)
		if err := l.again(b); err != nil {
			l.ends[sideUp].raw.Detach(b, true, err)
		}
	case e.told || e.side == sideUp && !l.attached:
		// Its answer, or there is nobody to ask.
		l.forget()
		rs.mu.Unlock()
		if e.told {
			l.ends[1-e.side].raw.Detach(b, end.Closed, end.Err)
		} else {
			e.raw.Detach(b, end.Closed, nil)
		}
	default:
		o := e.other()
		o.told, l.answered = true, true
		l.timer.Stop()
		l.timer = time.AfterFunc(detachTime, l.undetached)
		rs.mu.Unlock()
		l.passEnd(b, e, o, end)
	}
}

// passEnd detaches an end as the other one ended.
func (l *routedLink) passEnd(b *amqp.Batch, e, o *routedEnd, end amqp.RawEnd) {
	closed := end.Closed
	if !end.Detached {
		closed = o.side == sideUp // a container keeps what it can
	}
	if e.side == l.sends && l.up.Load() {
		e.pipe().detach(b, e, closed, end.Err)
		return
	}
	o.detach(b, closed, end.Err)
}
