package amqp

import (
	"encoding/binary"
	"fmt"
	"sync/atomic"

	"github.com/meshway/meshway/internal/buf"
	"github.com/meshway/meshway/internal/wire"
)

// Sender is our end of a link by which messages go out.
type Sender struct {
	link

	// Immutable after the attach.
	h        SenderHandler
	settles  bool // the link sends settled deliveries only [2.8.2]
	unsettls bool // the link sends unsettled deliveries only

	// Written under conn.mu, read anywhere: unsettled deliveries in the upper
	// half, credit in the lower. A hint for choosing among links, no promise.
	load atomic.Uint64

	// Written under conn.mu, read anywhere: the receiver wants its credit used up
	// or given back.
	drain atomic.Bool

	// Guarded by conn.mu.
	meter
	outstanding uint32 // unsettled deliveries
	wanted      bool   // somebody was refused: OnSendable is owed
	isBlocked   bool   // in conn.blocked
	isStalled   bool   // in session.stalled
	isGrounded  bool   // in conn.flights.waiting

	// The delivery in the middle of being sent, also under conn.mu.
	mid        bool
	midStarted bool // its first frame is encoded
	midSettled bool
	midID      uint32
	midFormat  uint32
	owesAbort  bool   // it was broken off, which the session's window does not let us say yet
	owed       []byte // the rest of a message that was sent whole, for which the window is too small
}

// SenderHandler is told what happens to a link by which messages go out.
type SenderHandler interface {
	// OnSendable is called when the link may have become able to send: credit,
	// a drain, session window, room in the output buffer, or the end of a long
	// delivery. It can come from any goroutine, without need, and from inside a
	// Continue or Abort of the same link.
	OnSendable(b *Batch, l *Sender)
	// OnDetach is called once, by the reader, when the link is over. The origins
	// of its unsettled deliveries hear of their loss right after.
	OnDetach(b *Batch, e *wire.Error)
}

// Origin is where deliveries that we send come from: it hears what became of them.
type Origin interface {
	// OnOutcome is called by the reader of the connection on which the deliveries
	// were sent. refs are those that were given to Send, and belong to the caller.
	OnOutcome(b *Batch, refs []uint32, o Outcome)
}

// Outcome is news of deliveries that were sent.
type Outcome struct {
	State   wire.DeliveryState // valid during the call
	Settled bool               // the receiver has settled: nothing more will come
	Lost    bool               // the link ended before the receiver settled: nothing more will come
}

// outRecord is an unsettled delivery that was sent.
type outRecord struct {
	link   *Sender
	origin Origin // nil when nobody wants to hear
	ref    uint32
	born   uint16         // when it left, by the clock
	said   wire.StateKind // the outcome that the receiver said, which does not change any more [3.4]
}

// Result says what became of an attempt to send.
type Result uint8

// The results of Send, Start and Continue.
const (
	Sent     Result = iota
	NoCredit        // the receiver takes no more for now
	NoWindow        // the session's window is used up
	Full            // the output buffer is at its mark
	Grounded        // as many deliveries of the connection are unsettled as may be: see Config.MaxInFlight
	Busy            // the link is in the middle of another delivery
	Gone            // the link is over
)

func (r Result) String() string {
	names := [...]string{"sent", "no credit", "no window", "full", "grounded", "busy", "gone"}
	if int(r) < len(names) {
		return names[r]
	}
	return fmt.Sprintf("result %d", uint8(r))
}

func newSender(s *Session, name string, h SenderHandler, a *Answer) *Sender {
	l := &Sender{h: h, settles: a.SndSettleMode == wire.SndSettled, unsettls: a.SndSettleMode == wire.SndUnsettled}
	l.link = link{session: s, name: name, send: l}
	l.dry = s.conn.cfg.Clock.whole()
	return l
}

// acceptAttach takes over what the peer's attach says.
func (l *Sender) acceptAttach(*wire.Attach) {}

// Load is how many deliveries the receiver has not settled, and how many more
// it takes now: a recent view, for choosing among links.
func (l *Sender) Load() (unsettled, credit uint32) {
	v := l.load.Load()
	return uint32(v >> 32), uint32(v)
}

// publish updates what Load says. Credit that the connection's bound leaves no use for is
// none. The caller holds mu.
func (l *Sender) publish() {
	credit := l.limit - l.deliveryCount
	if most := l.session.conn.flights.most; most > 0 {
		credit = min(credit, most)
	}
	l.load.Store(uint64(l.outstanding)<<32 | uint64(credit))
}

