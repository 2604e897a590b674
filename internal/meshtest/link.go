package meshtest

import (
	"github.com/meshway/meshway/internal/wire"
)

// link is what both ends have in common.
type link struct {
	Session *Session
	Name    string

	// Answer is the other side's attach, nil until it came.
	Answer *wire.Attach

	handle    uint32
	remote    uint32
	role      wire.Role
	detaching bool // we sent detach
	Closed    bool // the other side's detach closed the link
	gone      bool
}

func (l *link) common() *link { return l }

// Live says that the link was answered and neither side has ended it.
func (l *link) Live() bool { return l.Answer != nil && l.Usable() }

// Usable is Live, but for an answer that has not come yet.
func (l *link) Usable() bool { return !l.detaching && !l.gone && l.Session.Usable() }

// Gone says that the link is over on both sides.
func (l *link) Gone() bool { return l.gone }

// Detach ends the link; it is gone when the other side has answered.
func (l *link) Detach(closed bool, e *wire.Error) {
	if l.Usable() {
		l.detaching = true
		l.Session.Client.write(l.Session.local, &wire.Detach{Handle: l.handle, Closed: closed, Error: e})
	}
}

func (s *Session) attach(e end, a *wire.Attach) {
	l := e.common()
	l.Session, l.role = s, a.Role
	l.handle = uint32(place(&s.links, e))
	a.Handle = l.handle
	if l.Name = a.Name; a.Name == "" {
		s.names++
		l.Name = s.Client.Name + "-" + nameOf(uint32(s.local)) + "-" + nameOf(uint32(s.names))
		a.Name = l.Name
	}
	if s.Usable() {
		s.Client.write(s.local, a)
	}
}

// nameOf writes a number in letters.
func nameOf(n uint32) string {
	name := string(rune('a' + n%26))
	if n >= 26 {
		name = nameOf(n/26-1) + name
	}
	return name
}

func (s *Session) recvAttach(p *wire.Attach) {
	for _, e := range s.links {
		if e == nil {
			continue
		}
		l := e.common()
		if l.Name != p.Name || l.role == p.Role || l.Answer != nil {
			continue
		}
		if s.byRemote[p.Handle] != nil {
			s.Client.fault("attach %q: handle %d is in use", p.Name, p.Handle)
		}
		l.Answer, l.remote = p, p.Handle
		s.byRemote[p.Handle] = e
		switch e := e.(type) {
		case *Sender:
			if e.opts.OnAttach != nil {
				e.opts.OnAttach(p)
			}
		case *Receiver:
			e.attached(p)
		}
		return
	}
	if s.Client.opts.OnAttach != nil {
		s.Client.opts.OnAttach(s, p)
		return
	}
	if accept := s.Client.opts.Accept; accept != nil && p.Role == wire.RoleSender {
		s.accept(p, accept(p))
		return
	}
	s.Client.fault("attach %q answers none of ours", p.Name)
}

// accept answers an attach of the other side's sender.
func (s *Session) accept(p *wire.Attach, o ReceiverOptions) {
	o.Snd, o.Rcv = p.SndSettleMode.Or(wire.SndMixed), p.RcvSettleMode.Or(wire.RcvFirst)
	l := &Receiver{opts: o}
	s.attach(l, &wire.Attach{
		Name: p.Name, Role: wire.RoleReceiver, Source: p.Source, Target: p.Target, SndSettleMode: wire.Some(o.Snd), RcvSettleMode: wire.Some(o.Rcv),
	})
	l.Answer, l.remote = p, p.Handle
	s.byRemote[p.Handle] = l
	l.attached(p)
	if o.Credit > 0 {
		l.SetCredit(o.Credit)
	}
}

func (s *Session) recvDetach(p *wire.Detach) {
	e := s.byRemote[p.Handle]
	if s.thinking[p.Handle] {
		delete(s.thinking, p.Handle)
		return
	}
	if e == nil {
		s.Client.fault("detach of handle %d, which is not attached", p.Handle)
		return
	}
	l := e.common()
	l.Closed = p.Closed
	l.Detach(p.Closed, nil)
	delete(s.byRemote, p.Handle)
	s.links[l.handle] = nil
	e.finish(p.Error, false)
}
