package amqp

import (
	"hash/crc32"

	"github.com/meshway/meshway/internal/wire"
)

// recvTransfer handles one transfer frame: it checks the session's window, finds
// the link, checks its credit when a delivery begins, makes the record of an
// unsettled delivery, and hands the frame to the link's handler. [2.7.5]
func (c *Conn) recvTransfer(w *work, ch uint16, t *wire.Transfer, payload []byte) error {
	s, err := c.session(ch, wire.CodeTransfer)
	if err != nil {
		return err
	}
	lk := s.byHandle.get(t.Handle)

	c.mu.Lock()
	if s.over {
		c.mu.Unlock()
		return nil
	}
	if s.nextIncomingID == s.incomingEnd {
		c.mu.Unlock()
		return s.fault(wire.CondWindowViolation, "transfer %d is past the incoming-window", s.nextIncomingID)
	}
	s.countFrame(len(payload), lk != nil && lk.recv != nil && !lk.recv.partial)
	if lk == nil {
		c.mu.Unlock()
		return s.fault(wire.CondUnattachedHandle, "transfer on handle %d, which is not attached", t.Handle)
	}
	l := lk.recv
	if l == nil {
		c.mu.Unlock()
		return lk.fault(wire.CondNotAllowed, "a transfer from the receiver of the link")
	}
	if l.gone || l.detached {
		c.mu.Unlock()
		return nil // on its way when we detached
	}
	if lk.raw != nil {
		return l.recvRaw(w, t, payload)
	}
	first := !l.partial
	var midway InDelivery
	var settled bool
	if first {
		err = l.begin(t)
	} else {
		midway, settled, err = l.continues(t)
	}
	if err != nil {
		c.mu.Unlock()
		return err
	}
	switch {
	case t.Aborted:
		l.abort()
	case !first && !t.More:
		l.whole(&w.batch)
	}
	l.size += uint64(len(payload))
	if l.maxMessage > 0 && l.size > l.maxMessage && !l.discard && !t.Aborted {
		c.mu.Unlock()
		return l.tooLarge(w)
	}
	c.mu.Unlock()

	l.partial = t.More && !t.Aborted
	if l.discard {
		return nil
	}
	d := &w.delivery
	d.Link, d.ID, d.First, d.More, d.Aborted = l, l.partialID, first, l.partial, t.Aborted
	d.Format, d.Settled, d.State, d.Payload = t.MessageFormat.V, l.settled, t.State, payload
	d.In = c.t.rref
	l.h.OnTransfer(&w.batch, d)
	if settled && midway.Context != nil && !t.Aborted {
		// It has been sent on as one to be settled.
		l.h.OnSenderState(&w.batch, midway, true, t.State)
	}
	return nil
}

// numbered checks the number of a delivery that begins, and its credit, and makes it the
// one that is arriving. The caller holds mu.
func (l *Receiver) numbered(t *wire.Transfer) error {
	s := l.session
	if !t.DeliveryID.OK {
		return s.fault(wire.CondInvalidField, "link %q: the first transfer of a delivery has no delivery-id", l.name)
	}
	id := t.DeliveryID.V
	if s.anyDelivery && !serialLess(s.lastDelivery, id) {
		return s.fault(wire.CondInvalidField, "link %q: delivery-id %d after %d", l.name, id, s.lastDelivery)
	}
	if !serialLess(l.deliveryCount, l.ceiling) && l.fromOne && l.ceiling != 1 {
		// It was given credit, and has more by its own count: a sender that says 1 and counts from 0,
		// as node-amqp10 does. So do we from here on, and to it flows mean what they say.
		l.deliveryCount--
		l.fromOne = false
	}
	if !serialLess(l.deliveryCount, l.ceiling) && !l.excessWaits() {
		s.conn.inRounds = true // for its other links, and for this one when it comes back
		return l.fault(wire.CondTransferLimitExceeded, "delivery %d without credit", id)
	}
	s.lastDelivery, s.anyDelivery = id, true
	l.useCredit()
	l.partialID, l.settled, l.size = id, t.Settled.V, 0
	if t.More {
		l.partialTag, l.partialFormat = crc32.ChecksumIEEE(t.DeliveryTag), t.MessageFormat.V
	}
	return nil
}

