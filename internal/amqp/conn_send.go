package amqp

import (
	"time"

	"github.com/meshway/meshway/internal/buf"
	"github.com/meshway/meshway/internal/wire"
)

// The functions in this file occur in the order in which output passes through
// them: marks, appending, flushing, and the writer that takes over when the
// socket is full.

const (
	// outMark is how many bytes may wait for the socket before deliveries wait
	// unencoded instead. Everything else may pass it.
	outMark = 192 << 10
	// outLimit is how much of everything else may pile up: a peer that makes us
	// answer and does not read is closed.
	outLimit = 1 << 20
	// maxDispositionRuns is how many outcomes that do not merge wait for the
	// flush before they are encoded early.
	maxDispositionRuns = 256
)

// appendFrame encodes a frame other than transfer, flow and disposition, behind
// everything that was encoded or decided before it. The caller holds mu.
func (c *Conn) appendFrame(ch uint16, p wire.Performative) {
	c.appendBy(func(b []byte) []byte { return wire.AppendFrame(b, ch, p) },
		func(b []byte) []byte { return wire.AppendFrame(b, ch, shortened(p)) })
}

// appendBy appends a frame as appendFrame does, by a function for its kind: unlike an interface
// it does not have the performative escape. One that is larger than the peer takes is replaced
// by a shorter one, or left out if shorter is nil, and false returned. The caller holds mu.
func (c *Conn) appendBy(frame, shorter func(b []byte) []byte) (fits bool) {
	if c.dead || c.shut.Load() {
		return true
	}
	c.encodePending()
	start := len(c.out.bytes)
	c.out.bytes = frame(buf.Reserve(c.out.bytes, 512))
	if fits = c.fits(start); !fits {
		c.out.bytes = c.out.bytes[:start]
		if shorter != nil {
			c.out.bytes = shorter(c.out.bytes)
		}
	}
	c.checkOutLimit()
	return fits
}

// appendClose encodes close, and open before it if that was not sent yet: a
// close must not come first. [2.4.3] False means that it cannot be said, since the
// peer does not expect frames yet. The caller holds mu.
func (c *Conn) appendClose(e *wire.Error) bool {
	if c.shut.Load() || c.dead {
		return true
	}
	if !c.spoke {
		return false
	}
	if !c.openSent {
		c.appendOpen()
	}
	c.appendFrame(0, &wire.Close{Error: e})
	c.shut.Store(true)
	return true
}

// checkOutLimit ends a connection whose replies pile up behind a write that waits
// for the peer to read. What a single flush brings may be more. The caller holds mu.
func (c *Conn) checkOutLimit() {
	if c.out.len() <= outLimit || c.dead || !c.writing {
		return
	}
	c.dead = true
	if c.closeErr == nil {
		c.closeErr = newError(wire.CondResourceLimitExceeded, "%d bytes of replies wait for a peer that does not read", c.out.len())
	}
	hangUp(c.t.nc, c.t.sock)
}

// encodePending encodes what was only noted down so far: outcomes, credit and
// windows. The caller holds mu.
func (c *Conn) encodePending() {
	if c.shut.Load() || c.dead {
		c.dropPending()
		return
	}
	if len(c.disp) > 0 {
		c.encodeDispositions()
	}
	if len(c.rawFlows) > 0 {
		c.encodeRawFlows()
	}
	if len(c.flowLinks) > 0 || len(c.flowSess) > 0 {
		c.encodeFlows()
	}
}

func (c *Conn) dropPending() {
	c.disp = c.disp[:0]
	for i, r := range c.rawFlows {
		r.pending = nil
		c.rawFlows[i] = nil
	}
	c.rawFlows = c.rawFlows[:0]
	for i, r := range c.flowLinks {
		r.flowPending = false
		c.flowLinks[i] = nil
	}
	for i, s := range c.flowSess {
		s.flowPending = false
		c.flowSess[i] = nil
	}
	c.flowLinks, c.flowSess = c.flowLinks[:0], c.flowSess[:0]
}

// dispositionRun is contiguous deliveries that came to the same state.
type dispositionRun struct {
	session     *Session
	role        wire.Role
	settled     bool
	first, last uint32
	state       wire.DeliveryState // Fields is a copy of its own
}

// noteDisposition adds a delivery's new state to what the next flush tells,
// merged with its neighbour when they say the same. fields is copied. The
// caller holds mu.
func (c *Conn) noteDisposition(s *Session, role wire.Role, id uint32, settled bool, state wire.DeliveryState) {
	c.noteState(s, role, id, settled, state, false)
}

// noteState is noteDisposition; all says that also what is no outcome must be told.
func (c *Conn) noteState(s *Session, role wire.Role, id uint32, settled bool, state wire.DeliveryState, all bool) {
	if c.shut.Load() || c.dead || s.over {
		return
	}
	if n := len(c.disp); n > 0 {
		if d := &c.disp[n-1]; d.session == s && d.role == role && d.settled == settled && id == d.last+1 && d.state.Equal(state) {
			d.last = id
			return
		}
		if c.writing && !settled && !all && !state.Terminal() {
			// The peer does not read just now, and what is no outcome need not be
			// told: somebody may say it for ever.
			return
		}
		if n >= maxDispositionRuns {
			c.encodeDispositions()
			c.checkOutLimit()
		}
	}
	if len(state.Fields) > 0 {
		state.Fields = append([]byte(nil), state.Fields...)
	}
	c.disp = append(c.disp, dispositionRun{session: s, role: role, settled: settled, first: id, last: id, state: state})
}

