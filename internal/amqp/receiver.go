package amqp

import (
	"github.com/meshway/meshway/internal/buf"
	"github.com/meshway/meshway/internal/wire"
)

// Receiver is our end of a link by which messages come in.
type Receiver struct {
	link

	// Immutable after the attach.
	h          ReceiverHandler
	second     bool   // it was attached with rcv-settle-mode second [2.8.3]
	maxMessage uint64 // bytes; 0 is no limit

	// Owned by the reader: the delivery whose frames are arriving.
	partial       bool
	discard       bool // it is ignored: a resumed one, or one that broke a limit
	settled       bool
	partialID     uint32
	partialTag    uint32 // a checksum of it
	partialFormat uint32
	size          uint64

	// Guarded by conn.mu. Credit is a window computed from state, never a sum of
	// increments: the sender may send up to limit, and limit is what it has sent
	// plus the window less what is not finished.
	meter
	ceiling     uint32 // the highest limit ever told, or some more; what is excess is judged by it
	window      uint32 // deliveries that may be unfinished at a time; 0 stops credit
	outstanding uint32 // deliveries begun and not finished
	counted     int32  // what the session's credit has of this link
	excused     uint32 // unsettled deliveries that count no more for credit, and are not over
	early       *early // what is said of the delivery whose frames are arriving, once all have; nil if nothing is
	flowPending bool
	anchored    bool // deliveryCount is known: the peer's attach has arrived
	fromOne     bool // the sender said that it counts from 1, and has never gone beyond its credit
}

// ReceiverHandler is told what comes in on a link. All calls come from the
// connection's reader.
type ReceiverHandler interface {
	// OnTransfer is called for each frame of each delivery. What d points to is
	// valid only during the call.
	OnTransfer(b *Batch, d *Delivery)
	// OnSenderState is called when the sender tells its state of deliveries it
	// sent, settled by it or not. What was settled is finished already.
	OnSenderState(b *Batch, in InDelivery, settled bool, state wire.DeliveryState)
	// OnDetach is called once, when the link is over. Nothing comes after it.
	// Deliveries that were not settled are over too, and handed back.
	OnDetach(b *Batch, lost []InDelivery, e *wire.Error)
}

// Delivery is one frame of a delivery, as OnTransfer sees it.
type Delivery struct {
	Link    *Receiver
	ID      uint32 // delivery-id, in the session of Link
	Format  uint32 // message-format, on the first frame
	First   bool   // begins a delivery
	More    bool   // is not its last frame
	Aborted bool   // ends it without a message; it is finished already [2.7.5]
	Settled bool   // presettled: call [Receiver.Finish] once it has left
	State   wire.DeliveryState
	Payload []byte
	In      *buf.Ref // what Payload lies in: whoever holds it may keep Payload
}

// InDelivery is an unsettled delivery that came in, with what SetContext gave it.
type InDelivery struct {
	ID      uint32
	Context any
	Ref     uint32
}

// inRecord is an unsettled delivery that came in.
type inRecord struct {
	link    *Receiver
	context any
	ref     uint32
	born    uint16         // when it came, by the clock
	told    wire.StateKind // the terminal state that the sender heard, 0 for none
	flags   inFlags
}

// inFlags are what is or is not so of a delivery that came in.
type inFlags uint8

const (
	inExcused inFlags = 1 << iota // it counts no more for credit
	inDone                        // our side is settled; only its last frame is awaited
	inSaid                        // the sender has said a terminal state, which does not change any more [3.4]
	inSample                      // it is measured how long it takes
	inLeft                        // of a raw link: the sender has settled it, and the handler is about to hear of it
	inMidway                      // its last frame has not come, and its sender is to hear of its end behind that
)

func (r *inRecord) is(f inFlags) bool { return r.flags&f != 0 }