// Outgoing is a message to send.
type Outgoing struct {
	Format  uint32
	Settled bool
	Urgent  bool   // passes the mark of the output buffer: for what must not wait behind deliveries
	Head    []byte // stands before Payload; copied, shorter than a frame
	Payload []byte
	In      *buf.Ref // what Payload lies in, if it may stay there until it is written; may be nil
}

// Send encodes a whole message if the link can take it now. The id is that of
// the delivery, valid when it is not settled; origin and ref say who hears its
// outcome. What the session's window does not take of it follows when that opens. On
// any result but Sent nothing happened, and unless the link is gone OnSendable will be
// called when it is worth trying again.
func (l *Sender) Send(b *Batch, m *Outgoing, origin Origin, ref uint32) (id uint32, settled bool, res Result) {
	s := l.session
	c := s.conn
	c.mu.Lock()
	if res = l.can(m.Urgent); res == Sent {
		id, settled = l.startDelivery(m, origin, ref)
		if frames := l.frames(len(m.Head) + len(m.Payload)); frames <= s.remoteWindow {
			l.appendTransfers(m.Head, m.Payload, m.In, false, frames)
		} else {
			l.sendPart(b, m)
		}
	}
	if res != Sent {
		l.refused(b, res)
		c.mu.Unlock()
		return 0, false, res
	}
	c.mu.Unlock()
	b.touch(c)
	return id, settled, Sent
}

// can says whether a delivery may begin now. The caller holds mu.
func (l *Sender) can(urgent bool) Result {
	c := l.session.conn
	switch {
	case l.gone || l.detached || l.session.over || c.dead || c.shut.Load():
		return Gone
	case l.limit == l.deliveryCount:
		return NoCredit
	case l.mid:
		return Busy
	case c.out.len() >= outMark && !urgent:
		return Full
	case l.session.remoteWindow == 0:
		return NoWindow
	case !c.flights.has(l.outstanding):
		return Grounded
	}
	return Sent
}

// refused notes who must be woken. The caller holds mu.
func (l *Sender) refused(b *Batch, res Result) {
	s := l.session
	l.wanted = true
	switch res {
	case Full:
		if !l.isBlocked {
			l.isBlocked = true
			s.conn.blocked = append(s.conn.blocked, l)
		}
	case Grounded:
		s.conn.flights.wait(l)
	case NoWindow:
		l.stall(b)
	}
}

// stall has the link wait for the session's window. The caller holds mu.
func (l *Sender) stall(b *Batch) {
	s := l.session
	if !l.isStalled {
		l.isStalled = true
		s.stalled = append(s.stalled, l)
	}
	s.askWindow(b)
}

// startDelivery takes credit and makes the record of a delivery. The caller
// holds mu and has asked can.
func (l *Sender) startDelivery(m *Outgoing, origin Origin, ref uint32) (id uint32, settled bool) {
	s := l.session
	id = s.nextDelivery
	s.nextDelivery++
	l.deliveryCount++
	l.midID, l.midFormat, l.midStarted = id, m.Format, false
	l.midSettled = (m.Settled || l.settles) && !l.unsettls
	now := s.conn.delivering()
	l.count.Deliveries++
	if l.deliveryCount == l.limit {
		l.dry = now
	}
	if l.midSettled {
		l.count.Presettled++
		l.rate.add(uint16(now))
	} else {
		l.outstanding++
		s.conn.flights.began(l)
		r := s.outgoing.put(id)
		r.link, r.born = l, uint16(now)
		if !m.Settled { // else nobody waits for its outcome
			r.origin, r.ref = origin, ref
		}
	}
	l.publish()
	return id, l.midSettled
}

// framePayload is how many payload bytes fit into one of the peer's frames.
func (l *Sender) framePayload() int {
	return int(min(l.session.conn.peer.MaxFrame, buf.Large)) - maxTransferHeader
}

// maxTransferHeader bounds frame header and performative of what appendTransfers
// encodes.
const maxTransferHeader = 64

func (l *Sender) frames(payload int) uint32 {
	per := l.framePayload()
	if payload <= per {
		return 1
	}
	return uint32((payload + per - 1) / per)
}

