package amqp

import (
	"bytes"
	"encoding/binary"

	"github.com/meshway/meshway/internal/buf"
	"github.com/meshway/meshway/internal/wire"
)

// A long message goes out piece by piece, as it comes: Start, then Continue
// until the last piece, or Abort. In between the link is busy. [2.6.14]

// Start begins a delivery whose bytes follow by Continue. Its result is as that
// of Send. As much of m.Payload as fits goes into its first frame, at once, so that
// deliveries begin in the order of their ids; what does not fit is left there. With
// no payload at all the first frame waits for one, and has no head.
func (l *Sender) Start(b *Batch, m *Outgoing, origin Origin, ref uint32) (id uint32, settled bool, res Result) {
	c := l.session.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	if res = l.can(false); res != Sent {
		l.refused(b, res)
		return 0, false, res
	}
	id, settled = l.startDelivery(m, origin, ref)
	l.mid = true
	if n := min(l.framePayload()-len(m.Head), len(m.Payload)); n > 0 {
		l.appendTransfers(m.Head, m.Payload[:n], m.In, true, 1)
		m.Payload = m.Payload[n:]
		b.touch(c)
	}
	return id, settled, Sent
}

// Continue encodes as many whole frames of p as the session's window and the
// output buffer take, and returns how many bytes that was. in is what p lies in, if
// it may stay there until it is written; nil if not. last says that p ends the
// message. When not all was taken, OnSendable follows.
func (l *Sender) Continue(b *Batch, p []byte, in *buf.Ref, last bool) (n int, res Result) {
	s := l.session
	c := s.conn
	c.mu.Lock()
	per := l.framePayload()
	for res = Sent; ; {
		if !l.mid || l.owesAbort || l.gone || l.detached || s.over || c.dead || c.shut.Load() {
			res = Gone
			break
		}
		rest := p[n:]
		if len(rest) == 0 && !last {
			break
		}
		if c.out.len() >= outMark {
			res = Full
			break
		}
		if s.remoteWindow == 0 {
			res = NoWindow
			break
		}
		part := rest[:min(per, len(rest))]
		more := !last || len(part) < len(rest)
		l.appendTransfers(nil, part, in, more, 1)
		n += len(part)
		if !more {
			break // also when the last piece is an empty one
		}
	}
	if res == Sent && last {
		l.mid = false
	}
	if res != Sent && res != Gone {
		l.refused(b, res)
	}
	wake := l.takeWanted()
	c.mu.Unlock()
	b.touch(c)
	if wake {
		l.h.OnSendable(b, l)
	}
	return n, res
}

// takeWanted says whether somebody waits for the link to be free of its long
// delivery. The caller holds mu.
func (l *Sender) takeWanted() bool {
	if l.mid || !l.wanted {
		return false
	}
	l.wanted = false
	return true
}

// Abort ends the delivery begun by Start: the receiver forgets it. [2.7.5] True means
// that it was unsettled until now; its origin hears nothing more.
func (l *Sender) Abort(b *Batch) (unsettled bool) {
	s := l.session
	c := s.conn
	c.mu.Lock()
	if !l.mid || l.owesAbort || l.gone {
		c.mu.Unlock()
		return false
	}
	switch {
	case l.detached || s.over || c.dead || c.shut.Load():
		l.mid = false
	case s.remoteWindow == 0:
		// The link can carry nothing else until this is said.
		l.owesAbort = true
		l.refused(b, NoWindow)
	default:
		l.appendAbort()
	}
	if r := l.record(l.midID); r != nil && !l.midSettled {
		l.end(l.midID, r)
		unsettled = true
	}
	wake := l.takeWanted()
	c.mu.Unlock()
	b.touch(c)
	if wake {
		l.h.OnSendable(b, l)
	}
	return unsettled
}

// sendPart sends as much of a message as the session's window takes, and keeps the rest: the
// window of some peers is never large enough for all of it. Of the links of a session one at a
// time owes something: none begins while the window is shut, and what is owed goes before others
// do. The caller holds mu, has begun the delivery, and the window is open.
func (l *Sender) sendPart(b *Batch, m *Outgoing) {
	n := int(l.session.remoteWindow)*l.framePayload() - len(m.Head)
	l.mid = true
	l.owed = bytes.Clone(m.Payload[n:])
	l.session.conn.cfg.Budget.add(len(l.owed))
	l.appendTransfers(m.Head, m.Payload[:n], m.In, true, l.session.remoteWindow)
	l.stall(b)
}

// pay sends what the link owes, or as much of it as the window takes; true is all. The
// caller holds mu, and the link lives.
func (l *Sender) pay() bool {
	switch {
	case !l.owesAbort && l.owed == nil:
		return true
	case l.session.remoteWindow == 0:
		return false
	case l.owesAbort:
		l.appendAbort()
		return true
	}
	frames := min(l.frames(len(l.owed)), l.session.remoteWindow)
	n := min(int(frames)*l.framePayload(), len(l.owed))
	l.appendTransfers(nil, l.owed[:n], nil, n < len(l.owed), frames)
	l.session.conn.cfg.Budget.add(-n)
	if l.owed = l.owed[n:]; len(l.owed) == 0 {
		l.mid, l.owed = false, nil
	}
	return l.owed == nil
}

// appendAbort encodes the transfer that breaks off the delivery. It ignores the
// output mark, as every end does; the session's window it cannot. The caller holds
// mu, and the window is open.
func (l *Sender) appendAbort() {
	s := l.session
	c := s.conn
	t := wire.Transfer{Handle: l.local, Aborted: true}
	var tag [4]byte
	if !l.midStarted {
		// Nothing went out: an aborted delivery still needs its first frame, so
		// that delivery-count and delivery-id stay in step.
		binary.BigEndian.PutUint32(tag[:], l.midID)
		t.DeliveryID, t.DeliveryTag, t.MessageFormat = wire.Some(l.midID), tag[:], wire.Some(l.midFormat)
	}
	c.out.bytes = wire.AppendTransferFrame(buf.Reserve(c.out.bytes, maxTransferHeader), s.local, &t, nil)
	s.nextOutgoingID++
	s.remoteWindow--
	l.mid, l.owesAbort = false, false
}
