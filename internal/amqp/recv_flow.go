package amqp

import "github.com/meshway/meshway/internal/wire"

// recvFlow handles a flow: the session's windows, then the link's credit. [2.7.4]
func (c *Conn) recvFlow(w *work, ch uint16, p *wire.Flow) error {
	s, err := c.session(ch, wire.CodeFlow)
	if err != nil {
		return err
	}
	var lk *link
	if p.Handle.OK {
		lk = s.byHandle.get(p.Handle.V)
	}
	c.mu.Lock()
	if s.over {
		c.mu.Unlock()
		return nil
	}
	s.recvWindow(w, p)
	if p.Handle.OK && lk == nil {
		c.mu.Unlock()
		return s.fault(wire.CondUnattachedHandle, "flow on handle %d, which is not attached", p.Handle.V)
	}
	if !p.Handle.OK && (p.DeliveryCount.OK || p.LinkCredit.OK || p.Available.OK || p.Drain) {
		// [2.7.4] "When the handle field is not set, this field MUST NOT be set." Whoever
		// does it means a link, and would wait for what it believes to have said.
		c.mu.Unlock()
		return s.fault(wire.CondInvalidField, "a flow without a handle has fields of a link: delivery-count, link-credit, available or drain")
	}
	var able *Sender
	var raw *RawLink
	switch {
	case lk == nil || lk.gone || lk.detached:
		if p.Echo && lk == nil {
			s.encodeFlow()
		}
	case lk.raw != nil:
		raw = lk.raw
		raw.takeFlow(p)
	case lk.send != nil:
		if lk.send.recvCredit(p) {
			able = lk.send
		}
		if p.Echo {
			lk.send.encodeFlow()
		}
	default:
		lk.recv.recvSenderFlow(p)
		if p.Echo {
			lk.recv.encodeFlow()
		}
	}
	c.mu.Unlock()
	w.flushWake()
	if able != nil {
		able.h.OnSendable(&w.batch, able)
	}
	if raw != nil {
		raw.h.OnFlow(&w.batch, p)
	}
	return nil
}

// recvWindow computes what the peer still takes. [2.5.6] The caller holds mu.
func (s *Session) recvWindow(w *work, p *wire.Flow) {
	// "It MUST update the next-incoming-id directly from the next-outgoing-id of the
	// frame": a peer that counts in another way than we do would else run out of window,
	// or beyond it. How large the window is stays as it was.
	s.incomingEnd += p.NextOutgoingID - s.nextIncomingID
	s.nextIncomingID = p.NextOutgoingID
	// next-incoming-id is absent until the peer has seen our begin: then none of
	// our transfers has arrived, and the first has id 0.
	s.remoteWindow = remaining(p.IncomingWindow, p.NextIncomingID.Or(0), s.nextOutgoingID)
	s.ask = askNot
	if s.remoteWindow > 0 && len(s.stalled) > 0 {
		s.wakeStalled(w)
	}
}

// remaining is what is left of n, as the peer tells it for what it has seen so
// far, once all has arrived that is on its way: none when it took some back
// meanwhile. n may be any uint32. A peer that has seen more than there is
// miscounts, and gets no more out of it than n.
func remaining(n, seen, sent uint32) uint32 {
	if onWay := uint32(max(serialDiff(sent, seen), 0)); onWay < n {
		return n - onWay
	}
	return 0
}

// recvCredit takes over the receiver's credit and says whether the handler must
// hear of it. [2.6.7] The caller holds mu.
func (l *Sender) recvCredit(p *wire.Flow) bool {
	if !p.LinkCredit.OK {
		return false
	}
	// delivery-count is absent until the peer has seen our attach: then it is
	// what the attach said, 0.
	l.limit = l.deliveryCount + remaining(p.LinkCredit.V, p.DeliveryCount.Or(0), l.deliveryCount)
	l.drain.Store(p.Drain)
	l.publish()
	return true
}

// recvSenderFlow takes over what the sender says of itself: a delivery-count
// ahead of ours gives back credit, after a drain. [2.6.7] The caller holds mu.
func (l *Receiver) recvSenderFlow(p *wire.Flow) {
	if !p.DeliveryCount.OK {
		return
	}
	if ahead := serialDiff(p.DeliveryCount.V, l.deliveryCount); ahead > 0 && serialDiff(l.ceiling, p.DeliveryCount.V) >= 0 {
		l.deliveryCount = p.DeliveryCount.V
		l.recount()
		l.extend()
	}
}
