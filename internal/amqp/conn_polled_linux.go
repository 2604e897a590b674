package amqp

import (
	"io"
	"os"
	"slices"
	"syscall"
	"time"

	"github.com/meshway/meshway/internal/sasl"
)

// What a connection does whose socket a poller watches. Its reader is whoever handles what came:
// the poller, or a goroutine where that may take long; never two at once.

// watched hands the connection to a poller, if its socket is one for it.
func (c *Conn) watched() bool {
	if _, ok := c.t.nc.(*accepted); !ok && c.t.raw == nil {
		return false
	}
	c.mu.Lock()
	if c.dead {
		c.mu.Unlock()
		return false
	}
	s, err := newSocket(c.t.nc, c.t.raw)
	if err != nil {
		c.mu.Unlock()
		return false
	}
	s.conn = c
	c.t.sock, c.t.raw, c.t.nc = s, nil, nil
	c.mu.Unlock()
	c.speakFirst()
	if err := s.watch(pollIn); err != nil {
		c.endAside(err)
	}
	return true
}

// onEvents is called by the poller. It says how many bytes have come.
func (c *Conn) onEvents(w *work, s *socket, events uint32) (taken int) {
	if events&^uint32(pollIn) != 0 {
		c.onWritable(&w.batch)
	}
	switch {
	case !s.wants(pollIn): // what came is seen to elsewhere
	case c.lingering > 0:
		c.lingerOn()
	case c.phase <= phaseSASL && c.slowLogin():
		s.ignore(pollIn)
		go c.readAside() // ends when the step is done
	case c.parks():
		s.ignore(pollIn)
		time.AfterFunc(parkFor, c.readAside)
	default:
		taken, _ = c.onReadable(w)
	}
	return taken
}

// slowLogin says whether a step of the login may take long.
func (c *Conn) slowLogin() bool {
	if c.client {
		return c.cfg.Login != nil
	}
	return slices.ContainsFunc(c.cfg.Mechanisms, func(m sasl.Mechanism) bool { return !quick(m) })
}

// readAside handles what came on a goroutine, and gives the connection back to the poller.
func (c *Conn) readAside() {
	w := getWork()
	_, over := c.onReadable(w)
	w.batch.Flush()
	putWork(w)
	if over {
		return
	}
	if err := c.t.sock.watch(pollIn); err != nil {
		c.endAside(err)
	}
}

// onReadable reads what there is, up to a turn, and handles it.
func (c *Conn) onReadable(w *work) (taken int, over bool) {
	for more := true; more && taken < pollerTurn; {
		n, err := c.t.readSocket()
		if err != nil {
			over, err = true, c.readError(err)
		} else if n > 0 {
			taken += n
			more = len(c.t.rbuf) == cap(c.t.rbuf)
			over, err = c.handle(w)
			// What is held may only wait for this turn's end to be written: then the whole
			// buffer can be read into, and not what is left of it.
			more = more && (c.t.rref == nil || cap(c.t.rbuf) == c.t.size())
		} else {
			break
		}
		if over {
			c.endWatched(w, err)
			return taken, true
		}
	}
	if len(c.t.rbuf) == 0 {
		c.t.pause()
	}
	return taken, false
}

// readSocket reads once and appends to rbuf; 0 and no error is nothing to read.
func (t *transport) readSocket() (int, error) {
	if t.expired.Load() {
		return 0, os.ErrDeadlineExceeded
	}
	t.ready()
	n, err, again := rawRead(uintptr(t.sock.fd), t.rbuf[len(t.rbuf):cap(t.rbuf)])
	switch {
	case err != nil || again:
		return 0, err
	case n == 0:
		return 0, io.EOF
	}
	t.rbuf = t.rbuf[:len(t.rbuf)+n]
	t.adapt(n)
	return n, nil
}

// expire ends reading.
func (t *transport) expire() {
	t.expired.Store(true)
	t.sock.shut(syscall.SHUT_RD)
}

// awaitRoom has the poller write the rest when it can.
func (c *Conn) awaitRoom(r *rest) {
	c.mu.Lock()
	c.rest = r
	c.mu.Unlock()
	if err := c.t.sock.watch(pollOut); err != nil {
		c.mu.Lock()
		c.rest = nil
		c.mu.Unlock()
		r.out.free()
		c.writeFailed(err)
	}
}

// onWritable goes on with a write for which there was no room.
func (c *Conn) onWritable(b *Batch) {
	c.mu.Lock()
	r := c.rest
	c.rest = nil
	if r == nil {
		c.t.hasRoom() // or the poller would hear of that for ever
	}
	c.mu.Unlock()
	for r != nil {
		n, err := c.t.tryWrite(&r.out, r.n)
		if r.n += n; err == nil && r.n < r.out.len() {
			c.awaitRoom(r)
			return
		}
		r = c.restWritten(b, r, err)
	}
}

// hasRoom says that nobody waits for room in the socket any more.
func (t *transport) hasRoom() {
	if t.sock != nil {
		t.sock.ignore(pollOut)
	}
}

// abandon leaves the descriptor to who is writing, and then forgets it.
func (t *transport) abandon() {
	if t.sock != nil {
		t.sock.ignore(pollIn)
		t.sock.shut(syscall.SHUT_RDWR)
	}
}

// forget closes the descriptor, which nobody uses any more.
func (t *transport) forget() {
	if t.sock != nil {
		t.sock.close()
	}
}

// endWatched ends the connection, at once if it need not wait for its last words to be taken.
func (c *Conn) endWatched(w *work, err error) {
	c.detachAll(w, err)
	w.batch.Flush()
	c.mu.Lock()
	waits := c.lingers || c.writing && !c.dead
	c.mu.Unlock()
	if waits {
		c.t.sock.ignore(pollIn)
		go c.lastWords() // ends when they are taken, or after a while
		return
	}
	c.leave()
}

// endAside is endWatched where nothing is in hand.
func (c *Conn) endAside(err error) {
	w := getWork()
	c.endWatched(w, err)
	putWork(w)
}

func (c *Conn) lastWords() {
	c.drainOut()
	if c.lingers {
		// Closing a socket with unread bytes in it would reset the connection, see linger.
		c.lingering = lingerReads
		c.t.sock.shut(syscall.SHUT_WR)
		c.readFor(closeWriteTimeout)
		if c.t.sock.watch(pollIn) == nil {
			return
		}
	}
	c.leave()
}

// lingerOn throws away what the peer still sends.
func (c *Conn) lingerOn() {
	c.t.consumed(len(c.t.rbuf), 0)
	_, err := c.t.readSocket()
	if c.lingering--; err == nil && c.lingering > 0 {
		return
	}
	c.t.sock.ignore(pollIn)
	c.leave()
}