// appendTransfers encodes n frames of the delivery begun last: head, and as much of
// p as fits behind it. The caller holds mu.
func (l *Sender) appendTransfers(head, p []byte, in *buf.Ref, more bool, n uint32) {
	s := l.session
	c := s.conn
	var tag [4]byte
	per := l.framePayload()
	for i := uint32(0); i < n; i++ {
		part := p[:min(per-len(head), len(p))]
		p = p[len(part):]
		t := wire.Transfer{Handle: l.local, More: more || i+1 < n}
		if !l.midStarted {
			// A tag of our own: unique among the session's deliveries, and what
			// came with the message means nothing on this link. [2.6.12]
			tag = [4]byte{byte(l.midID >> 24), byte(l.midID >> 16), byte(l.midID >> 8), byte(l.midID)}
			t.DeliveryID, t.DeliveryTag = wire.Some(l.midID), tag[:]
			t.MessageFormat = wire.Some(l.midFormat)
			l.midStarted = true
		}
		if l.midSettled {
			t.Settled = wire.Some(true)
		}
		start := len(c.out.bytes)
		switch mentions := in != nil && len(part) >= mentionFrom; {
		case !mentions && len(head) == 0:
			c.out.bytes = wire.AppendTransferFrame(buf.Reserve(c.out.bytes, len(part)+maxTransferHeader), s.local, &t, part)
		case !mentions:
			c.out.bytes = buf.Reserve(c.out.bytes, len(head)+len(part)+maxTransferHeader)
			c.out.bytes = append(wire.AppendTransferFrame(c.out.bytes, s.local, &t, head), part...)
			binary.BigEndian.PutUint32(c.out.bytes[start:], uint32(len(c.out.bytes)-start))
		default:
			c.out.bytes = wire.AppendTransferFrame(buf.Reserve(c.out.bytes, len(head)+maxTransferHeader), s.local, &t, head)
			c.out.mention(start, part, in)
		}
		head = nil
	}
	s.nextOutgoingID += n
	s.remoteWindow -= n
}

// Update tells the receiver our state of a delivery that we sent, settled or
// not: what its sender said. A delivery that is over is passed over, and false
// returned. One that is settled by it is over: its origin hears nothing more.
func (l *Sender) Update(b *Batch, id uint32, settled bool, state wire.DeliveryState) (alive bool) {
	s := l.session
	c := s.conn
	c.mu.Lock()
	r := l.record(id)
	if alive = r != nil; alive {
		if !l.detached { // else the receiver knows nothing of it any more
			c.noteDisposition(s, wire.RoleSender, id, settled, state)
		}
		if settled {
			l.end(id, r)
		}
	}
	c.mu.Unlock()
	b.touch(c)
	return alive
}

// record is that of an unsettled delivery that was sent by this link; nil if it is over. The
// caller holds mu.
func (l *Sender) record(id uint32) *outRecord {
	if r := l.session.outgoing.get(id); r != nil && r.link == l {
		return r
	}
	return nil
}

// end counts an unsettled delivery as over, and removes its record. The caller holds mu.
func (l *Sender) end(id uint32, r *outRecord) {
	c := l.session.conn
	now := c.cfg.Clock.now()
	l.count.outcome(r.said, now-r.born)
	l.rate.add(now)
	c.flights.ended(l)
	l.outstanding--
	l.session.outgoing.remove(id)
	l.publish()
}

// Drained answers a receiver that asked for its credit to be used up: what is
// left of it is given back. [2.6.7] False means that no drain is under way.
func (l *Sender) Drained(b *Batch) bool {
	c := l.session.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	if !l.drain.Load() || l.mid || l.gone || l.detached || l.session.over || c.dead || c.shut.Load() {
		return false
	}
	l.deliveryCount = l.limit
	l.publish()
	c.encodePending()
	l.encodeFlow()
	l.drain.Store(false)
	b.touch(c)
	return true
}

// Draining says whether the receiver asked for its credit to be used up.
func (l *Sender) Draining() bool { return l.drain.Load() }

// Fits says whether a message of n bytes goes out in one frame. Of a longer one Send
// copies what the peer's window does not take at once; [Sender.Start] does not.
func (l *Sender) Fits(n int) bool { return l.frames(n) == 1 }

// encodeFlow tells the link's state. The caller holds mu.
func (l *Sender) encodeFlow() {
	f := l.session.flow()
	f.Handle = wire.Some(l.local)
	f.DeliveryCount = wire.Some(l.deliveryCount)
	f.LinkCredit = wire.Some(l.limit - l.deliveryCount)
	f.Available = wire.Some[uint32](0)
	f.Drain = l.drain.Load()
	l.session.conn.appendFlow(l.session, &f)
}

// stop leaves neither credit nor anything outstanding or owed. The caller holds mu.
func (l *Sender) stop() {
	l.session.conn.cfg.Budget.add(-len(l.owed))
	l.owed = nil
	l.session.conn.flights.leave(l)
	l.outstanding = 0
	l.limit = l.deliveryCount
	l.publish()
}