// sameDelivery checks that a frame says nothing of its delivery that the first one did not.
// [2.7.5] The caller holds mu.
func (l *Receiver) sameDelivery(t *wire.Transfer) error {
	switch {
	case t.DeliveryID.OK && t.DeliveryID.V != l.partialID:
		return l.fault(wire.CondNotAllowed, "delivery %d began before the last frame of delivery %d", t.DeliveryID.V, l.partialID)
	case t.DeliveryTag != nil && crc32.ChecksumIEEE(t.DeliveryTag) != l.partialTag:
		return l.fault(wire.CondNotAllowed, "a later frame of delivery %d has another delivery-tag than the first", l.partialID)
	case t.MessageFormat.OK && t.MessageFormat.V != l.partialFormat:
		return l.fault(wire.CondNotAllowed, "a later frame of delivery %d has message-format %d, the first had %d", l.partialID, t.MessageFormat.V, l.partialFormat)
	}
	return nil
}

// agreed checks that a frame of an unsettled delivery does not ask for it to be settled second
// on a link that settles first: that "is illegal". [2.7.5] The caller holds mu.
func (l *Receiver) agreed(t *wire.Transfer) error {
	if t.RcvSettleMode.V == wire.RcvSecond && !l.second && !l.settled && !t.Settled.V {
		return l.fault(wire.CondNotAllowed, "delivery %d has rcv-settle-mode second, on a link that was attached with first", l.partialID)
	}
	return nil
}

// begin checks and counts the first frame of a delivery. The caller holds mu.
func (l *Receiver) begin(t *wire.Transfer) error {
	if err := l.numbered(t); err != nil {
		return err
	}
	if err := l.agreed(t); err != nil {
		return err
	}
	// [2.7.5] A resumed delivery that is not in our unsettled map, and it never
	// is since we send none, is ignored; it has been counted.
	l.discard = t.Resume
	if l.discard {
		l.extend()
		return nil
	}
	l.outstanding++
	if serialLess(l.limit, l.deliveryCount) && !l.session.conn.inRounds {
		l.noteFlow() // it crossed the flow that took credit back; its sender may count wrongly
	}
	l.extend() // what was too little to tell may be worth it now
	l.countBegun(l.partialID, t.More)
	return nil
}

// continues checks a frame that is not the first of its delivery, and says whether
// it settles it. The caller holds mu.
func (l *Receiver) continues(t *wire.Transfer) (midway InDelivery, settled bool, err error) {
	if err = l.sameDelivery(t); err == nil {
		err = l.agreed(t)
	}
	if err != nil {
		return midway, false, err
	}
	if t.Settled.V && !l.settled && !l.discard {
		midway, settled = l.settledMidway()
	}
	return midway, settled, nil
}

// settledMidway handles settled on a later transfer of a delivery: that settles
// it, so from here on it is a presettled one. [2.7.5] One that has ended already,
// by our outcome or by the sender's disposition, does not end again. The caller
// holds mu.
func (l *Receiver) settledMidway() (midway InDelivery, settled bool) {
	r := l.record(l.partialID)
	if r == nil {
		return midway, false
	}
	if r.is(inDone) { // only this was awaited
		l.end(l.partialID, r)
		return midway, false
	}
	midway = InDelivery{ID: l.partialID, Context: r.context, Ref: r.ref}
	if r.is(inExcused) {
		l.excused--
		l.outstanding++
	}
	l.session.incoming.remove(l.partialID) // from here on it counts until it is finished
	l.settled = true
	l.count.Presettled++
	return midway, true
}

// abort ends a delivery without a message: it is settled by that, and gone.
// [2.7.5] The caller holds mu.
func (l *Receiver) abort() {
	l.early = nil
	if l.discard {
		return
	}
	if l.settled {
		l.finished(1)
	} else if r := l.record(l.partialID); r != nil { // else its sender has settled it before
		l.end(l.partialID, r)
	}
}

// tooLarge is the fault of a sender that exceeds max-message-size: the delivery is
// rejected, what was passed on of it is aborted by the link's end. If its last frame has not
// come, the detach alone says why.
func (l *Receiver) tooLarge(w *work) error {
	e := newError(wire.CondMessageSizeExceeded, "delivery %d is larger than max-message-size, %d bytes", l.partialID, l.maxMessage)
	w.ids = append(w.ids[:0], l.partialID)
	l.Update(&w.batch, w.ids, true, wire.RejectedState(e))
	return &fault{link: &l.link, session: l.session, err: e}
}
