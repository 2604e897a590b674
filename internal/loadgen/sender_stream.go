package loadgen

import "github.com/meshway/meshway/internal/amqp"

// streamHeadRoom is what a transfer frame needs beside its payload, at most: a
// piece of a message that fills a frame of the peer goes out as one.
const streamHeadRoom = 64

// fillStream sends messages piece by piece until as many have gone out as may.
func (s *sender) fillStream(b *amqp.Batch, to uint64) {
	o := &s.run.o
	frame := int(min(s.client.conn.Peer().MaxFrame, streamPiece)) - streamHeadRoom
	for {
		sent := s.sent.Load()
		if s.stream == nil {
			if sent >= to || !s.inWindow(sent) {
				return
			}
			m := amqp.Outgoing{Settled: o.Presettled}
			if _, _, res := s.link.Start(b, &m, s, uint32(sent)); res != amqp.Sent {
				return
			}
			s.stream = newStream(o.Stream)
		}
		if len(s.piece) == 0 {
			s.piece = s.stream.next(frame)
		}
		last := s.stream.size() == 0
		n, res := s.link.Continue(b, s.piece, nil, last)
		s.piece = s.piece[n:]
		s.bytes.Add(uint64(n))
		if res != amqp.Sent {
			return
		}
		if last {
			s.stream = nil
			s.sent.Add(1)
			if o.Presettled {
				s.settled.Add(1)
			}
		}
	}
}
