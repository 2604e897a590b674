package amqp

import (
	"github.com/meshway/meshway/internal/buf"
	"github.com/meshway/meshway/internal/wire"
)

// recvRaw handles a transfer frame of a raw link. The caller holds mu, which it releases.
func (l *Receiver) recvRaw(w *work, t *wire.Transfer, payload []byte) error {
	s := l.session
	c := s.conn
	first := !l.partial
	var err error
	if first {
		err = l.beginRaw(t)
	} else {
		err = l.sameDelivery(t)
	}
	if err != nil {
		c.mu.Unlock()
		return err
	}
	if t.Settled.V || t.Aborted {
		l.settled = true
		l.forgetRaw(l.partialID)
	}
	if !first && (!t.More || t.Aborted) {
		l.whole(&w.batch)
	}
	l.size += uint64(len(payload))
	if l.maxMessage > 0 && l.size > l.maxMessage && !t.Aborted {
		c.mu.Unlock()
		return l.tooLarge(w)
	}
	excess := first && serialLess(l.ceiling, l.deliveryCount)
	c.mu.Unlock()
	l.partial = t.More && !t.Aborted
	f := &w.raw
	*f = RawFrame{ID: l.partialID, First: first, Last: !l.partial, Settled: l.settled, Excess: excess, Transfer: t, Payload: payload, In: c.t.rref}
	l.raw.h.OnFrame(&w.batch, f)
	*f = RawFrame{}
	return nil
}

// beginRaw checks and counts the first frame of a delivery. A resumed one counts as any
// other. The caller holds mu.
func (l *Receiver) beginRaw(t *wire.Transfer) error {
	if err := l.numbered(t); err != nil {
		return err
	}
	l.countBegun(l.partialID, t.More)
	if !l.settled {
		l.outstanding++
	}
	return nil
}

// forgetRaw removes the record of a delivery that came in. The caller holds mu.
func (l *Receiver) forgetRaw(id uint32) {
	if r := l.record(id); r != nil {
		l.countOutcome(r)
		l.end(id, r)
	}
}

// leftRaw ends a delivery that its sender has settled, now that the handler has heard of it.
func (l *Receiver) leftRaw(id uint32) {
	c := l.session.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	if r := l.record(id); r != nil {
		l.end(id, r)
	}
}

// takeFlow notes what the peer says of its link. The caller holds mu.
func (r *RawLink) takeFlow(p *wire.Flow) {
	if l := r.link.recv; l != nil {
		l.recvSenderFlow(p)
	} else {
		r.link.send.recvCredit(p)
	}
}

// SetRef keeps a ref with an unsettled delivery that came in, for Ref.
func (r *RawLink) SetRef(id, ref uint32) {
	s := r.link.session
	s.conn.mu.Lock()
	defer s.conn.mu.Unlock()
	if rec := r.link.recv.record(id); rec != nil {
		rec.context, rec.ref = r, ref
	}
}

// Ref is what SetRef has kept with an unsettled delivery that came in; false if nothing has been
// yet, or it is over.
func (r *RawLink) Ref(id uint32) (ref uint32, ok bool) {
	s := r.link.session
	s.conn.mu.Lock()
	defer s.conn.mu.Unlock()
	rec := r.link.recv.record(id)
	if rec == nil || rec.context == nil {
		return 0, false
	}
	return rec.ref, true
}

// Hold and Unhold count what waits in the handler as those of a [Receiver] do.
func (r *RawLink) Hold(n int) { r.link.recv.Hold(n) }

// Unhold says that n bytes wait no longer.
func (r *RawLink) Unhold(b *Batch, n int) { r.link.recv.Unhold(b, n) }

// RawOut is a transfer frame to be sent.
type RawOut struct {
	Transfer wire.Transfer // all but handle and delivery-id
	First    bool          // it begins the delivery
	ID       uint32        // of the delivery; set when it has begun
	Ref      uint32        // for OnOutcome
	Payload  []byte        // what is left of it
	In       *buf.Ref      // what Payload lies in, if it may stay there until it is written; may be nil
}

// Transfer sends a frame, or several if the peer's are smaller. On any result but Sent
// and Gone what is left in f can be sent when OnSendable was called.
func (r *RawLink) Transfer(b *Batch, f *RawOut) Result {
	l := r.link.send
	s := l.session
	c := s.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		switch {
		case l.gone || l.detached || s.over || c.dead || c.shut.Load():
			return Gone
		case c.out.len() >= outMark:
			l.refused(b, Full)
			return Full
		case s.remoteWindow == 0:
			l.refused(b, NoWindow)
			return NoWindow
		}
		if r.pending != nil || len(c.disp) > 0 {
			c.encodePending() // it was said before: a state in a transaction, for one, before its discharge
		}
		more := l.appendRaw(f)
		b.touch(c)
		if !more {
			return Sent
		}
	}
}

