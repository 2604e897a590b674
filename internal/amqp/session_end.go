package amqp

import "github.com/meshway/meshway/internal/wire"

// recvEnd handles the peer's end. [2.7.8]
func (c *Conn) recvEnd(w *work, ch uint16, p *wire.End) error {
	s, err := c.session(ch, wire.CodeEnd)
	if err != nil {
		return err
	}
	s.sawEnd = true
	s.finish(w, p.Error)
	c.mu.Lock()
	if !s.over {
		c.appendFrame(s.local, &wire.End{})
		s.over = true
	}
	c.sessions.remove(uint32(s.local))
	c.mu.Unlock()
	c.byChannel.remove(uint32(ch))
	return nil
}

// endWith ends the session for a violation. The peer's end is awaited; what
// comes on its channel until then is ignored. [2.5.5]
func (s *Session) endWith(w *work, e *wire.Error) {
	s.finish(w, e)
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
func (s *Session) finish(w *work, e *wire.Error) {
	c := s.conn
	var links []*link
	c.mu.Lock()
	s.handles.each(func(_ uint32, l *link) { links = append(links, l) })
	c.mu.Unlock()
	s.endLinks(w, e, links)
	s.byHandle = table[link]{}
}

// endLinks ends links of the session, on the reader, each once: their handlers
// hear of it, and of what was unsettled.
func (s *Session) endLinks(w *work, e *wire.Error, links []*link) {
	s.conn.mu.Lock()
	links, in, out := s.takeLost(links)
	s.conn.mu.Unlock()
	for _, l := range links {
		if l.recv != nil {
			l.recv.h.OnDetach(&w.batch, in[l.recv], e)
			continue
		}
		l.send.h.OnDetach(&w.batch, e)
		w.ended = append(w.ended[:0], out[l.send]...)
		w.tellOrigins(Outcome{Lost: true, Settled: true})
	}
}

// takeLost makes links be gone, and removes the records of their deliveries. It
// returns those that were not gone before, and what their handlers and the origins
// must hear. Records are looked through once for all links: there may be thousands
// of both. The caller holds mu.
func (s *Session) takeLost(links []*link) (ended []*link, in map[*Receiver][]InDelivery, out map[*Sender][]endedOut) {
	var open, sent uint32
	for _, l := range links {
		if l.gone {
			continue
		}
		l.gone = true
		ended = append(ended, l)
		if l.recv != nil {
			open += l.recv.outstanding
		} else {
			sent += l.send.outstanding
			l.send.goneNow()
		}
	}
	// Whose link is gone is lost just now: what was lost before has no record.
	if open > 0 {
		in = make(map[*Receiver][]InDelivery)
		s.incoming.each(func(id uint32, r *inRecord) {
			if !r.link.gone {
				return
			}
			if !r.done {
				in[r.link] = append(in[r.link], InDelivery{ID: id, Context: r.context, Ref: r.ref})
			}
			s.incoming.remove(id)
		})
	}
	if sent > 0 {
		out = make(map[*Sender][]endedOut)
		s.outgoing.each(func(id uint32, r *outRecord) {
			if !r.link.gone {
				return
			}
			if r.origin != nil {
				out[r.link] = append(out[r.link], endedOut{r.origin, r.ref})
			}
			s.outgoing.remove(id)
		})
	}
	return ended, in, out
}

// goneNow leaves nothing outstanding, and no credit. The caller holds mu.
func (l *Sender) goneNow() {
	l.outstanding = 0
	l.limit = l.deliveryCount
	l.publish()
}
