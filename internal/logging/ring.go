package logging

import (
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap/zapcore"
)

// Kept is how many lines are kept for [Log.Recent].
const Kept = 1000

// maxText bounds the text of a line that is kept, in bytes: what one peer says must not fill
// the memory of all.
const maxText = 4 << 10

// Entry is a line that was logged.
type Entry struct {
	Number uint64 // counted from 1; with it, one can ask for what is newer
	Time   time.Time
	Module string
	Level  string // debug, info, warn or error
	Text   string // the message, and its fields as JSON behind it
	File   string // of the source, relative to its package's folder; "" if not known
	Line   int
}

// ring holds the newest lines.
type ring struct {
	mu      sync.Mutex
	entries [Kept]keptEntry
	count   uint64 // so far
}

// keptEntry is a line but for its File and Line, which are where caller is.
type keptEntry struct {
	Entry
	caller uintptr
}

func (r *ring) add(module string, e *zapcore.Entry, text string) {
	if len(text) > maxText {
		text = strings.ToValidUTF8(text[:maxText], "") + "..."
	}
	n := keptEntry{Entry{Time: e.Time, Module: module, Level: e.Level.String(), Text: text}, e.Caller.PC}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.count++
	n.Number = r.count
	r.entries[r.count%Kept] = n
}

// located is the entry with its place in the source.
func (e keptEntry) located() Entry {
	if e.caller != 0 {
		at, _ := runtime.CallersFrames([]uintptr{e.caller}).Next()
		e.File = filepath.Join(filepath.Base(filepath.Dir(at.File)), filepath.Base(at.File))
		e.Line = at.Line
	}
	return e.Entry
}

// Recent are the newest lines, oldest first: at most limit of them (0 is no limit), and only
// those with a number above after.
func (l *Log) Recent(limit int, after uint64) []Entry {
	r := &l.recent
	r.mu.Lock()
	defer r.mu.Unlock()
	first := max(r.count, Kept) - Kept + 1
	first = max(first, after+1)
	if limit > 0 && r.count >= uint64(limit) {
		first = max(first, r.count-uint64(limit)+1)
	}
	var list []Entry
	for i := first; i <= r.count; i++ {
		list = append(list, r.entries[i%Kept].located())
	}
	return list
}

// counts are how many lines there were by level.
type counts [zapcore.ErrorLevel - zapcore.DebugLevel + 1]atomic.Uint64

func (c *counts) add(l zapcore.Level) {
	c[min(max(l, zapcore.DebugLevel), zapcore.ErrorLevel)-zapcore.DebugLevel].Add(1)
}

// Counts are how many lines a module has logged at each level (debug, info, warn, error), with
// those that were left out as repeats. Nil for a module that is not known.
func (l *Log) Counts(module string) map[string]uint64 {
	c := l.stats[module]
	if c == nil {
		return nil
	}
	m := make(map[string]uint64)
	for i := range c {
		m[(zapcore.DebugLevel + zapcore.Level(i)).String()] = c[i].Load()
	}
	return m
}
