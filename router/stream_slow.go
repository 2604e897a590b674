package router

import (
	"slices"

	"github.com/meshway/meshway/internal/amqp"
	"github.com/meshway/meshway/internal/wire"
)

// What a multicast subscriber has not taken of a long message is held, and what is
// held narrows the window of the sender. Before that closes, those who are behind
// are left behind: a slow subscriber must not hold up the others.

// copyRef says which copy of a multicast it is.
type copyRef struct {
	fan   *fanout // nil: presettled
	index uint32
}

// release tells the sender that the copy was given back.
func (r copyRef) release(b *amqp.Batch) { r.end(b, wire.DeliveryState{Kind: wire.StateReleased}) }

// end tells the sender what became of a copy.
func (r copyRef) end(b *amqp.Batch, state wire.DeliveryState) {
	if r.fan != nil {
		r.fan.OnOutcome(b, []uint32{r.index}, amqp.Outcome{State: state, Settled: true})
	}
}

// await notes a copy that could not begin. False means that it is too late for it.
func (s *stream) await(c *copyOf) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.late {
		return false
	}
	s.waiting = append(s.waiting, copyRef{c.fan, c.index})
	return true
}

func (s *stream) isLate() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.late
}

// leaveSlow ends the copies that are behind, if some other is not and the sender's
// connection holds much.
func (s *stream) leaveSlow(b *amqp.Batch) {
	s.mu.Lock()
	behind := s.expected > 1 && !s.canceled && len(s.chunks) > 0 && s.someAhead()
	s.mu.Unlock()
	if !behind || !s.in.link.Crowded() {
		return
	}
	s.mu.Lock()
	var never []copyRef
	if !s.late && len(s.copies) < s.expected {
		s.late, s.expected = true, len(s.copies)
		never, s.waiting = s.notBegun(), nil
	}
	var slow []*streamCopy
	for _, c := range s.copies {
		if !c.done && c.chunk < s.first+len(s.chunks)-1 {
			c.done, c.told, c.left = true, true, true
			slow = append(slow, c)
		}
	}
	freed := s.free()
	s.mu.Unlock()
	if freed > 0 {
		s.in.link.Unhold(b, freed)
	}
	for _, r := range never {
		r.release(b)
	}
	for _, c := range slow {
		c.breakOff(b)
		c.ref.release(b)
	}
}

// notBegun is the copies that wait to begin. The caller holds mu.
func (s *stream) notBegun() []copyRef {
	return slices.DeleteFunc(s.waiting, func(r copyRef) bool {
		return slices.ContainsFunc(s.copies, func(c *streamCopy) bool { return c.ref == r })
	})
}

// someAhead says whether a copy has sent all there is. The caller holds mu.
func (s *stream) someAhead() bool {
	for _, c := range s.copies {
		i := c.chunk - s.first
		switch {
		case c.done:
			if !c.lost && !c.left && !c.excess {
				return true
			}
		case i >= len(s.chunks), i == len(s.chunks)-1 && c.at == len(s.chunks[i].bytes):
			return true
		}
	}
	return false
}
