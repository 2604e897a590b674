package meshtest

import (
	"encoding/binary"

	"github.com/meshway/meshway/internal/wire"
)

// Sender is a link by which a client sends messages.
type Sender struct {
	link
	opts SenderOptions

	draining      bool // the receiver has asked for it, and has no answer
	deliveryCount uint32
	limit         uint32
	queue         []*Out // not fully written, oldest first
	unsettled     int
}

// SenderOptions are what differs between senders.
type SenderOptions struct {
	Name      string // made up if empty
	Target    *wire.Target
	Source    *wire.Source
	Snd       wire.SenderSettleMode
	Rcv       wire.ReceiverSettleMode
	First     uint32 // initial-delivery-count
	NoTarget  bool   // leave the target out
	OnAttach  func(*wire.Attach)
	OnCredit  func()            // a flow has come
	OnFlow    func(*wire.Flow)  // before anything is made of it
	KeepDrain bool              // a drain is answered by Drained only
	OnState   func(o *Out)      // the other side said something of a delivery
	OnGone    func(*wire.Error) // the link is over, as are its deliveries
}

// To is a target.
func To(address string) *wire.Target { return &wire.Target{Address: wire.Some(address)} }

// From is a source.
func From(address string) *wire.Source { return &wire.Source{Address: wire.Some(address)} }

// Out is a delivery that we send.
type Out struct {
	Link    *Sender
	ID      uint32 // delivery-id, once begun
	Settled bool   // presettled
	Format  uint32
	Payload []byte
	Frame   int // most payload bytes of a frame; 0 is as many as fit
	// SettleAtEnd settles an unsettled delivery by its last frame. [2.7.5]
	SettleAtEnd bool
	Context     any
	Tag         []byte             // nil is one that is made up
	Saying      wire.DeliveryState // on its first frame
	Resume      bool

	// What became of it.
	Begun         bool
	Complete      bool // all frames are written
	Aborted       bool
	State         wire.DeliveryState // last said by the other side
	RemoteSettled bool
	LocalSettled  bool

	ready int // bytes that may be written
	sent  int
	abort bool
}

// AttachSender attaches a sender.
func (s *Session) AttachSender(o SenderOptions) *Sender {
	l := &Sender{opts: o, deliveryCount: o.First, limit: o.First}
	a := &wire.Attach{
		Name: o.Name, Role: wire.RoleSender, Source: o.Source, Target: o.Target,
		SndSettleMode: wire.Some(o.Snd), RcvSettleMode: wire.Some(o.Rcv),
		InitialDeliveryCount: wire.Some(o.First),
	}
	if a.Source == nil {
		a.Source = new(wire.Source)
	}
	if a.Target == nil && !o.NoTarget {
		a.Target = new(wire.Target)
	}
	s.attach(l, a)
	return l
}

// Credit is how many more deliveries may be sent.
func (l *Sender) Credit() uint32 {
	left := int32(l.limit - l.deliveryCount)
	for _, o := range l.queue {
		if !o.Begun {
			left--
		}
	}
	return uint32(max(left, 0))
}

// Presume has the sender act as if it had been given n more credit than it was.
func (l *Sender) Presume(n uint32) { l.limit += n }

// Room is Credit without regard to what was given to Send and is not begun.
func (l *Sender) Room() uint32 { return l.limit - l.deliveryCount }

// Unsettled is how many of its deliveries are begun and not over.
func (l *Sender) Unsettled() int { return l.unsettled }

// Writing says that a delivery is not fully written.
func (l *Sender) Writing() bool { return len(l.queue) > 0 }

// Send sends a message whole, frame by frame as the window allows.
func (l *Sender) Send(o *Out) *Out {
	o.ready = len(o.Payload)
	return l.Start(o)
}

// Start begins a message of which no more leaves than [Out.Write] says.
func (l *Sender) Start(o *Out) *Out {
	o.Link = l
	l.queue = append(l.queue, o)
	l.Session.pump()
	return o
}

// Write lets n more bytes of the message leave; all of them end it.
func (o *Out) Write(n int) {
	o.ready = min(o.ready+n, len(o.Payload))
	o.Link.Session.pump()
}

// Ready says that all of the message may leave.
func (o *Out) Ready() bool { return o.ready == len(o.Payload) }

// Left is how many bytes have not left.
func (o *Out) Left() int { return len(o.Payload) - o.sent }

// Abort breaks the message off, if it is not complete.
func (o *Out) Abort() {
	if !o.Complete {
		o.abort = true
		o.Link.Session.pump()
	}
}

// Settle settles the delivery on our side, with a state or without.
func (o *Out) Settle(state wire.DeliveryState) {
	l := o.Link
	if !l.Usable() || l.Session.sent[o.ID] != o {
		return
	}
	o.over()
	l.Session.Client.write(l.Session.local, &wire.Disposition{Role: wire.RoleSender, First: o.ID, Settled: true, State: state})
}

// Say tells the receiver a state of the delivery, which is not settled by that.
func (o *Out) Say(state wire.DeliveryState) {
	s := o.Link.Session
	s.Client.write(s.local, &wire.Disposition{Role: wire.RoleSender, First: o.ID, State: state})
}

// over forgets the delivery as settled by us.
func (o *Out) over() {
	o.LocalSettled = true
	o.Link.forget(o)
}

func (l *Sender) forget(o *Out) {
	if l.Session.sent[o.ID] == o {
		delete(l.Session.sent, o.ID)
		l.unsettled--
	}
}

// Flow tells the other side our state; with echo it answers with its own.
func (l *Sender) Flow(echo bool) {
	if !l.Live() {
		return
	}
	l.Session.flow(&wire.Flow{
		Handle: wire.Some(l.handle), DeliveryCount: wire.Some(l.deliveryCount),
		LinkCredit: wire.Some(l.limit - l.deliveryCount), Available: wire.Some[uint32](0), Echo: echo,
	})
}