func newReceiver(s *Session, name string, h ReceiverHandler, a *Answer) *Receiver {
	l := &Receiver{h: h, second: a.RcvSettleMode == wire.RcvSecond, maxMessage: a.MaxMessageSize}
	l.link = link{session: s, name: name, recv: l}
	l.dry = s.conn.cfg.Clock.whole()
	return l
}

// acceptAttach takes over what the peer's attach says.
func (l *Receiver) acceptAttach(p *wire.Attach) {
	c := l.session.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	l.deliveryCount = p.InitialDeliveryCount.Or(0)
	l.limit, l.ceiling = l.deliveryCount, l.deliveryCount
	l.fromOne = l.deliveryCount == 1
	l.anchored = true
	l.extend()
}

// SetWindow says how many deliveries may be unfinished at a time. A smaller
// window takes no credit back, it only stops more: for that see [Receiver.Revoke].
func (l *Receiver) SetWindow(b *Batch, n uint32) {
	c := l.session.conn
	c.mu.Lock()
	if c.noCredit {
		n = 0
	}
	l.window = n
	l.extend()
	c.mu.Unlock()
	b.touch(c)
}

// Window is what SetWindow set.
func (l *Receiver) Window() uint32 {
	c := l.session.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	return l.window
}

// Revoke stops credit and takes back what was granted. What the sender had sent
// before it heard of that is still taken. [2.6.7]
func (l *Receiver) Revoke(b *Batch) {
	c := l.session.conn
	c.mu.Lock()
	l.revoke()
	c.mu.Unlock()
	b.touch(c)
}

// revokedSlack is how many deliveries beyond the highest limit ever told are taken
// once credit was taken back. Some senders, go-amqp among them, compute their credit
// without a sign: what crosses the flow makes it 4 billion instead of less than none,
// until they are told again, which begin sees to. They must not lose the link by it.
const revokedSlack = 2048

// revoke: the caller holds mu.
func (l *Receiver) revoke() {
	l.window = 0
	if !l.gone && serialLess(l.deliveryCount, l.limit) {
		if most := l.limit + revokedSlack; serialLess(l.ceiling, most) {
			l.ceiling = most
		}
		l.limit = l.deliveryCount
		l.noteFlow()
	}
}

// StopCredit revokes the credit of every link of the connection but one that is kept
// (nil if none is), and lets no link begin to give any. It may be called from any
// goroutine.
func (c *Conn) StopCredit(b *Batch, keep *Receiver) {
	c.mu.Lock()
	c.noCredit = true
	c.sessions.each(func(_ uint32, s *Session) {
		s.handles.each(func(_ uint32, l *link) {
			if l.recv != nil && l.recv != keep {
				l.recv.revoke()
			}
		})
	})
	c.mu.Unlock()
	b.touch(c)
}

// Unsettled is how many deliveries of the connection are not finished, in both
// directions. It may be called from any goroutine.
func (c *Conn) Unsettled() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := 0
	c.sessions.each(func(_ uint32, s *Session) {
		s.handles.each(func(_ uint32, l *link) {
			switch {
			case l.gone: // nothing more will be heard of its deliveries
			case l.recv != nil:
				n += int(l.recv.outstanding + l.recv.excused)
			default:
				n += int(l.send.outstanding)
			}
		})
	})
	return n
}

// extend notes that the sender should hear of more credit: when there is more by
// half of the window, or by more than what it has left. So a burst costs one flow,
// and credit never runs dry for want of one. Credit in rounds does, each time. The caller holds mu.
func (l *Receiver) extend() {
	if l.gone || l.flowPending || !l.anchored {
		return
	}
	gain := serialDiff(l.creditLimit(), l.limit)
	left := serialDiff(l.limit, l.deliveryCount)
	if left > 0 && l.session.conn.inRounds {
		return
	}
	if gain > 0 && (gain > left || uint32(gain) >= (l.window+1)/2) {
		l.noteFlow()
	}
}

