package meshtest

import (
	"github.com/meshway/meshway/internal/wire"
)

// Receiver is a link by which a client receives messages.
type Receiver struct {
	link
	opts ReceiverOptions

	deliveryCount uint32
	limit         uint32 // told last
	ceiling       uint32 // highest ever told
	draining      bool
	partial       *In
	unsettled     int
}

// ReceiverOptions are what differs between receivers.
type ReceiverOptions struct {
	Name   string // made up if empty
	Source *wire.Source
	Target *wire.Target
	Snd    wire.SenderSettleMode
	Rcv    wire.ReceiverSettleMode
	Credit uint32 // given at once, without waiting for the answer
	// Largest is the max-message-size of the attach, which is checked; 0 is none.
	Largest uint64

	OnAttach   func(*wire.Attach)
	OnTransfer func(d *In, payload []byte) // a frame has come; payload is valid during the call
	OnFlow     func(*wire.Flow)            // before anything is made of it
	OnState    func(d *In)                 // the sender said something of a delivery
	OnDrained  func(back uint32)           // a drain was answered; back is the credit that was not used
	OnGone     func(*wire.Error)           // the link is over, as are its deliveries
}

// In is a delivery that we receive.
type In struct {
	Link    *Receiver
	ID      uint32
	Tag     string
	Format  uint32
	Settled bool // presettled
	Resume  bool
	Size    int // payload bytes so far
	Context any

	Complete      bool
	Aborted       bool
	LocalSettled  bool
	RemoteSettled bool
	State         wire.DeliveryState // last said by the sender
	Said          wire.DeliveryState // last said by us
}

// AttachReceiver attaches a receiver.
func (s *Session) AttachReceiver(o ReceiverOptions) *Receiver {
	l := &Receiver{opts: o}
	a := &wire.Attach{
		Name: o.Name, Role: wire.RoleReceiver, Source: o.Source, Target: o.Target,
		SndSettleMode: wire.Some(o.Snd), RcvSettleMode: wire.Some(o.Rcv),
		MaxMessageSize: wire.Opt[uint64]{V: o.Largest, OK: o.Largest > 0},
	}
	if a.Target == nil {
		a.Target = new(wire.Target)
	}
	s.attach(l, a)
	if o.Credit > 0 {
		l.SetCredit(o.Credit)
	}
	return l
}

// attached takes over what the answer says. Credit that was given without
// waiting for it stays what it was: a count of deliveries.
func (l *Receiver) attached(p *wire.Attach) {
	first := p.InitialDeliveryCount.V
	l.deliveryCount += first
	l.limit += first
	l.ceiling += first
	if l.opts.OnAttach != nil {
		l.opts.OnAttach(p)
	}
}

// Credit is how many more deliveries may come.
func (l *Receiver) Credit() uint32 { return l.limit - l.deliveryCount }

// Draining says that a drain was not answered yet.
func (l *Receiver) Draining() bool { return l.draining }

// Partial is the delivery whose last frame has not come, nil if none.
func (l *Receiver) Partial() *In { return l.partial }

// Unsettled is how many of its deliveries are not over.
func (l *Receiver) Unsettled() int { return l.unsettled }

// SetCredit says how many deliveries may come from now on.
func (l *Receiver) SetCredit(n uint32) { l.credit(n, false) }

// FlowWith gives n credit with other fields of f: those of the session, the handle and
// the counts aside.
func (l *Receiver) FlowWith(n uint32, f wire.Flow) {
	l.limit = l.deliveryCount + n
	l.ceiling = max(l.ceiling, l.limit)
	l.draining = f.Drain
	f.Handle, f.DeliveryCount, f.LinkCredit = wire.Some(l.handle), wire.Some(l.deliveryCount), wire.Some(n)
	l.Session.flow(&f)
}

// Drain is SetCredit, and asks that what of it cannot be used be given back.
func (l *Receiver) Drain(n uint32) { l.credit(n, true) }

func (l *Receiver) credit(n uint32, drain bool) {
	if !l.Usable() {
		return
	}
	l.limit = l.deliveryCount + n
	if int32(l.limit-l.ceiling) > 0 {
		l.ceiling = l.limit
	}
	l.draining = drain
	l.Session.flow(&wire.Flow{
		Handle: wire.Some(l.handle), DeliveryCount: wire.Opt[uint32]{V: l.deliveryCount, OK: l.Answer != nil},
		LinkCredit: wire.Some(n), Drain: drain,
	})
}

// Settle says what became of the delivery, and settles it or not.
func (d *In) Settle(state wire.DeliveryState, settled bool) {
	d.Said = state
	d.Link.Session.Disposition(wire.RoleReceiver, d.ID, d.ID, settled, state)
}

// over forgets the delivery as settled by us.
func (d *In) over() {
	d.LocalSettled = true
	d.Link.forget(d)
}

func (l *Receiver) forget(d *In) {
	if l.Session.taken[d.ID] == d {
		delete(l.Session.taken, d.ID)
		l.unsettled--
	}
}

