package amqp

import "github.com/meshway/meshway/internal/wire"

// Tap is told of all that a connection says and hears, see [Conn.SetTap].
type Tap interface {
	// OnFrame is called for each frame and protocol header: with those that came before they are
	// looked at, and with those that go before they are written. frame is as it stands on the wire,
	// but for the end of a payload that lies elsewhere, which is rest. Both are valid during the
	// call only. It may be called for both directions at a time, and no lock is held.
	OnFrame(out bool, frame, rest []byte)
}

// SetTap has t told of the frames from now on; nil ends that. Whoever is in a call meanwhile may
// end it after this returns. It may be called from any goroutine.
func (c *Conn) SetTap(t Tap) {
	if t == nil {
		c.tap.Store(nil)
		return
	}
	c.tap.Store(&t)
}

// tapIn tells of the whole frames that have come. The reader calls it before it handles them.
func (c *Conn) tapIn(in []byte) {
	t := c.tap.Load()
	if t == nil {
		return
	}
	for n := leading(in); n > 0 && n <= len(in); n = leading(in) {
		(*t).OnFrame(false, in[:n], nil)
		in = in[n:]
	}
}

// tapOut tells of what is about to be written. Only the writer calls it, without mu.
func (c *Conn) tapOut(o *output) {
	t := c.tap.Load()
	if t == nil {
		return
	}
	at, extents := 0, o.extents
	for n := leading(o.bytes); n > 0; n = leading(o.bytes[at:]) {
		end, rest := at+n, []byte(nil)
		if len(extents) > 0 && extents[0].at < end {
			end, rest = extents[0].at, extents[0].part
			extents = extents[1:]
		}
		(*t).OnFrame(true, o.bytes[at:end], rest)
		at = end
	}
}

// leading is the size of the frame or protocol header at the start of b, which b need not hold
// whole; 0 if that cannot be told. No frame can be as long as the letters of a header say.
func leading(b []byte) int {
	size, ok := wire.FrameSize(b)
	switch {
	case !ok || size < wire.FrameHeaderSize:
		return 0
	case string(b[:4]) == "AMQP":
		return len(wire.ProtoAMQP)
	}
	return int(size)
}