// appendRaw encodes one frame of f, and says whether there is more. The caller holds mu,
// and the window is open.
func (l *Sender) appendRaw(f *RawOut) (more bool) {
	s := l.session
	c := s.conn
	t := f.Transfer
	t.Handle = l.local
	if f.First {
		l.beginRaw(f)
		t.DeliveryID = wire.Some(f.ID)
	} else {
		t.DeliveryID, t.DeliveryTag, t.MessageFormat = wire.Opt[uint32]{}, nil, wire.Opt[uint32]{}
	}
	f.First = false
	per := int(min(c.peer.MaxFrame, buf.Large)) - wire.TransferOverhead(&t)
	if per < 1 {
		t.State = shortenedState(t.State)
		per = int(min(c.peer.MaxFrame, buf.Large)) - wire.TransferOverhead(&t)
	}
	if t.Aborted {
		f.Payload = nil // [2.7.5] it would be ignored
	}
	part := f.Payload[:min(per, len(f.Payload))]
	f.Payload = f.Payload[len(part):]
	more = len(f.Payload) > 0
	t.More = t.More || more
	start := len(c.out.bytes)
	if f.In != nil && len(part) >= mentionFrom {
		c.out.bytes = wire.AppendTransferFrame(buf.Reserve(c.out.bytes, maxTransferHeader), s.local, &t, nil)
		c.out.mention(start, part, f.In)
	} else {
		c.out.bytes = wire.AppendTransferFrame(buf.Reserve(c.out.bytes, len(part)+wire.TransferOverhead(&t)), s.local, &t, part)
	}
	s.nextOutgoingID++
	s.remoteWindow--
	if t.Settled.V || t.Aborted {
		l.forgetRaw(f.ID)
	}
	return more
}

// beginRaw gives a delivery its id, and its record if it is not settled. The caller holds mu.
func (l *Sender) beginRaw(f *RawOut) {
	s := l.session
	f.ID = s.nextDelivery
	s.nextDelivery++
	l.deliveryCount++
	if serialLess(l.limit, l.deliveryCount) {
		l.limit = l.deliveryCount // the receiver has taken some back meanwhile
	}
	now := s.conn.delivering()
	l.count.Deliveries++
	if l.deliveryCount == l.limit {
		l.dry = now
	}
	if f.Transfer.Settled.V {
		l.count.Presettled++
		l.rate.add(uint16(now))
	} else {
		rec := s.outgoing.put(f.ID)
		rec.link, rec.origin, rec.ref, rec.born = l, l.raw.origin, f.Ref, uint16(now)
		l.outstanding++
	}
	l.publish()
}

// forgetRaw removes the record of a delivery that was sent. The caller holds mu.
func (l *Sender) forgetRaw(id uint32) {
	if r := l.record(id); r != nil {
		l.end(id, r)
	}
}

// Tell tells the peer a state of deliveries, settled or not: of those that it sent, where
// we receive, else of those that we sent. Those that are over are passed over. An outcome or a
// settlement of what the peer sends is said when the delivery's last frame has come: see early.
func (r *RawLink) Tell(b *Batch, ids []uint32, settled bool, state wire.DeliveryState) {
	c := r.link.session.conn
	c.mu.Lock()
	for _, id := range ids {
		if !settled && c.out.len() > outLimit/2 || !r.alive(id) {
			continue // who does not read need not hear of everything on the way there
		}
		if r.link.recv == nil || !r.link.recv.holdRaw(id, settled, state) {
			r.say(id, settled, state)
		}
	}
	c.mu.Unlock()
	b.touch(c)
}

// alive says whether the delivery is one of the link's, and not over. The caller holds mu.
func (r *RawLink) alive(id uint32) bool {
	if l := r.link.recv; l != nil {
		rec := l.record(id)
		return rec != nil && !rec.is(inDone|inLeft)
	}
	return r.link.send.record(id) != nil
}

