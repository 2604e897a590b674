package amqp

import "github.com/meshway/meshway/internal/wire"

// recvEnd handles the peer's end. [2.7.8]
func (c *Conn) recvEnd(w *work, ch uint16, p *wire.End) error {
	s, err := c.session(ch, wire.CodeEnd)
	if err != nil {
		return err
	}
	s.sawEnd = true
	byPeer := !s.ended()
	s.parted = byPeer && p.Error == nil
	s.finish(w, p.Error, byPeer)
	s.sayEnd(nil)
	c.mu.Lock()
	c.sessions.remove(uint32(s.local))
	c.mu.Unlock()
	c.byChannel.remove(uint32(ch))
	return nil
}

// endWith ends the session for a violation. The peer's end is awaited; what
// comes on its channel until then is ignored. [2.5.5]
func (s *Session) endWith(w *work, e *wire.Error) {
	s.finish(w, e, false)
	s.sayEnd(e)
}

// End ends the session with the given error, nil for none. It may be called
// from any goroutine; links end when the peer answers.
func (s *Session) End(b *Batch, e *wire.Error) {
	s.sayEnd(e)
	b.touch(s.conn)
}

// sayEnd sends end, once.
func (s *Session) sayEnd(e *wire.Error) {
	c := s.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	if !s.over {
		c.appendFrame(s.local, &wire.End{Error: e})
		s.over = true
	}
}

// finish ends every link of the session, on the reader.
func (s *Session) finish(w *work, e *wire.Error, byPeer bool) {
	c := s.conn
	var links []*link
	c.mu.Lock()
	first := !s.finished
	s.finished = true
	s.handles.each(func(_ uint32, l *link) { links = append(links, l) })
	c.mu.Unlock()
	if first && s.h != nil {
		s.h.OnEnd(&w.batch, s, e, byPeer)
	}
	s.endLinks(w, e, links)
	s.byHandle = table[link]{}
}

// endLinks ends links of the session, on the reader, each once: their handlers
// hear of it, and they or the origins of what was unsettled. The session's
// deliveries are gone through once for all links: there may be thousands of both.
func (s *Session) endLinks(w *work, e *wire.Error, links []*link) {
	var in map[*Receiver][]InDelivery
	var out map[*Sender][]endedOut
	s.conn.mu.Lock()
	ended, anyIn, anyOut := markGone(links)
	if anyIn {
		in = s.takeLostIn()
	}
	if anyOut {
		out = s.takeLostOut()
	}
	s.conn.mu.Unlock()
	for _, l := range ended {
		if l.recv != nil {
			l.recv.h.OnDetach(&w.batch, in[l.recv], e)
			continue
		}
		if h, ok := l.send.h.(lossHandler); ok && len(out[l.send]) > 0 {
			h.OnLoss(len(out[l.send]))
		}
		l.send.h.OnDetach(&w.batch, e)
		w.ended = append(w.ended[:0], out[l.send]...)
		w.tellOrigins(Outcome{Lost: true, Settled: true})
	}
}

// lossHandler is a [SenderHandler] that wants to know how many unsettled deliveries are lost
// with its link. It is told before OnDetach.
type lossHandler interface{ OnLoss(n int) }

// markGone returns those links that were not gone before, and whether any delivery
// of theirs is not finished. The caller holds mu.
func markGone(links []*link) (ended []*link, in, out bool) {
	for _, l := range links {
		switch {
		case l.gone:
			continue
		case l.recv != nil:
			in = in || l.recv.outstanding+l.recv.excused > 0
		default:
			out = out || l.send.outstanding > 0
			l.send.stop()
		}
		l.gone = true
		if l.recv != nil {
			l.recv.recount()
		}
		ended = append(ended, l)
	}
	return ended, in, out
}

// takeLostIn removes the records of links that are gone: those that have just gone,
// since nobody else has any. The caller holds mu.
func (s *Session) takeLostIn() map[*Receiver][]InDelivery {
	lost := make(map[*Receiver][]InDelivery)
	s.incoming.each(func(id uint32, r *inRecord) {
		if !r.link.gone {
			return
		}
		if !r.is(inDone) {
			lost[r.link] = append(lost[r.link], InDelivery{ID: id, Context: r.context, Ref: r.ref})
		}
		s.incoming.remove(id)
	})
	return lost
}

// takeLostOut is takeLostIn for what was sent.
func (s *Session) takeLostOut() map[*Sender][]endedOut {
	lost := make(map[*Sender][]endedOut)
	s.outgoing.each(func(id uint32, r *outRecord) {
		if !r.link.gone {
			return
		}
		if r.origin != nil {
			lost[r.link] = append(lost[r.link], endedOut{r.origin, r.ref})
		}
		s.outgoing.remove(id)
	})
	return lost
}