// recvTransfer checks and takes one transfer frame.
func (s *Session) recvTransfer(p *wire.Transfer, payload []byte) {
	if s.nextIn == s.granted {
		s.Client.fault("transfer past the window of the session")
	}
	s.nextIn++
	if left := s.granted - s.nextIn; !s.opts.KeepWindow && left <= s.opts.Window/2 {
		s.Grant(s.opts.Window)
	}
	l, ok := s.byRemote[p.Handle].(*Receiver)
	if !ok {
		s.Client.fault("transfer on handle %d, where no receiver of ours is", p.Handle)
		return
	}
	d := l.partial
	if d == nil {
		d = l.begin(p)
	} else if p.DeliveryID.OK && p.DeliveryID.V != d.ID {
		s.Client.fault("link %q: delivery %d inside of delivery %d", l.Name, p.DeliveryID.V, d.ID)
	}
	d.Size += len(payload)
	if l.opts.Largest > 0 && uint64(d.Size) > l.opts.Largest {
		s.Client.fault("link %q: %d bytes of delivery %d have come, max-message-size is %d", l.Name, d.Size, d.ID, l.opts.Largest)
	}
	l.partial = d
	if p.Settled.V && !d.Settled {
		d.Settled, d.RemoteSettled = true, true
		l.forget(d)
	}
	if !p.More || p.Aborted {
		l.partial = nil
		d.Complete, d.Aborted = !p.Aborted, p.Aborted
	}
	if p.Aborted {
		l.forget(d)
	}
	if l.opts.OnTransfer != nil {
		l.opts.OnTransfer(d, payload)
	}
}

// begin checks and takes the first frame of a delivery.
func (l *Receiver) begin(p *wire.Transfer) *In {
	s := l.Session
	d := &In{Link: l, ID: p.DeliveryID.V, Tag: string(p.DeliveryTag), Format: p.MessageFormat.V, Settled: p.Settled.V, Resume: p.Resume, State: p.State.Clone()}
	switch {
	case !p.DeliveryID.OK || p.DeliveryTag == nil:
		s.Client.fault("link %q: a delivery begins without id or tag", l.Name)
	case s.anyTaken && d.ID != s.nextTaken:
		s.Client.fault("link %q: delivery %d, expected %d", l.Name, d.ID, s.nextTaken)
	}
	s.anyTaken, s.nextTaken = true, d.ID+1
	for _, o := range s.taken {
		if o.Link == l && o.Tag == d.Tag {
			s.Client.fault("link %q: deliveries %d and %d have the same tag", l.Name, o.ID, d.ID)
		}
	}
	if l.deliveryCount == l.ceiling {
		s.Client.fault("link %q: delivery %d without credit", l.Name, d.ID)
		l.ceiling++
	}
	if l.deliveryCount == l.limit {
		l.limit++ // on its way when credit was taken back
	}
	l.deliveryCount++
	if mode := l.opts.Snd; mode == wire.SndSettled && !d.Settled || mode == wire.SndUnsettled && d.Settled {
		s.Client.fault("link %q: delivery %d is settled: %v, against the link's mode", l.Name, d.ID, d.Settled)
	}
	if !d.Settled {
		s.taken[d.ID] = d
		l.unsettled++
	}
	return d
}

// recvFlow takes the sender's state: credit comes back after a drain.
func (l *Receiver) recvFlow(p *wire.Flow) {
	if l.opts.OnFlow != nil {
		l.opts.OnFlow(p)
	}
	if !p.DeliveryCount.OK {
		l.Session.Client.fault("link %q: a sender's flow without delivery-count", l.Name)
		return
	}
	back := int32(p.DeliveryCount.V - l.deliveryCount)
	switch {
	case back < 0:
		l.Session.Client.fault("link %q: delivery-count is %d, %d have come", l.Name, p.DeliveryCount.V, l.deliveryCount)
	case back > 0 && !l.draining:
		l.Session.Client.fault("link %q: %d credit came back that nobody asked for", l.Name, back)
	case int32(p.DeliveryCount.V-l.ceiling) > 0:
		l.Session.Client.fault("link %q: delivery-count %d is past the limit %d", l.Name, p.DeliveryCount.V, l.ceiling)
	}
	if !l.draining {
		return
	}
	l.deliveryCount = p.DeliveryCount.V
	if l.deliveryCount == l.limit {
		l.draining = false
		if l.opts.OnDrained != nil {
			l.opts.OnDrained(uint32(max(back, 0)))
		}
	}
}

// recvSenderState takes what the sender says of a delivery that we received.
func (s *Session) recvSenderState(id uint32, p *wire.Disposition) {
	d := s.taken[id]
	if d == nil {
		switch {
		case !s.anyTaken || int32(s.nextTaken-id) <= 0:
			s.Client.fault("the sender speaks of delivery %d, which has not come", id)
		case s.takenOver[id]:
			s.Client.fault("the sender speaks of delivery %d, which was over", id)
		}
		return
	}
	d.State = p.State.Clone()
	if p.Settled {
		d.RemoteSettled = true
		s.takenOver[id] = true
		d.Link.forget(d)
	}
	if d.Link.opts.OnState != nil {
		d.Link.opts.OnState(d)
	}
}

func (l *Receiver) finish(e *wire.Error, _ bool) {
	if l.gone {
		return
	}
	l.gone = true
	for id, d := range l.Session.taken {
		if d.Link == l {
			delete(l.Session.taken, id)
			l.Session.takenOver[id] = true
		}
	}
	if l.opts.OnGone != nil {
		l.opts.OnGone(e)
	}
}
