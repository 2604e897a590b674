package meshtest

import "github.com/meshway/meshway/internal/wire"

// TakeSender answers an attach of the other side's sender: we receive. a is the answer but
// for name, handle and role; nil says what the attach said.
func (s *Session) TakeSender(p *wire.Attach, a *wire.Attach, o ReceiverOptions) *Receiver {
	o.Snd, o.Rcv = p.SndSettleMode.Or(wire.SndMixed), p.RcvSettleMode.Or(wire.RcvFirst)
	l := &Receiver{opts: o}
	s.take(l, p, a, wire.RoleReceiver)
	l.attached(p)
	if o.Credit > 0 {
		l.SetCredit(o.Credit)
	}
	return l
}

// TakeReceiver answers an attach of the other side's receiver: we send, as TakeSender does.
func (s *Session) TakeReceiver(p *wire.Attach, a *wire.Attach, o SenderOptions) *Sender {
	l := &Sender{opts: o, deliveryCount: o.First, limit: o.First}
	if a == nil {
		echo := *p
		a = &echo
	}
	a.InitialDeliveryCount = wire.Some(o.First)
	s.take(l, p, a, wire.RoleSender)
	if o.OnAttach != nil {
		o.OnAttach(p)
	}
	return l
}

// Refuse answers an attach with nothing on our side, and a detach behind it. [2.6.3]
func (s *Session) Refuse(p *wire.Attach, e *wire.Error) {
	if p.Role == wire.RoleSender {
		s.TakeSender(p, &wire.Attach{Source: p.Source}, ReceiverOptions{}).Detach(true, e)
	} else {
		s.TakeReceiver(p, &wire.Attach{Target: p.Target}, SenderOptions{}).Detach(true, e)
	}
}

// Think leaves an attach of the other side without an answer: until TakeSender or
// TakeReceiver, if ever.
func (s *Session) Think(p *wire.Attach) {
	if s.thinking == nil {
		s.thinking = make(map[uint32]bool)
	}
	s.thinking[p.Handle] = true
}

func (s *Session) take(e end, p, a *wire.Attach, role wire.Role) {
	answer := *p
	if a != nil {
		answer = *a
	}
	answer.Name, answer.Role = p.Name, role
	if role == wire.RoleReceiver {
		answer.InitialDeliveryCount = wire.Opt[uint32]{}
	}
	s.attach(e, &answer)
	l := e.common()
	l.Answer, l.remote = p, p.Handle
	delete(s.thinking, p.Handle)
	s.byRemote[p.Handle] = e
}

// AttachSenderWith is AttachSender with an attach of the story's own; the handle aside.
func (s *Session) AttachSenderWith(a *wire.Attach, o SenderOptions) *Sender {
	o.First = a.InitialDeliveryCount.Or(0)
	a.InitialDeliveryCount = wire.Some(o.First)
	a.Role = wire.RoleSender
	l := &Sender{opts: o, deliveryCount: o.First, limit: o.First}
	s.attach(l, a)
	return l
}

// AttachReceiverWith is AttachReceiver with an attach of the story's own; the handle aside.
func (s *Session) AttachReceiverWith(a *wire.Attach, o ReceiverOptions) *Receiver {
	o.Snd, o.Rcv = a.SndSettleMode.Or(wire.SndMixed), a.RcvSettleMode.Or(wire.RcvFirst)
	a.Role = wire.RoleReceiver
	l := &Receiver{opts: o}
	s.attach(l, a)
	if o.Credit > 0 {
		l.SetCredit(o.Credit)
	}
	return l
}
