package amqp

import "github.com/meshway/meshway/internal/wire"

// endedOut is an outgoing delivery of which there is news, for its origin.
type endedOut struct {
	origin Origin
	ref    uint32
}

// recvDisposition handles what the peer says of deliveries: as the receiver of
// those we sent, or as the sender of those that it sent. Ids that are not alive
// are passed over: settling twice is no violation. [2.7.6]
func (c *Conn) recvDisposition(w *work, ch uint16, p *wire.Disposition) error {
	s, err := c.session(ch, wire.CodeDisposition)
	if err != nil {
		return err
	}
	last := p.Last.Or(p.First)
	if serialLess(last, p.First) {
		if s.ended() {
			return nil
		}
		return s.fault(wire.CondInvalidField, "disposition: last %d is before first %d", last, p.First)
	}
	if p.Role == wire.RoleReceiver {
		s.recvOutcomes(w, p.First, last, p.Settled, p.State)
	} else {
		s.recvSenderStates(w, p.First, last, p.Settled, p.State)
	}
	return nil
}

// recvOutcomes takes the receiver's state of deliveries that we sent to their
// origins. Those settled are removed first, so that nobody else hears of them. An
// outcome that is said again, unsettled, is no news.
func (s *Session) recvOutcomes(w *work, first, last uint32, settled bool, state wire.DeliveryState) {
	c := s.conn
	w.ended = w.ended[:0]
	terminal := state.Terminal()
	var rejected rejections
	c.mu.Lock()
	s.outgoing.inRange(first, last, func(id uint32, r *outRecord) {
		news := settled || r.said == wire.StateNone || r.link.raw != nil
		if state.Kind == wire.StateRejected && r.said == wire.StateNone {
			rejected.add(r.link)
		}
		if terminal && (r.said == wire.StateNone || r.link.raw != nil) {
			r.said = state.Kind
		}
		if r.origin != nil && news {
			w.ended = append(w.ended, endedOut{r.origin, r.ref})
		} else if r.origin == nil && !settled && terminal {
			// [2.8.3] A receiver that settles second waits for us, and nobody behind
			// us has anything to say.
			c.noteDisposition(s, wire.RoleSender, id, true, state)
		}
		if settled || r.origin == nil && terminal {
			r.link.end(id, r)
		}
	})
	c.mu.Unlock()
	w.tellOrigins(Outcome{State: state, Settled: settled})
	rejected.tell(&w.batch, state)
}

// rejections is how many deliveries of links were rejected, where the links' handlers want
// to know. It is empty for nearly every disposition.
type rejections map[*Sender]int

func (r *rejections) add(l *Sender) {
	if _, ok := l.h.(rejectionHandler); !ok {
		return
	}
	if *r == nil {
		*r = make(rejections)
	}
	(*r)[l]++
}

type rejectionHandler interface {
	OnRejected(b *Batch, n int, e *wire.Error)
}

func (r rejections) tell(b *Batch, state wire.DeliveryState) {
	for l, n := range r {
		e, _ := state.RejectedError()
		l.h.(rejectionHandler).OnRejected(b, n, e)
	}
}

// tellOrigins hands the outcome to the origins of w.ended, those that follow
// each other and have the same origin at once.
func (w *work) tellOrigins(o Outcome) {
	for i := 0; i < len(w.ended); {
		origin := w.ended[i].origin
		w.ids = w.ids[:0]
		for ; i < len(w.ended) && w.ended[i].origin == origin; i++ {
			w.ids = append(w.ids, w.ended[i].ref)
		}
		origin.OnOutcome(&w.batch, w.ids, o)
	}
	clear(w.ended)
	w.ended = w.ended[:0]
}

// recvSenderStates takes the sender's state of deliveries that came in to the
// links' handlers.
func (s *Session) recvSenderStates(w *work, first, last uint32, settled bool, state wire.DeliveryState) {
	c := s.conn
	var told []toldIn // rare: only three-way exchanges and early settlement
	terminal := state.Terminal()
	c.mu.Lock()
	s.incoming.inRange(first, last, func(id uint32, r *inRecord) {
		news := settled || !r.is(inSaid) || r.link.raw != nil
		if terminal {
			r.flags |= inSaid
		}
		if !r.is(inDone) && news {
			told = append(told, toldIn{r.link, InDelivery{ID: id, Context: r.context, Ref: r.ref}})
		}
		switch {
		case settled && r.link.raw != nil && !r.is(inDone):
			r.flags |= inLeft
		case settled:
			r.link.end(id, r)
		}
	})
	c.mu.Unlock()
	for _, t := range told {
		t.link.h.OnSenderState(&w.batch, t.in, settled, state)
		if settled && t.link.raw != nil {
			t.link.leftRaw(t.in.ID)
		}
	}
}

type toldIn struct {
	link *Receiver
	in   InDelivery
}