// CreditInRounds has links, raw ones aside, tell more credit only when all that was told before
// is used. That is for a peer which takes the credit of a flow as it is and leaves out what is on
// its way to us inside of it: each flow before the end of a round would let it send the more
// beyond its credit, without bound. At the end nothing is left out. It may be called from any
// goroutine.
func (c *Conn) CreditInRounds() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.inRounds = true
}

// creditLimit is how far the sender may go by the state of things: never back
// behind what it was told. The caller holds mu.
func (l *Receiver) creditLimit() uint32 {
	if l.window <= l.outstanding {
		return l.limit
	}
	if to := l.deliveryCount + l.window - l.outstanding; serialLess(l.limit, to) {
		return to
	}
	return l.limit
}

func (l *Receiver) noteFlow() {
	if l.gone || l.flowPending {
		return
	}
	l.flowPending = true
	c := l.session.conn
	c.flowLinks = append(c.flowLinks, l)
}

// encodeFlow tells the credit. The caller holds mu.
func (l *Receiver) encodeFlow() {
	if l.gone || l.detached || l.session.over {
		return
	}
	l.limit = l.creditLimit()
	l.recount()
	l.session.widen(uint32(l.counted))
	most := l.limit
	if l.session.conn.cfg.Overrun {
		most += l.window
	}
	if serialLess(l.ceiling, most) {
		l.ceiling = most
	}
	f := l.session.flow()
	f.Handle = wire.Some(l.local)
	f.DeliveryCount = wire.Opt[uint32]{V: l.deliveryCount, OK: l.anchored}
	f.LinkCredit = wire.Some(uint32(l.counted))
	l.session.conn.appendFlow(l.session, &f)
}

// Forwarded says that an unsettled delivery has left, held bytes of it with it,
// and keeps a context for OnSenderState and OnDetach. False means that the
// delivery is over already.
func (l *Receiver) Forwarded(b *Batch, id uint32, context any, ref uint32, held int) bool {
	c := l.session.conn
	c.mu.Lock()
	l.unhold(held)
	r := l.record(id)
	alive := r != nil && !r.is(inDone)
	if alive {
		r.context, r.ref = context, ref
	}
	c.mu.Unlock()
	if held > 0 {
		b.touch(c)
	}
	return alive
}

// Parted says, when OnDetach is called, whether the sender left in peace: it closed the link,
// or ended the session or the connection, before we did and without an error. Its end of the
// link is gone for good then, and with it all that it knew of its deliveries.
func (l *Receiver) Parted() bool { return l.parted || l.session.parted || l.session.conn.parted }

// Finish counts a presettled delivery, which held bytes of payload, as finished.
func (l *Receiver) Finish(b *Batch, held int) {
	c := l.session.conn
	c.mu.Lock()
	l.unhold(held)
	l.finished(1)
	c.mu.Unlock()
	b.touch(c)
}

// Hold says that n more payload bytes of this link wait in the handler: the
// windows of the connection's sessions follow.
func (l *Receiver) Hold(n int) {
	c := l.session.conn
	c.mu.Lock()
	*l.session.holding() += n
	c.mu.Unlock()
	c.cfg.Budget.add(n)
}

// Crowded says whether so much of the link's connection (or session, if that
// counts by itself) waits in the handler that what need not wait should not.
func (l *Receiver) Crowded() bool {
	c := l.session.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	return *l.session.holding() >= heldLimit/2
}

// Unhold says that n bytes wait no longer.
func (l *Receiver) Unhold(b *Batch, n int) {
	c := l.session.conn
	c.mu.Lock()
	l.unhold(n)
	c.mu.Unlock()
	b.touch(c)
}

