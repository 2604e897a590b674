package amqp

import "github.com/meshway/meshway/internal/wire"

// early is what was said of a delivery before its last frame had come. The peer hears of it
// behind that frame: senders are not ready for it before. go-amqp begins to listen for an
// outcome when it has written the last frame, and waits for ever for one that came earlier;
// rhea forgets the delivery of which it still writes, and its session sends nothing any more.
//
//   - It holds for outcomes and settlements, whoever says them and on whatever link, also a
//     routed one. What is no outcome passes at once.
//   - It does not hold between routers ([Config].BetweenRouters). Their senders bear it, and an
//     outcome gives back the egress's window: a client that stops in the middle of a message
//     must not keep it from others.
//   - The first outcome stands, as it does once it was said; one of the same kind replaces it,
//     and a settlement joins it. On a routed link the last one stands: there all pass.
//   - On our side a settled delivery is over: nobody can say anything of it any more, and what its
//     sender says of it is not passed on. It counts for credit until its last frame has come. The
//     sender cannot begin another on the link before, and no frame needs credit but the first:
//     so nothing waits for it.
//   - Nothing is said if the sender is done with the delivery first: it settles or aborts it,
//     or its link ends.
//
// The frames of one delivery at a time arrive on a link [2.6.14], so a link has one at most.
type early struct {
	state   wire.DeliveryState
	settled bool
}

// hold keeps what is said of a delivery whose last frame has not come. False means that it may
// be said at once. The caller holds mu.
func (l *Receiver) hold(r *inRecord, settled, lost bool, state wire.DeliveryState) bool {
	e := l.early
	switch {
	case e == nil && !settled && !state.Terminal():
		return false
	case e == nil:
		e = &early{state: state.Clone()}
		l.early = e
	case !lost && (state.Kind == e.state.Kind || l.raw != nil && state.Terminal()):
		e.state = state.Clone()
	}
	if settled {
		e.settled = true
		r.flags |= inDone
		r.context = nil
	}
	return true
}

// holdRaw is hold for a delivery of a routed link, which is alive, whether its last frame has
// come or not.
func (l *Receiver) holdRaw(id uint32, settled bool, state wire.DeliveryState) bool {
	r := l.record(id)
	return r.is(inMidway) && l.hold(r, settled, false, state)
}

// whole is called when the delivery that was arriving has come to its end, and says what was
// held of it, if it is not over. The caller holds mu.
func (l *Receiver) whole(b *Batch) {
	e := l.early
	l.early = nil
	r := l.record(l.partialID)
	if r == nil {
		return
	}
	r.flags &^= inMidway
	switch {
	case e == nil:
		return
	case l.raw != nil:
		l.raw.say(l.partialID, e.settled, e.state)
	default:
		l.say(l.partialID, r, e.settled, false, e.state)
	}
	b.touch(l.session.conn)
}