// pump writes what may leave, one frame of each link in turn.
func (s *Session) pump() {
	if !s.begun || !s.Usable() {
		return
	}
	for again := true; again; {
		again = false
		for _, e := range s.links {
			if l, ok := e.(*Sender); ok && l.writeFrame() {
				again = true
			}
		}
	}
}

// writeFrame writes one frame, if there is one that may leave.
func (l *Sender) writeFrame() bool {
	s := l.Session
	if l.detaching || len(l.queue) == 0 {
		return false
	}
	o := l.queue[0]
	if o.abort && !o.Begun {
		o.Aborted, l.queue = true, l.queue[1:]
		return true
	}
	if s.window == 0 || !o.abort && o.sent == o.ready && o.ready < len(o.Payload) || !o.Begun && l.limit == l.deliveryCount {
		return false
	}
	t := wire.Transfer{Handle: l.handle}
	if !o.Begun {
		l.begin(o, &t)
	}
	per := s.Client.maxFrame() - transferHead
	if o.Frame > 0 {
		per = min(per, o.Frame)
	}
	part := o.Payload[o.sent:min(o.sent+per, o.ready)]
	o.sent += len(part)
	switch {
	case o.abort:
		part, t.Aborted, o.Aborted = nil, true, true
	case o.sent == len(o.Payload):
		o.Complete = true
		if o.SettleAtEnd && !o.Settled {
			t.Settled, o.Settled = wire.Some(true), true
		}
	default:
		t.More = true
	}
	s.nextOut++
	s.window--
	s.Client.out = wire.AppendTransferFrame(s.Client.out, s.local, &t, part)
	s.Client.send()
	if !t.More {
		l.queue = l.queue[1:]
		if o.Settled || o.Aborted {
			l.forget(o)
		}
	}
	return true
}

// transferHead bounds what a transfer frame has before its payload.
const transferHead = 64

func (l *Sender) begin(o *Out, t *wire.Transfer) {
	s := l.Session
	o.Begun, o.ID = true, s.nextDelivery
	s.nextDelivery++
	l.deliveryCount++
	t.DeliveryID, t.MessageFormat = wire.Some(o.ID), wire.Some(o.Format)
	t.DeliveryTag, t.State, t.Resume = o.Tag, o.Saying, o.Resume
	if o.Tag == nil {
		t.DeliveryTag = binary.BigEndian.AppendUint32(nil, o.ID)
	}
	if o.Settled {
		t.Settled = wire.Some(true)
	} else {
		s.sent[o.ID] = o
		l.unsettled++
	}
}

// Drained gives back what is left of the credit.
func (l *Sender) Drained() {
	l.draining = false
	l.deliveryCount = l.limit
	l.Flow(false)
}

// Draining says that the receiver wants its credit used up or given back.
func (l *Sender) Draining() bool { return l.draining }

// FlowWith is Flow with other fields: those of the session and the handle aside.
func (l *Sender) FlowWith(f wire.Flow) {
	f.Handle, f.DeliveryCount, f.LinkCredit = wire.Some(l.handle), wire.Some(l.deliveryCount), wire.Some(l.limit-l.deliveryCount)
	l.Session.flow(&f)
}

func (l *Sender) recvFlow(p *wire.Flow) {
	if l.opts.OnFlow != nil {
		l.opts.OnFlow(p)
	}
	if !p.LinkCredit.OK {
		return
	}
	count := p.DeliveryCount.Or(l.opts.First)
	if int32(l.deliveryCount-count) < 0 {
		l.Session.Client.fault("link %q: delivery-count is %d, %d were sent", l.Name, count, l.deliveryCount)
	}
	l.limit = count + p.LinkCredit.V
	if int32(l.limit-l.deliveryCount) < 0 {
		l.limit = l.deliveryCount // reduced below what is on its way
	}
	l.draining = p.Drain
	if p.Drain && !l.opts.KeepDrain {
		l.Drained()
	}
	if l.opts.OnCredit != nil {
		l.opts.OnCredit()
	}
}

// recvOutcome takes what the other side says of a delivery that we sent.
func (s *Session) recvOutcome(id uint32, p *wire.Disposition) {
	o := s.sent[id]
	if o == nil {
		// What we settled or aborted may be spoken of by a frame that crossed ours.
		switch {
		case int32(s.nextDelivery-id) <= 0:
			s.Client.fault("disposition of delivery %d, the last sent is %d", id, s.nextDelivery-1)
		case s.sentOver[id]:
			s.Client.fault("disposition (%v, settled %v) of delivery %d, which was over", p.State.Kind, p.Settled, id)
		}
		return
	}
	if !o.Complete && !o.Aborted && (p.Settled || p.State.Terminal()) {
		// Clients wait for ever for an outcome that they heard too early.
		s.Client.fault("disposition (%v, settled %v) of delivery %d before its last frame", p.State.Kind, p.Settled, id)
	}
	if p.State.Kind != wire.StateNone {
		o.State = p.State.Clone()
	}
	o.RemoteSettled = p.Settled
	if p.Settled {
		s.sentOver[id] = true
		o.Link.forget(o)
	}
	if o.Link.opts.OnState != nil {
		o.Link.opts.OnState(o)
	}
}

func (l *Sender) finish(e *wire.Error, _ bool) {
	if l.gone {
		return
	}
	l.gone = true
	for id, o := range l.Session.sent {
		if o.Link == l {
			delete(l.Session.sent, id)
			l.Session.sentOver[id] = true
		}
	}
	l.queue = nil
	if l.opts.OnGone != nil {
		l.opts.OnGone(e)
	}
}