// unhold: the caller holds mu.
func (l *Receiver) unhold(n int) {
	c := l.session.conn
	held := l.session.holding()
	full := *held >= heldLimit
	*held -= n
	c.cfg.Budget.add(-n)
	switch {
	case full && *held < heldLimit && !l.session.alone:
		// Any session may have used up its window meanwhile, and found no room for
		// more: nothing else would ever tell its peer of it.
		c.sessions.each(func(_ uint32, s *Session) { s.extendWindow() })
	case n > 0:
		l.session.extendWindow()
	}
}

// finished counts deliveries that are over. The caller holds mu.
func (l *Receiver) finished(n uint32) {
	if l.outstanding < n {
		panic("amqp: more deliveries finished than began")
	}
	l.outstanding -= n
	l.extend()
}

// record is that of an unsettled delivery that came by this link; nil if it is over. The caller
// holds mu.
func (l *Receiver) record(id uint32) *inRecord {
	if r := l.session.incoming.get(id); r != nil && r.link == l {
		return r
	}
	return nil
}

// end counts an unsettled delivery as over, and removes its record. The caller holds mu.
func (l *Receiver) end(id uint32, r *inRecord) {
	l.over(r)
	l.session.incoming.remove(id)
}

// over counts an unsettled delivery as over. The caller holds mu.
func (l *Receiver) over(r *inRecord) {
	if r.is(inExcused) {
		l.excused--
		return
	}
	l.finished(1)
}

// Excuse gives back the credit of unsettled deliveries whose context (see
// [Receiver.Forwarded]) match picks, though they are not over: once each. It returns
// how many there were.
func (l *Receiver) Excuse(b *Batch, match func(context any) bool) (n int) {
	s := l.session
	c := s.conn
	c.mu.Lock()
	s.incoming.each(func(_ uint32, r *inRecord) {
		if r.link == l && !r.is(inExcused) && match(r.context) {
			r.flags |= inExcused
			l.excused++
			l.finished(1)
			n++
		}
	})
	c.mu.Unlock()
	b.touch(c)
	return n
}

// Update tells the sender the state of deliveries, settled or not; those that
// are over already are passed over. It returns how many were settled by it. An outcome
// or a settlement is said when the delivery's last frame has come: see early.
func (l *Receiver) Update(b *Batch, ids []uint32, settled bool, state wire.DeliveryState) int {
	return l.update(b, ids, settled, false, state)
}

// Lost settles deliveries whose receiver was lost, with the given state where the
// sender has not heard an outcome before: one that it has heard stands.
func (l *Receiver) Lost(b *Batch, ids []uint32, state wire.DeliveryState) int {
	return l.update(b, ids, true, true, state)
}

func (l *Receiver) update(b *Batch, ids []uint32, settled, lost bool, news wire.DeliveryState) int {
	c := l.session.conn
	n := 0
	c.mu.Lock()
	for _, id := range ids {
		r := l.record(id)
		if r == nil || r.is(inDone) {
			continue
		}
		if settled {
			n++
		}
		if r.is(inMidway) && l.hold(r, settled, lost, news) {
			continue
		}
		l.say(id, r, settled, lost, news)
	}
	c.mu.Unlock()
	b.touch(c)
	return n
}

// say tells the sender the state of a delivery. The caller holds mu.
func (l *Receiver) say(id uint32, r *inRecord, settled, lost bool, state wire.DeliveryState) {
	s := l.session
	c := s.conn
	stands := r.told != wire.StateNone && (lost || r.told != state.Kind)
	if stands {
		state = again(r.told)
	} else if state.Terminal() {
		r.told = state.Kind
	}
	if settled {
		l.countOutcome(r)
		l.end(id, r)
	} else if stands {
		return
	}
	c.noteDisposition(s, wire.RoleReceiver, id, settled, state)
}

// again is an outcome that was told before, as far as it can be said without what
// was in it: else nothing is, and the delivery is only settled.
func again(k wire.StateKind) wire.DeliveryState {
	if k == wire.StateAccepted || k == wire.StateReleased {
		return wire.DeliveryState{Kind: k}
	}
	return wire.DeliveryState{}
}
