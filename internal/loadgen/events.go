package loadgen

import (
	"context"
	"sync"
	"time"
)

// countdown tells when so many things have happened. Its methods may be called
// from any goroutine.
type countdown struct {
	mu   sync.Mutex
	left int
	zero chan struct{} // closed when nothing is left
}

// reset starts a new countdown from n.
func (c *countdown) reset(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.left, c.zero = n, make(chan struct{})
	if n == 0 {
		close(c.zero)
	}
}

func (c *countdown) done() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.left--; c.left == 0 {
		close(c.zero)
	}
}

// signal wakes one waiter, who then looks at the state itself: signals that come
// together are one.
type signal struct{ c chan struct{} }

func newSignal() signal { return signal{make(chan struct{}, 1)} }

func (s signal) signal() {
	select {
	case s.c <- struct{}{}:
	default:
	}
}

// sleep waits, and says whether it was for the whole time.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// clock tells nanoseconds since the Unix epoch as of a run's start, and goes on
// from there without jumps: two processes of a machine agree well enough to
// compare, and no correction of the wall clock spoils a latency.
type clock struct{ start time.Time }

func newClock() clock { return clock{time.Now()} }

func (c clock) now() int64 { return c.start.UnixNano() + int64(time.Since(c.start)) }

func (c clock) at(t time.Time) int64 { return c.start.UnixNano() + int64(t.Sub(c.start)) }
