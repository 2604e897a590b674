package logging

import (
	"sync"
	"time"

	"go.uber.org/zap/zapcore"
)

// repeats leaves out lines that come too often: of those with one message, in one module and
// at one level, repeatLimit a second are written. How many were left out is written when the
// second is over. Debugging is not limited: whoever turns it on wants all.
type repeats struct {
	report func(k repeatKey, left int) // immutable

	mu    sync.Mutex
	began time.Time // the second
	seen  map[repeatKey]int
	due   bool // a report is
}

type repeatKey struct {
	module, message string
	level           zapcore.Level
}

const (
	repeatLimit = 100
	// repeatKeys bounds the messages that are told apart in a second. Messages are constants
	// of the source, so there are not nearly as many.
	repeatKeys = 1000
)

// allow says whether the entry may be written.
func (r *repeats) allow(module string, e *zapcore.Entry) bool {
	if e.Level <= zapcore.DebugLevel || e.Level >= zapcore.DPanicLevel {
		return true
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.due && (r.seen == nil || e.Time.Sub(r.began) >= time.Second) {
		r.began, r.seen = e.Time, make(map[repeatKey]int)
	}
	k := repeatKey{module, e.Message, e.Level}
	n := r.seen[k]
	if n == 0 && len(r.seen) >= repeatKeys {
		return true
	}
	r.seen[k] = n + 1
	if n < repeatLimit {
		return true
	}
	if !r.due {
		r.due = true
		time.AfterFunc(max(time.Second-e.Time.Sub(r.began), 0), r.over)
	}
	return false
}

// over ends the second.
func (r *repeats) over() {
	r.mu.Lock()
	seen := r.seen
	r.seen, r.due = nil, false
	r.mu.Unlock()
	for k, n := range seen {
		if n > repeatLimit {
			r.report(k, n-repeatLimit)
		}
	}
}
