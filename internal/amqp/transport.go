package amqp

import (
	"errors"
	"io"
	"net"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/meshway/meshway/internal/buf"
)

// transport reads and writes the bytes of one connection.
//
// Where the operating system lets us (a TCP or Unix socket on a Unix system),
// reading takes a buffer only once there is something to read, and writing can
// be tried without waiting. Everywhere else (other systems, in-memory
// connections of tests, TLS) plain Read and Write serve; then a reader that
// waits holds a small buffer, and every write is done by the writer goroutine, unless
// the connection is a [tryWriter].
type transport struct {
	// One of these is set. They change once, under the connection's mu, when it is started.
	nc   net.Conn
	sock *socket // of a poller

	raw           syscall.RawConn // of nc; nil: the plain path
	local, remote net.Addr
	expired       atomic.Bool // nothing is read any more; only of a poller's socket

	// Owned by the reader.
	readFn func(fd uintptr) bool
	rref   *buf.Ref // what rbuf lies in; nil while waiting with nothing
	rbuf   []byte   // bytes not handled yet
	rsize  int      // how large a buffer to take next
	rn     int      // what the last raw read returned
	rerr   error
}

func (t *transport) init(nc net.Conn) {
	t.nc, t.local, t.remote = nc, nc.LocalAddr(), nc.RemoteAddr()
	t.rsize = buf.Small
	if sc, ok := nc.(syscall.Conn); ok && rawIO {
		if raw, err := sc.SyscallConn(); err == nil {
			t.raw = raw
			t.readFn = t.tryRead
			tuneSocket(raw, t.remote)
		}
	}
}

// read waits for bytes and appends them to rbuf.
func (t *transport) read() error {
	if t.raw == nil {
		return t.readPlain()
	}
	t.rn, t.rerr = 0, nil
	if err := t.raw.Read(t.readFn); err != nil {
		return err
	}
	if t.rerr != nil {
		return t.rerr
	}
	if t.rn == 0 {
		return io.EOF
	}
	t.adapt(t.rn)
	return nil
}

// tryRead is called by the poller at once and whenever the socket is readable;
// false means wait. The buffer is taken here and given back when there was
// nothing, so a connection that waits holds none.
func (t *transport) tryRead(fd uintptr) bool {
	t.ready()
	n, err, again := rawRead(fd, t.rbuf[len(t.rbuf):cap(t.rbuf)])
	if again {
		if len(t.rbuf) == 0 {
			t.release()
		}
		return false
	}
	if err != nil {
		t.rerr = err
		return true
	}
	t.rn = n
	t.rbuf = t.rbuf[:len(t.rbuf)+n]
	return true
}

func (t *transport) readPlain() error {
	t.ready()
	n, err := t.nc.Read(t.rbuf[len(t.rbuf):cap(t.rbuf)])
	t.rbuf = t.rbuf[:len(t.rbuf)+n]
	if n > 0 {
		t.adapt(n)
		return nil
	}
	if err == nil {
		err = io.ErrNoProgress
	}
	return err
}

// adapt picks the next buffer's size by how full the last read was.
func (t *transport) adapt(n int) {
	full := len(t.rbuf) == cap(t.rbuf)
	switch {
	case full && t.size() < buf.Large:
		t.rsize = buf.Large
	case full:
		t.rsize = buf.Huge
	case n < buf.Small/2:
		t.rsize = buf.Small
	}
}

// take makes a new buffer of at least n bytes the one to read into.
func (t *transport) take(n int) {
	t.rref = buf.GetRef(n)
	t.rbuf = t.rref.Bytes()[:0]
}

// size is that of the whole buffer, of which rbuf may be the last part.
func (t *transport) size() int { return len(t.rref.Bytes()) }

// ready sees to it that there is a buffer to read into. Those who held parts of the one that
// there is may have let go of them.
func (t *transport) ready() {
	if t.rref == nil {
		t.take(t.rsize)
	} else if cap(t.rbuf) < t.size() && t.rref.Alone() {
		t.toFront(t.rbuf)
	}
}

func (t *transport) toFront(rest []byte) {
	all := t.rref.Bytes()
	t.rbuf = all[:copy(all, rest)]
}

// consumed drops the first n bytes of rbuf; need is the size of the frame that
// the rest begins, 0 when not known. What is left moves to the front. While somebody holds
// parts of the buffer, it stays where it is, and what comes next is read behind it: a buffer that is
// held for a small part of it is memory that nobody counts. Once there is no good portion of
// room any more, or not enough for the frame, the rest moves to another buffer.
func (t *transport) consumed(n, need int) {
	rest := t.rbuf[n:]
	size := t.size()
	switch alone := t.rref.Alone(); {
	case len(rest) == 0 && (size != t.rsize || t.raw == nil && t.sock == nil):
		t.release()
	case alone && size >= max(need, t.rsize):
		if len(rest) == 0 || cap(rest) < size {
			t.toFront(rest)
		}
	case !alone && size >= t.rsize && cap(rest) >= max(need, len(rest)+size/4):
		t.rbuf = rest
	case len(rest) == 0:
		t.release()
	default:
		old := t.rref
		t.take(max(need, len(rest), t.rsize))
		t.rbuf = append(t.rbuf, rest...)
		old.Drop()
	}
}

// pause lets go of the read buffer until there is something to read again. Where parts of it
// are held, the next one is no larger than what was used of it: who brings little at a time must not
// have a large buffer held for each.
func (t *transport) pause() {
	if t.rref != nil && !t.rref.Alone() {
		switch used := t.size() - cap(t.rbuf); {
		case used <= buf.Small:
			t.rsize = buf.Small
		case used <= buf.Large:
			t.rsize = min(t.rsize, buf.Large)
		}
	}
	t.release()
}

// release lets go of the read buffer.
func (t *transport) release() {
	if t.rref != nil {
		t.rref.Drop()
		t.rref, t.rbuf = nil, nil
	}
}

// isClosed says whether err only means that the socket is gone.
func isClosed(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) || errors.Is(err, io.ErrClosedPipe) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// closeWriteTimeout bounds how long a last message (a close, an error) may take
// to reach a peer that does not read.
const closeWriteTimeout = 2 * time.Second
