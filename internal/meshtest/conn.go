package meshtest

import (
	"net"
	"time"
)

// Conn is one end of a simulated connection. It is a [net.Conn], and whoever has
// it can also make it misbehave.
type Conn struct {
	in, out       *way
	local, remote Addr
}

// Pair makes a connection: what is written to one end is read from the other.
// there is how bytes travel from a to b, back how they travel from b to a.
func Pair(a, b Addr, there, back Line) (*Conn, *Conn) {
	to, from := newWay(there), newWay(back)
	return &Conn{in: from, out: to, local: a, remote: b}, &Conn{in: to, out: from, local: b, remote: a}
}

// Addr is the address of an end: any text, by custom host:port.
type Addr string

// Network is "sim".
func (Addr) Network() string  { return "sim" }
func (a Addr) String() string { return string(a) }

// Read returns what has arrived, waiting for it if need be.
func (c *Conn) Read(b []byte) (int, error) { return c.in.read(b) }

// Write sends b, waiting while the line is full.
func (c *Conn) Write(b []byte) (int, error) { return c.out.write(b) }

// TryWrite sends as much of b as the line takes at once.
func (c *Conn) TryWrite(b []byte) (int, error) {
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	if c.out.line.Waits {
		return 0, nil
	}
	return c.out.put(b)
}

// Close ends this end: the other reads what is on the way, then the end of it.
func (c *Conn) Close() error {
	c.in.change(func() {
		c.in.readerGone = true
		c.in.pieces, c.in.size = nil, 0
		c.in.readBy.set(time.Time{}, nil)
	})
	c.out.change(func() {
		c.out.writerGone = true
		c.out.writeBy.set(time.Time{}, nil)
	})
	return nil
}

// CloseWrite says that nothing more will be written to this end.
func (c *Conn) CloseWrite() error {
	c.out.change(func() { c.out.writerGone = true })
	return nil
}

// LocalAddr is the address of this end.
func (c *Conn) LocalAddr() net.Addr { return c.local }

// RemoteAddr is the address of the other end.
func (c *Conn) RemoteAddr() net.Addr { return c.remote }

// SetDeadline is SetReadDeadline and SetWriteDeadline.
func (c *Conn) SetDeadline(t time.Time) error {
	_ = c.SetReadDeadline(t)
	return c.SetWriteDeadline(t)
}

// SetReadDeadline is until when reads wait; zero is for ever.
func (c *Conn) SetReadDeadline(t time.Time) error {
	c.in.change(func() { c.in.readBy.set(t, c.in.poke) })
	return nil
}

// SetWriteDeadline is until when writes wait; zero is for ever.
func (c *Conn) SetWriteDeadline(t time.Time) error {
	c.out.change(func() { c.out.writeBy.set(t, c.out.poke) })
	return nil
}

// Unread is how many bytes that this end wrote the other has not read.
func (c *Conn) Unread() int {
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	return c.out.size
}

// Stall makes this end read nothing, as a peer does that hangs; off lets it go on.
func (c *Conn) Stall(on bool) { c.in.change(func() { c.in.stalled = on }) }

// Silence swallows everything that either end writes from now on, as a broken
// path does that nobody noticed; off lets bytes through again.
func (c *Conn) Silence(on bool) {
	c.in.change(func() { c.in.silent = on })
	c.out.change(func() { c.out.silent = on })
}

// Cut makes both ends fail at once. What was on the way is lost.
func (c *Conn) Cut() {
	for _, w := range []*way{c.in, c.out} {
		w.change(func() {
			w.cut = true
			w.pieces, w.size = nil, 0
		})
	}
}

// Set changes how bytes travel, for those that are written from now on: out is
// from this end, in is to it.
func (c *Conn) Set(out, in Line) {
	c.out.change(func() { c.out.line = out })
	c.in.change(func() { c.in.line = in })
}
