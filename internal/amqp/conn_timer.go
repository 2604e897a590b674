package amqp

import (
	"time"

	"github.com/meshway/meshway/internal/buf"
	"github.com/meshway/meshway/internal/wire"
)

// One timer serves a connection: the handshake deadline first, then
// idle-time-out in both directions [2.4.5], and giving back what an idle
// connection does not need.

// idleTick is how often a connection with no idle-time-out is looked at.
const idleTick = 10 * time.Second

// lateLook is how late a look may come without saying anything.
const lateLook = 100 * time.Millisecond

// lookTimer is a [time.Timer] or an alarm.
type lookTimer interface {
	Reset(d time.Duration) bool
	Stop() bool
}

func (c *Conn) startTimer() {
	c.lastRead.Store(now())
	c.mu.Lock()
	defer c.mu.Unlock()
	wait := c.tick()
	if d := c.cfg.HandshakeTimeout; d > 0 {
		c.deadlineAt = now() + int64(d)
		wait = min(wait, d)
	}
	if c.t.sock != nil {
		c.timer = polledAlarms.after(wait, c)
	} else {
		c.timer = time.AfterFunc(wait, c.onTimer)
	}
	c.dueAt = now() + int64(wait)
}

// lookAgain sets the timer for the next look. The caller holds mu.
func (c *Conn) lookAgain() { c.lookIn(c.tick()) }

func (c *Conn) lookIn(d time.Duration) {
	c.dueAt = now() + int64(d)
	c.timer.Reset(d)
}

func (c *Conn) stopTimer() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.timer.Stop()
	c.timer = nil
}

// handshakeDone ends the handshake's deadline and starts the idle timers. Most often the timer
// fires in time for them as it is: a look that comes early does no harm.
func (c *Conn) handshakeDone() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.deadlineAt = 0
	if c.timer != nil && now()+int64(c.tick()) < c.dueAt {
		c.lookAgain()
	}
}

// tick is how long until the connection must be looked at again: a third of what
// the peer lets us be silent, since what was written right after one look counts
// as life at the next and a heartbeat comes only with the one after that; and a
// quarter of what we let the peer.
func (c *Conn) tick() time.Duration {
	d := idleTick
	if c.cfg.IdleTimeout > 0 {
		d = min(d, c.cfg.IdleTimeout/4)
	}
	if c.peer != nil && c.peer.IdleTimeout > 0 {
		d = min(d, c.peer.IdleTimeout/3)
	}
	return max(d, time.Millisecond)
}

func (c *Conn) onTimer() {
	var b Batch
	c.mu.Lock()
	if c.timer == nil || c.dead {
		c.mu.Unlock()
		return
	}
	if c.deadlineAt != 0 {
		// Still shaking hands. A peer that never got to open has no right to a
		// close frame that it could not read anyway.
		late := now() >= c.deadlineAt
		c.lookIn(time.Duration(max(c.deadlineAt-now(), int64(time.Millisecond))))
		c.mu.Unlock()
		if late {
			c.shutSocket(&HandshakeError{Reason: "no open within " + c.cfg.HandshakeTimeout.String(), Silent: true})
		}
		return
	}
	// A look that comes late says that this machine was paused, or starved: what
	// the peer sent meanwhile may not have been read, so its time is extended by
	// as much.
	if late := now() - c.dueAt; late > int64(lateLook) {
		c.lastRead.Add(late)
	}
	silent := time.Duration(now() - c.lastRead.Load())
	if limit := c.cfg.IdleTimeout; limit > 0 && silent > limit {
		e := newError(wire.CondResourceLimitExceeded, "nothing was received for %v: local-idle-timeout expired", limit)
		c.appendClose(e)
		c.closeErr = e
		c.mu.Unlock()
		c.flush(&b)
		b.Flush()
		c.readFor(0)
		return
	}
	if c.peer != nil && c.peer.IdleTimeout > 0 && !c.wroteNow && !c.writing && !c.shut.Load() && c.out.len() == 0 {
		c.out.bytes = wire.AppendEmptyFrame(buf.Reserve(c.out.bytes, wire.FrameHeaderSize))
	}
	c.wroteNow = false
	c.releaseIdle()
	c.lookAgain()
	c.mu.Unlock()
	c.flush(&b)
	b.Flush()
}

// releaseIdle gives back lists and rings that have nothing in them, and looks at
// windows that nothing else would look at. The caller holds mu.
func (c *Conn) releaseIdle() {
	if len(c.disp) == 0 {
		c.disp = nil
	}
	if len(c.flowLinks) == 0 && len(c.flowSess) == 0 {
		c.flowLinks, c.flowSess = nil, nil
	}
	if c.out.len() == 0 {
		c.out = output{}
	}
	c.sessions.each(func(_ uint32, s *Session) {
		s.extendWindow() // it may have been held back by the budget of all
		s.incoming.release()
		s.outgoing.release()
	})
}