func (c *Conn) encodeDispositions() {
	for i := range c.disp {
		d := &c.disp[i]
		if !d.session.over {
			f := wire.Disposition{Role: d.role, First: d.first, Settled: d.settled, State: d.state}
			if d.last != d.first {
				f.Last = wire.Some(d.last)
			}
			start := len(c.out.bytes)
			c.out.bytes = buf.Reserve(c.out.bytes, 64+len(d.state.Fields))
			c.out.bytes = wire.AppendDispositionFrame(c.out.bytes, d.session.local, &f)
			if !c.fits(start) {
				f.State = shortenedState(f.State)
				c.out.bytes = wire.AppendDispositionFrame(c.out.bytes[:start], d.session.local, &f)
			}
		}
		*d = dispositionRun{}
	}
	c.disp = c.disp[:0]
}

// encodeFlows tells credit, and with it or by itself the session windows.
func (c *Conn) encodeFlows() {
	for i, r := range c.flowLinks {
		c.flowLinks[i] = nil
		r.flowPending = false
		r.encodeFlow()
	}
	c.flowLinks = c.flowLinks[:0]
	for i, s := range c.flowSess {
		c.flowSess[i] = nil
		if s.flowPending || s.ask == askNext { // not told along with a link's credit
			s.encodeFlow()
		}
	}
	c.flowSess = c.flowSess[:0]
}

// flush writes what has been encoded, without waiting: what the socket does not
// take is left to a writer goroutine. If somebody is in a write already, that
// one will see what we added.
func (c *Conn) flush(b *Batch) {
	c.mu.Lock()
	for !c.writing && !c.dead {
		out, any := c.takeOut()
		if !any {
			break
		}
		wake := c.takeBlocked()
		c.mu.Unlock()

		c.tapOut(&out)
		n, err := c.t.tryWrite(&out, 0)
		if err != nil {
			out.free()
			c.writeFailed(err)
			return
		}
		if n < out.len() {
			c.writeRest(&rest{out: out, n: n, wake: wake})
			return
		}
		out.free()
		wakeSenders(b, wake)
		c.mu.Lock()
		c.wrote()
	}
	wake := c.flights.ready()
	c.mu.Unlock()
	wakeSenders(b, wake)
}

// takeOut encodes what is pending and takes the output for writing, if there is
// any that may be written. The caller holds mu, and is the writer from here on.
func (c *Conn) takeOut() (out output, any bool) {
	if c.withheld {
		return output{}, false
	}
	c.encodePending()
	if c.out.len() == 0 {
		return output{}, false
	}
	out = c.out
	c.out = output{}
	c.writing = true
	c.wroteNow = true
	return out, true
}

// wrote ends a write. The caller holds mu.
func (c *Conn) wrote() {
	c.writing = false
	if c.gone {
		c.t.forget()
	}
	if c.drained != nil {
		close(c.drained)
		c.drained = nil
	}
}

// rest is what a full socket has left of a write.
type rest struct {
	out  output
	n    int       // bytes of it that are written
	wake []*Sender // wait for it
}

// writeRest sees to it that the rest is written once the socket has room: by the poller, or
// by a goroutine that waits for it and ends when there is nothing left to write.
func (c *Conn) writeRest(r *rest) {
	if c.t.sock != nil {
		c.awaitRoom(r)
		return
	}
	go func() {
		for r != nil {
			err := c.t.write(&r.out, r.n)
			var b Batch
			r = c.restWritten(&b, r, err)
			b.Flush() // before waiting again: it is for others, too
		}
	}()
}

// restWritten is called when all of r has been written, or could not be. It returns
// what is to be written next, nil for nothing.
func (c *Conn) restWritten(b *Batch, r *rest, err error) *rest {
	r.out.free()
	if err != nil {
		c.writeFailed(err)
		return nil
	}
	wakeSenders(b, r.wake)
	c.mu.Lock()
	out, any := c.takeOut()
	if !any {
		c.t.hasRoom()
		c.wrote()
		c.mu.Unlock()
		return nil
	}
	wake := c.takeBlocked()
	c.mu.Unlock()
	c.tapOut(&out)
	return &rest{out: out, wake: wake}
}

func (c *Conn) writeFailed(err error) {
	if isClosed(err) {
		err = ErrPeerGone
	}
	c.shutSocket(err)
	c.mu.Lock()
	c.wrote()
	c.mu.Unlock()
}

// takeBlocked returns the senders that waited for room in the output buffer,
// which has just been emptied. The caller holds mu.
func (c *Conn) takeBlocked() []*Sender {
	if len(c.blocked) == 0 {
		return nil
	}
	wake := c.blocked
	c.blocked = nil
	for _, l := range wake {
		l.isBlocked = false
	}
	return wake
}

func wakeSenders(b *Batch, wake []*Sender) {
	for _, l := range wake {
		l.h.OnSendable(b, l)
	}
}

// drainOut waits until what was encoded has reached the socket, for a bounded
// time. Only the reader calls it, as it leaves.
func (c *Conn) drainOut() {
	late := time.AfterFunc(closeWriteTimeout, func() { c.shutSocket(nil) })
	defer late.Stop()
	var b Batch
	for {
		c.flush(&b)
		b.Flush()
		c.mu.Lock()
		if !c.writing || c.dead {
			c.mu.Unlock()
			return
		}
		c.drained = make(chan struct{})
		done := c.drained
		c.mu.Unlock()
		<-done
	}
}
