package amqp

import (
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// memConn is one end of an in-memory connection. Unlike net.Pipe it buffers, so
// that neither end waits for the other unless a limit is set.
type memConn struct {
	in, out *memStream
	name    string
}

// memPipe makes both ends of a connection.
func memPipe() (engine, peer *memConn) {
	toPeer, toEngine := newMemStream(), newMemStream()
	return &memConn{in: toEngine, out: toPeer, name: "engine"}, &memConn{in: toPeer, out: toEngine, name: "peer"}
}

func (c *memConn) Read(p []byte) (int, error)  { return c.in.read(p) }
func (c *memConn) Write(p []byte) (int, error) { return c.out.write(p) }

// Close ends both directions; what the other end has not read yet it still may.
func (c *memConn) Close() error {
	c.in.set(func(s *memStream) { s.readerGone = true })
	c.out.set(func(s *memStream) { s.writerGone = true })
	return nil
}

// CloseWrite ends our half.
func (c *memConn) CloseWrite() error {
	c.out.set(func(s *memStream) { s.writerGone = true })
	return nil
}

func (c *memConn) LocalAddr() net.Addr  { return memAddr(c.name) }
func (c *memConn) RemoteAddr() net.Addr { return memAddr("not " + c.name) }

func (c *memConn) SetDeadline(t time.Time) error {
	_ = c.SetReadDeadline(t)
	return c.SetWriteDeadline(t)
}

func (c *memConn) SetReadDeadline(t time.Time) error  { c.in.reading.set(c.in, t); return nil }
func (c *memConn) SetWriteDeadline(t time.Time) error { c.out.writing.set(c.out, t); return nil }

type memAddr string

func (memAddr) Network() string  { return "memory" }
func (a memAddr) String() string { return string(a) }

// memStream is one direction.
type memStream struct {
	mu                     sync.Mutex
	changed                sync.Cond
	data                   []byte
	limit                  int // writes wait while so much is unread; 0: never
	slice                  int // most bytes that one read returns; 0: all there are
	writerGone, readerGone bool
	reading, writing       memDeadline
}

func newMemStream() *memStream {
	s := new(memStream)
	s.changed.L = &s.mu
	return s
}

func (s *memStream) set(f func(*memStream)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(s)
	s.changed.Broadcast()
}

func (s *memStream) read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		switch {
		case s.readerGone:
			return 0, net.ErrClosed
		case s.reading.passed:
			return 0, os.ErrDeadlineExceeded
		case len(s.data) > 0:
			if s.slice > 0 {
				p = p[:min(len(p), s.slice)]
			}
			n := copy(p, s.data)
			s.data = s.data[n:]
			s.changed.Broadcast()
			return n, nil
		case s.writerGone:
			return 0, io.EOF
		}
		s.changed.Wait()
	}
}

func (s *memStream) write(p []byte) (n int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(p) > 0 {
		switch {
		case s.writerGone:
			return n, net.ErrClosed
		case s.readerGone:
			return n, io.ErrClosedPipe
		case s.writing.passed:
			return n, os.ErrDeadlineExceeded
		}
		room := len(p)
		if s.limit > 0 {
			room = min(room, s.limit-len(s.data))
		}
		if room <= 0 {
			s.changed.Wait()
			continue
		}
		s.data = append(s.data, p[:room]...)
		p, n = p[room:], n+room
		s.changed.Broadcast()
	}
	return n, nil
}

// take returns all that has been written and not read, and whether the writer
// has closed.
func (s *memStream) take() (data []byte, ended bool) {
	s.set(func(s *memStream) {
		data, s.data = s.data, nil
		ended = s.writerGone
	})
	return data, ended
}

// memDeadline is guarded by the mutex of its stream.
type memDeadline struct {
	timer  *time.Timer
	passed bool
}

func (d *memDeadline) set(s *memStream, t time.Time) {
	s.set(func(*memStream) {
		if d.timer != nil {
			d.timer.Stop()
			d.timer = nil
		}
		wait := time.Until(t)
		d.passed = !t.IsZero() && wait <= 0
		if t.IsZero() || d.passed {
			return
		}
		var timer *time.Timer
		timer = time.AfterFunc(wait, func() {
			s.set(func(*memStream) { d.passed = d.passed || d.timer == timer })
		})
		d.timer = timer
	})
}
