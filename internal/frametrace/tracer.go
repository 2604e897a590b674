package frametrace

import (
	"sync"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

const (
	// perSecond is how many lines are written in a second, over all connections: no more than half
	// of what the log keeps, so that whoever reads it every second misses none.
	perSecond = 500
	// mostWaiting is how many lines may wait for a log that is slow.
	mostWaiting = 1000
)

// Tracer writes lines about the frames of connections. All of its methods, and those of its
// traces, may be called from any goroutine.
type Tracer struct {
	log *zap.Logger // immutable

	mu      sync.Mutex // taken last of all; guards all below
	second  time.Time  // began then
	written int        // lines in it
	waiting []line
	writing bool // somebody writes those that wait
}

// line is a line of the log.
type line struct {
	at   time.Time
	text string
	from *Trace
}

// New is a tracer that writes to log, at level debug: the logger must let that through.
func New(log *zap.Logger) *Tracer { return &Tracer{log: log} }

// admit says whether a line more may be made now.
func (t *Tracer) admit(now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if now.Sub(t.second) >= time.Second {
		t.second, t.written = now, 0
	}
	t.written++
	return t.written <= perSecond
}

// put has a line written, unless too many wait.
func (t *Tracer) put(l line) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.waiting) >= mostWaiting {
		return false
	}
	t.waiting = append(t.waiting, l)
	if !t.writing {
		t.writing = true
		go t.write() // ends when nothing waits
	}
	return true
}

// write writes what waits.
func (t *Tracer) write() {
	for {
		t.mu.Lock()
		lines := t.waiting
		t.waiting = nil
		if len(lines) == 0 {
			t.writing = false
			t.mu.Unlock()
			return
		}
		t.mu.Unlock()
		for _, l := range lines {
			if e := t.log.Check(zapcore.DebugLevel, l.text); e != nil {
				e.Time = l.at
				e.Write(l.from.fields()...)
			}
		}
	}
}
