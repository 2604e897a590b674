package meshtest

import (
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// Line says how the bytes of one direction travel. The zero Line carries them at
// once, and any number of them.
type Line struct {
	Delay  time.Duration // until a byte arrives
	Rate   int           // bytes a second; 0 is no limit
	Buffer int           // bytes on the way before a writer waits; 0 is no limit
	Piece  int           // most bytes that one Read returns; 0 is no limit
	Waits  bool          // a writer cannot try without waiting: TryWrite takes nothing

	// Jitter is how much longer the bytes of one write take. What comes after them
	// does not overtake. Nil is none; it is called with locks held.
	Jitter func() time.Duration
}

// way is one direction of a connection: what its writer wrote and its reader has
// not read.
type way struct {
	mu   sync.Mutex
	wake sync.Cond // of everybody who waits for anything here

	line    Line
	pieces  []piece
	size    int       // of all pieces
	free    time.Time // when the line will have carried what was written so far
	stalled bool      // the reader is given nothing
	silent  bool      // what is written is swallowed
	cut     bool      // both ends fail, and what is on the way is lost

	readerGone bool
	writerGone bool
	readBy     deadline
	writeBy    deadline
}

// piece is bytes that arrive together.
type piece struct {
	bytes []byte
	at    time.Time
}

func newWay(l Line) *way {
	w := &way{line: l}
	w.wake.L = &w.mu
	return w
}

// read takes what has arrived, and waits while that is nothing.
func (w *way) read(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for {
		switch {
		case w.readerGone:
			return 0, net.ErrClosed
		case w.cut:
			return 0, syscall.ECONNRESET
		case w.readBy.passed():
			return 0, os.ErrDeadlineExceeded
		case w.stalled:
		case len(w.pieces) > 0:
			wait := time.Until(w.pieces[0].at)
			if wait <= 0 {
				n := w.take(b)
				w.wake.Broadcast()
				return n, nil
			}
			t := time.AfterFunc(wait, w.poke)
			w.wake.Wait()
			t.Stop()
			continue
		case w.writerGone:
			return 0, io.EOF
		}
		w.wake.Wait()
	}
}

// take fills b with what has arrived. The caller holds mu, and there is something.
func (w *way) take(b []byte) (n int) {
	if w.line.Piece > 0 && len(b) > w.line.Piece {
		b = b[:w.line.Piece]
	}
	for len(w.pieces) > 0 && n < len(b) && !w.pieces[0].at.After(time.Now()) {
		p := &w.pieces[0]
		k := copy(b[n:], p.bytes)
		n += k
		if p.bytes = p.bytes[k:]; len(p.bytes) == 0 {
			w.pieces[0] = piece{}
			w.pieces = w.pieces[1:]
		}
	}
	w.size -= n
	return n
}

// write sends all of b, and waits while the line is full.
func (w *way) write(b []byte) (n int, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for {
		k, err := w.put(b[n:])
		n += k
		if err != nil || n == len(b) {
			return n, err
		}
		if w.writeBy.passed() {
			return n, os.ErrDeadlineExceeded
		}
		w.wake.Wait()
	}
}

// put sends as much of b as the line takes now. The caller holds mu.
func (w *way) put(b []byte) (int, error) {
	switch {
	case w.writerGone:
		return 0, net.ErrClosed
	case w.cut:
		return 0, syscall.ECONNRESET
	case w.silent:
		return len(b), nil
	case w.readerGone:
		return 0, syscall.EPIPE
	}
	if w.line.Buffer > 0 {
		b = b[:min(len(b), max(w.line.Buffer-w.size, 0))]
	}
	if len(b) == 0 {
		return 0, nil
	}
	now := time.Now()
	if w.free.Before(now) {
		w.free = now
	}
	if w.line.Rate > 0 {
		w.free = w.free.Add(time.Duration(len(b)) * time.Second / time.Duration(w.line.Rate))
	}
	delay := w.line.Delay
	if w.line.Jitter != nil {
		delay += w.line.Jitter()
	}
	w.pieces = append(w.pieces, piece{bytes: append([]byte(nil), b...), at: w.free.Add(delay)})
	w.size += len(b)
	w.wake.Broadcast()
	return len(b), nil
}

// change runs f under the lock and wakes whoever may be concerned.
func (w *way) change(f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f()
	w.wake.Broadcast()
}

// poke wakes whoever waits.
func (w *way) poke() { w.change(func() {}) }

// deadline is a time after which somebody waits no more.
type deadline struct {
	at    time.Time
	timer *time.Timer
}

func (d *deadline) passed() bool { return !d.at.IsZero() && !time.Now().Before(d.at) }

// set replaces the deadline; wake is called when the new one comes. It is not for one that has
// passed: the caller wakes whoever waits, and a timer without a wait runs at once, beside others
// of its bubble, for which the race detector has one stack of calls: they crash it.
func (d *deadline) set(at time.Time, wake func()) {
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
	d.at = at
	if wait := time.Until(at); wait > 0 {
		d.timer = time.AfterFunc(wait, wake)
	}
}
