package router

import (
	"sync"
	"time"

	"github.com/meshway/meshway/internal/amqp"
)

// streamRegistry knows the streams whose end has not arrived, to find those
// whose sender has stopped in the middle.
type streamRegistry struct {
	mu  sync.Mutex
	set map[*stream]struct{}
}

func (r *streamRegistry) add(s *stream) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.set[s] = struct{}{}
}

func (r *streamRegistry) remove(s *stream) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.set, s)
}

// streamPatience is how long a sender may stop in the middle of a message while
// others wait for its consumer.
const streamPatience = 10 * time.Second

// breakStalled breaks off the streams that keep others waiting for nothing.
func (r *streamRegistry) breakStalled(b *amqp.Batch, now time.Time) {
	r.mu.Lock()
	var stalled []*stream
	for s := range r.set {
		if s.stalled(now) {
			stalled = append(stalled, s)
		}
	}
	r.mu.Unlock()
	for _, s := range stalled {
		s.cancel(b)
		// What still comes of it is thrown away; a presettled one is just lost.
		s.in.link.Lost(b, []uint32{s.id}, s.in.outcome(lossOutcome(s.addr().treated().releases)))
	}
}

// stalled says that the stream's sender is silent while others wait.
func (s *stream) stalled(now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.canceled || s.ended || len(s.chunks) > 0 || now.Sub(s.progress) < streamPatience {
		return false
	}
	for _, c := range s.copies {
		if !c.done && c.e.awaited() {
			return true
		}
	}
	return false
}

// addr is the address of the consumers that the stream has begun at.
func (s *stream) addr() *address {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.copies[0].e.addr
}

// awaited says whether anything waits for the consumer.
func (e *egress) awaited() bool {
	if e.addr.busy.Load() > 0 {
		return true
	}
	e.backlog.mu.Lock()
	defer e.backlog.mu.Unlock()
	return len(e.backlog.items) > 0
}