// say tells the peer our state of a delivery that is alive. The caller holds mu.
func (r *RawLink) say(id uint32, settled bool, state wire.DeliveryState) {
	l := r.link
	s := l.session
	if l.recv != nil && state.Terminal() {
		l.recv.record(id).told = state.Kind
	}
	s.conn.noteState(s, l.role(), id, settled, state, state.Kind == wire.StateTransactional) // it counts, outcome or not [4.4.2]
	switch {
	case !settled:
	case l.recv != nil:
		l.recv.forgetRaw(id)
	default:
		l.send.forgetRaw(id)
	}
}

// Flow tells the link's state as f has it, the session's fields aside. While the peer
// does not read, only the newest is kept.
func (r *RawLink) Flow(b *Batch, f *wire.Flow) {
	l := r.link
	s := l.session
	c := s.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	if l.gone || l.detached || s.over || c.dead || c.shut.Load() || !r.answered {
		return
	}
	told := *f
	if l.recv != nil {
		r.grant(&told)
	} else if told.DeliveryCount.OK {
		l.send.deliveryCount = told.DeliveryCount.V
		if serialLess(l.send.limit, l.send.deliveryCount) {
			l.send.limit = l.send.deliveryCount
		}
	}
	b.touch(c)
	if !c.writing {
		c.encodePending()
		r.encodeFlow(&told)
		return
	}
	told.Properties = append(wire.Raw(nil), f.Properties...)
	if r.pending != nil {
		told.Echo = told.Echo || r.pending.Echo
	} else {
		c.rawFlows = append(c.rawFlows, r)
	}
	r.pending = &told
}

// excessWaits says that what comes beyond the credit is taken: see [RawLink.Excess]. The caller holds mu.
func (l *Receiver) excessWaits() bool { return l.raw != nil && l.session.conn.cfg.Overrun }

// Excess is how many of the deliveries that have come are beyond the highest credit that was ever
// told; none when the link has ended. There are such only where [Config] lets the peer overrun;
// they have to wait.
func (r *RawLink) Excess() int {
	l := r.link.recv
	c := l.session.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	if l.gone || l.detached {
		return 0
	}
	return int(max(serialDiff(l.deliveryCount, l.ceiling), 0))
}

// grant notes the credit that f gives the peer. To one that may overrun it is told as from
// what has come here, which is the same credit: it may forget what is on its way. The caller
// holds mu.
func (r *RawLink) grant(f *wire.Flow) {
	l := r.link.recv
	if !f.LinkCredit.OK {
		return
	}
	if l.session.conn.noCredit {
		f.LinkCredit.V = 0
	}
	l.limit = f.DeliveryCount.Or(r.first) + f.LinkCredit.V
	l.recount()
	if serialLess(l.ceiling, l.limit) {
		l.ceiling = l.limit
	}
	if l.excessWaits() && l.anchored {
		f.DeliveryCount, f.LinkCredit = wire.Some(l.deliveryCount), wire.Some(uint32(l.counted))
	}
}

// encodeFlow encodes a flow. The caller holds mu.
func (r *RawLink) encodeFlow(f *wire.Flow) {
	l := r.link
	if l.detached || l.session.over {
		return
	}
	c := l.session.conn
	own := l.session.flow()
	own.Handle = wire.Some(l.local)
	own.DeliveryCount, own.LinkCredit, own.Available = f.DeliveryCount, f.LinkCredit, f.Available
	own.Drain, own.Echo, own.Properties = f.Drain, f.Echo, f.Properties
	start := len(c.out.bytes)
	c.out.bytes = wire.AppendFlowFrame(buf.Reserve(c.out.bytes, 128+len(own.Properties)), l.session.local, &own)
	if !c.fits(start) {
		own.Properties = nil
		c.out.bytes = wire.AppendFlowFrame(c.out.bytes[:start], l.session.local, &own)
	}
	c.checkOutLimit()
}

// encodeRawFlows encodes what Flow has kept. The caller holds mu.
func (c *Conn) encodeRawFlows() {
	for i, r := range c.rawFlows {
		c.rawFlows[i] = nil
		f := r.pending
		r.pending = nil
		r.encodeFlow(f)
	}
	c.rawFlows = c.rawFlows[:0]
}

// Unsettled is how many deliveries that came by the link are not settled.
func (r *RawLink) Unsettled() int {
	s := r.link.session
	s.conn.mu.Lock()
	defer s.conn.mu.Unlock()
	if r.link.recv == nil || r.link.gone {
		return 0
	}
	return int(r.link.recv.outstanding)
}

// Stats is what the link has carried, and how it is now.
func (r *RawLink) Stats() (Count, Gauge) {
	if l := r.link.recv; l != nil {
		return l.Stats()
	}
	return r.link.send.Stats()
}
