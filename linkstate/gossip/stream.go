package gossip

import (
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// retryInterval is how long a writer waits before it tries again to get a frame
// into an adjacency that has no room.
const retryInterval = 10 * time.Millisecond

// stream is one end of a conversation with a neighbour, for memberlist: a
// net.Conn in memory. Its bounds are those of the conversation: maxStream each way.
type stream struct {
	// Immutable after newStream:
	streams *streams
	key     streamKey

	writing sync.Mutex // for one writer; mu is not held while Send is called
	sent    uint32     // guarded by writing: offset of our next data

	mu       sync.Mutex
	changed  sync.Cond // something below changed, or a deadline came
	in       []byte    // not yet read
	received uint32    // offset of the next data from the neighbour
	finished bool      // the neighbour closed its end
	err      error     // the stream is broken
	closed   bool      // by us
	read     deadline
	write    deadline
}

func newStream(s *streams, key streamKey, by time.Time) *stream {
	c := &stream{streams: s, key: key}
	c.changed.L = &c.mu
	c.read.set(by, c.wake)
	c.write.set(by, c.wake)
	return c
}

// deadline is a time, and the timer that wakes those who wait for it.
type deadline struct {
	at    time.Time
	timer *time.Timer
}

func (d *deadline) passed() bool { return !d.at.IsZero() && !time.Now().Before(d.at) }

func (d *deadline) set(at time.Time, wake func()) {
	d.stop()
	if d.at = at; !at.IsZero() {
		d.timer = time.AfterFunc(time.Until(at), wake)
	}
}

func (d *deadline) stop() {
	if d.timer != nil {
		d.timer.Stop()
	}
}

// deliver takes data of the neighbour, in order.
func (c *stream) deliver(offset uint32, data []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closed || c.err != nil || c.finished:
		return nil
	case offset != c.received:
		return errSequence
	case len(data) > maxStream-int(c.received):
		return errTooLong
	}
	c.received += uint32(len(data))
	c.in = append(c.in, data...)
	c.changed.Broadcast()
	return nil
}

// finish says that the neighbour closed its end.
func (c *stream) finish() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.finished = true
	c.changed.Broadcast()
}

// fail breaks the stream; the first error stands.
func (c *stream) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		c.err = err
	}
	c.changed.Broadcast()
}

// Read waits for data, the neighbour's end, an error or the deadline.
func (c *stream) Read(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		switch {
		case c.closed:
			return 0, net.ErrClosed
		case c.err != nil:
			return 0, c.err
		case c.read.passed():
			return 0, os.ErrDeadlineExceeded
		case len(c.in) > 0:
			n := copy(p, c.in)
			c.in = c.in[n:]
			return n, nil
		case c.finished:
			return 0, io.EOF
		}
		c.changed.Wait()
	}
}

// Write waits until all has room in the adjacency.
func (c *stream) Write(p []byte) (written int, err error) {
	c.writing.Lock()
	defer c.writing.Unlock()
	if len(p) > maxStream-int(c.sent) {
		return 0, errTooLong
	}
	for written < len(p) {
		if err := c.writable(); err != nil {
			return written, err
		}
		n := min(frameSize, len(p)-written)
		if !c.streams.sendFrame(c.key, frameData, c.sent, p[written:written+n]) {
			c.pause()
			continue
		}
		c.sent += uint32(n)
		written += n
	}
	return written, nil
}

// writable says why nothing can be written any more.
func (c *stream) writable() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closed:
		return net.ErrClosed
	case c.err != nil:
		return c.err
	case c.finished:
		return io.ErrClosedPipe
	case c.write.passed():
		return os.ErrDeadlineExceeded
	}
	return nil
}

// pause waits for retryInterval, or until something changed.
func (c *stream) pause() {
	c.mu.Lock()
	defer c.mu.Unlock()
	retry := time.AfterFunc(retryInterval, c.wake)
	c.changed.Wait()
	retry.Stop()
}

// Close ends the stream at both ends.
func (c *stream) Close() error {
	c.mu.Lock()
	before, err := c.closed, c.err
	c.closed = true
	c.in = nil
	c.read.stop()
	c.write.stop()
	c.changed.Broadcast()
	c.mu.Unlock()
	if before {
		return nil
	}
	c.streams.forget(c.key)
	if err == nil {
		c.streams.sendFrame(c.key, frameClose, 0, nil)
	}
	return nil
}

func (c *stream) wake() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.changed.Broadcast()
}

func (c *stream) LocalAddr() net.Addr  { return address(c.streams.transport.id) }
func (c *stream) RemoteAddr() net.Addr { return address(c.key.peer) }

func (c *stream) SetDeadline(t time.Time) error {
	_ = c.SetReadDeadline(t)
	return c.SetWriteDeadline(t)
}

func (c *stream) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.read.set(t, c.wake)
	c.changed.Broadcast()
	return nil
}

func (c *stream) SetWriteDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.write.set(t, c.wake)
	c.changed.Broadcast()
	return nil
}
