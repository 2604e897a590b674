package amqp

import (
	"errors"
	"fmt"

	"github.com/meshway/meshway/internal/wire"
)

// link is what both kinds of link have in common. [2.6]
type link struct {
	session *Session
	recv    *Receiver // exactly one of the two is set:
	send    *Sender   // which end of the link we are
	raw     *RawLink  // set if somebody else stands behind it

	// Immutable once attached on our side.
	name  string
	local uint32 // our handle

	// Owned by the reader.
	remote uint32 // the peer's handle
	parted bool   // it closed the link, for no other reason than that it was done

	// Guarded by conn.mu.
	attached bool // the peer's attach has arrived
	detached bool // we sent detach
	gone     bool // the link is over: nothing is sent or counted any more
}

// Name is the link's name.
func (l *link) Name() string { return l.name }

// Conn is the connection that the link is on.
func (l *link) Conn() *Conn { return l.session.conn }

func (l *link) role() wire.Role {
	if l.recv != nil {
		return wire.RoleReceiver
	}
	return wire.RoleSender
}

// recvAttach handles an attach: a new link, or the answer to ours. [2.7.3] odd says what
// is wrong with one of its termini, nil if nothing is: that costs the link alone.
func (c *Conn) recvAttach(w *work, ch uint16, p *wire.Attach, odd *wire.TerminusError) error {
	s, err := c.session(ch, wire.CodeAttach)
	if err != nil {
		return err
	}
	if s.ended() {
		return nil
	}
	if p.Handle > ourHandleMax {
		return connFault(wire.CondFramingError, "attach %q: handle %d is above handle-max %d", p.Name, p.Handle, ourHandleMax)
	}
	if s.byHandle.get(p.Handle) != nil {
		return s.fault(wire.CondHandleInUse, "attach %q: handle %d is in use", p.Name, p.Handle)
	}
	if p.Role == wire.RoleSender && !p.InitialDeliveryCount.OK {
		// [2.7.3] "must not be null if role is sender"
		return s.fault(wire.CondInvalidField, "attach %q: a sender must set initial-delivery-count", p.Name)
	}
	if l := c.findLink(s, p.Name, p.Role, false); l != nil {
		return c.attachAnswered(w, l, p, odd)
	}
	among := s
	if !c.cfg.BetweenRouters {
		among = nil
	}
	if old := c.findLink(among, p.Name, p.Role, true); old != nil {
		// [2.6.1] The name is taken by a link that lives: the new attach steals it.
		c.h.OnFault(c, fmt.Sprintf("link %q", old.name), newError(wire.CondStolen, "attached again on channel %d", ch))
		old.detach(&w.batch, newError(wire.CondStolen, "the link %q was attached again", p.Name), true)
		old.finish(w, newError(wire.CondStolen, "the link was attached again"))
	}
	r := &w.request
	*r = AttachRequest{Attach: p, Session: s}
	if odd != nil {
		e := newError(odd.Condition(), "%v", odd)
		c.h.OnFault(c, fmt.Sprintf("link %q", p.Name), e)
		r.Refuse(&w.batch, e)
		return nil
	}
	c.h.OnAttach(&w.batch, r)
	c.mu.Lock()
	c.withheld = false
	c.mu.Unlock()
	w.batch.touch(c)
	if !r.answered {
		r.Refuse(&w.batch, newError(wire.CondInternalError, "the attach was not answered"))
	}
	return nil
}

// ended says whether we ended the session; what still comes on it is ignored.
func (s *Session) ended() bool {
	s.conn.mu.Lock()
	defer s.conn.mu.Unlock()
	return s.over
}

// findLink finds a live link by name whose peer has the given role. With
// attached unset it looks in s for one of ours that waits for its answer, be it that
// we have detached it meanwhile.
func (c *Conn) findLink(in *Session, name string, peer wire.Role, attached bool) *link {
	c.mu.Lock()
	defer c.mu.Unlock()
	var found *link
	look := func(_ uint32, s *Session) {
		if in != nil && s != in || found != nil {
			return
		}
		l := s.names.get(name, peer)
		if l != nil && l.attached == attached && !l.gone && (!l.detached || !attached) {
			found = l
		}
	}
	c.sessions.each(look)
	return found
}

// AttachRequest is a link that the peer wants to attach. Answer it with one of
// its methods, once, from [Handler.OnAttach]. It is valid during that call, as are Attach, its
// Source and its Target: who keeps one makes a copy.
type AttachRequest struct {
	Attach   *wire.Attach
	Session  *Session
	answered bool
}

// Conn is the connection on which the request came.
func (r *AttachRequest) Conn() *Conn { return r.Session.conn }

// Answer is what our side of an attach says.
type Answer struct {
	Source         *wire.Source
	Target         *wire.Target
	SndSettleMode  wire.SenderSettleMode
	RcvSettleMode  wire.ReceiverSettleMode
	MaxMessageSize uint64 // bytes; 0 is no limit
	Properties     wire.Map
	Offered        []wire.Symbol
	Desired        []wire.Symbol
}

// attach is the answer as the link's attach.
func (a *Answer) attach(l *link) wire.Attach {
	p := wire.Attach{
		Name: l.name, Handle: l.local, Role: l.role(), Source: a.Source, Target: a.Target,
		SndSettleMode: wire.Some(a.SndSettleMode), RcvSettleMode: wire.Some(a.RcvSettleMode),
		Properties: a.Properties, OfferedCapabilities: a.Offered, DesiredCapabilities: a.Desired,
	}
	if a.MaxMessageSize > 0 {
		p.MaxMessageSize = wire.Some(a.MaxMessageSize)
	}
	if p.Role == wire.RoleSender {
		p.InitialDeliveryCount = wire.Some[uint32](0)
	}
	return p
}

// AcceptReceiver makes us the receiver of the peer's sender. It gets no credit
// until [Receiver.SetWindow].
func (r *AttachRequest) AcceptReceiver(b *Batch, h ReceiverHandler, a *Answer) (*Receiver, error) {
	l := newReceiver(r.Session, r.Attach.Name, h, a)
	l.acceptAttach(r.Attach)
	if err := r.accept(b, &l.link, a); err != nil {
		return nil, err
	}
	return l, nil
}

// AcceptSender makes us the sender for the peer's receiver.
func (r *AttachRequest) AcceptSender(b *Batch, h SenderHandler, a *Answer) (*Sender, error) {
	l := newSender(r.Session, r.Attach.Name, h, a)
	l.acceptAttach(r.Attach)
	if err := r.accept(b, &l.link, a); err != nil {
		return nil, err
	}
	return l, nil
}

func (r *AttachRequest) accept(b *Batch, l *link, a *Answer) error {
	r.answered = true
	c := r.Session.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := r.place(l, a); err != nil {
		if err == errTooLong {
			r.refuse(newError(wire.CondFrameSizeTooSmall, "attach %q: %v", l.name, err))
			b.touch(c)
		}
		return err
	}
	l.attached = true
	l.remote = r.Attach.Handle
	r.Session.byHandle.set(l.remote, l)
	c.joined(l)
	c.withheld = true
	b.touch(c)
	return nil
}

// joined counts a link that lives from now on. The caller holds mu.
func (c *Conn) joined(l *link) {
	if l.send != nil {
		c.flights.join(l.send)
	}
}

// place gives the link a handle of ours and answers the attach, unless a is nil. When the peer's
// handle-max leaves no handle the session ends; for an answer that does not fit into its frames
// the error is errTooLong. The caller holds mu.
func (r *AttachRequest) place(l *link, a *Answer) error {
	s := r.Session
	if s.over {
		return errSessionOver
	}
	if err := s.place(l); err != nil {
		r.endSession(wire.CondResourceLimitExceeded, err)
		return err
	}
	if a != nil {
		if p := a.attach(l); !s.appendAttach(&p) {
			s.displace(l)
			return errTooLong
		}
	}
	return nil
}

// endSession ends the session of an attach that cannot be answered at all. The caller holds mu.
func (r *AttachRequest) endSession(cond wire.Symbol, err error) {
	s := r.Session
	s.conn.appendFrame(s.local, &wire.End{Error: newError(cond, "attach %q: %v", r.Attach.Name, err)})
	s.over = true
}

var (
	errSessionOver = errors.New("the session is over")
	errConnOver    = errors.New("begin: the connection is over")
	errNameInUse   = errors.New("a link of that name is on the session, and is not detached yet")
	errTooLong     = errors.New("the attach is longer than a frame that the peer takes")
)

// Refuse answers the attach with nothing on our side, and a detach with the
// reason behind it. [2.6.3]
func (r *AttachRequest) Refuse(b *Batch, e *wire.Error) {
	r.answered = true
	c := r.Session.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	r.refuse(e)
	b.touch(c)
}

// refuse is Refuse. Where the peer's frames have no room for its own side in our answer that is left
// out; where they have none for the name of the link, the session ends. The caller holds mu.
func (r *AttachRequest) refuse(e *wire.Error) {
	s := r.Session
	a := Answer{}
	var l *link
	if r.Attach.Role == wire.RoleSender {
		a.Source = r.Attach.Source
		l = &newReceiver(s, r.Attach.Name, nil, &a).link
	} else {
		a.Target = r.Attach.Target
		l = &newSender(s, r.Attach.Name, nil, &a).link
	}
	l.attached, l.detached, l.gone, l.remote = true, true, true, r.Attach.Handle
	err := r.place(l, &a)
	if err == errTooLong {
		err = r.place(l, &Answer{})
	}
	if err == errTooLong {
		r.endSession(wire.CondFrameSizeTooSmall, err)
	}
	if err != nil {
		return
	}
	s.names.remove(l)
	s.byHandle.set(l.remote, l)
	s.conn.appendFrame(s.local, &wire.Detach{Handle: l.local, Closed: true, Error: e})
}

// AttachReceiver attaches a link by which messages come to us. It may be called
// from any goroutine. If the handler has a method Attaching(*Receiver), it gets the link
// before anybody else; if it has a method OnAttached(*Batch, *wire.Attach), it hears the
// peer's answer.
func (s *Session) AttachReceiver(b *Batch, name string, h ReceiverHandler, a *Answer) (*Receiver, error) {
	l := newReceiver(s, name, h, a)
	if h, ok := h.(interface{ Attaching(*Receiver) }); ok {
		h.Attaching(l) // before the reader can find it
	}
	return l, s.attach(b, &l.link, func() wire.Attach { return a.attach(&l.link) })
}

// AttachSender attaches a link by which messages go out, as AttachReceiver does: its
// handler may have a method Attaching(*Sender). If it has a method OnRejected(*Batch, n
// int, *wire.Error), it hears how many deliveries the peer has rejected, and why; by a
// method OnLoss(n int), before OnDetach, how many were not settled.
func (s *Session) AttachSender(b *Batch, name string, h SenderHandler, a *Answer) (*Sender, error) {
	l := newSender(s, name, h, a)
	if h, ok := h.(interface{ Attaching(*Sender) }); ok {
		h.Attaching(l) // before the reader can find it
	}
	return l, s.attach(b, &l.link, func() wire.Attach { return a.attach(&l.link) })
}

// attach sends the attach that says makes once the link has its handle.
func (s *Session) attach(b *Batch, l *link, says func() wire.Attach) error {
	c := s.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	if s.over || s.finished || c.dead || c.shut.Load() {
		return fmt.Errorf("attach %q: %w", l.name, errSessionOver)
	}
	if old := s.names.get(l.name, !l.role()); old != nil && (l.raw != nil || old.detached) {
		return fmt.Errorf("attach %q: %w", l.name, errNameInUse)
	}
	if err := s.place(l); err != nil {
		return fmt.Errorf("attach %q: %w", l.name, err)
	}
	if p := says(); !s.appendAttach(&p) {
		s.displace(l)
		return fmt.Errorf("attach %q: %w", l.name, errTooLong)
	}
	c.joined(l)
	b.touch(c)
	return nil
}

// attachAnswered binds the peer's half to a link that we attached. One that we have
// given up meanwhile waits only for the peer's detach.
func (c *Conn) attachAnswered(w *work, l *link, p *wire.Attach, odd *wire.TerminusError) error {
	l.remote = p.Handle
	l.session.byHandle.set(p.Handle, l)
	c.mu.Lock()
	l.attached = true
	given := l.detached
	if given {
		l.session.names.remove(l)
	}
	c.mu.Unlock()
	if odd != nil && !given {
		return l.fault(odd.Condition(), "%v", odd)
	}
	var h any
	switch {
	case l.raw != nil:
		l.raw.takeAttach(p)
		if !given {
			l.raw.h.OnAnswer(&w.batch, p)
		}
		return nil
	case given:
		return nil
	case l.recv != nil:
		l.recv.acceptAttach(p)
		h = l.recv.h
	default:
		l.send.acceptAttach(p)
		h = l.send.h
	}
	if h, ok := h.(interface {
		OnAttached(*Batch, *wire.Attach)
	}); ok {
		h.OnAttached(&w.batch, p)
	}
	return nil
}

// place gives the link a handle of ours. The caller holds mu.
func (s *Session) place(l *link) error {
	h, ok := s.handles.alloc(l, min(ourHandleMax, s.peerHandleMax))
	if !ok {
		return fmt.Errorf("%w: there are %d", ErrNoHandle, 1+uint64(min(ourHandleMax, s.peerHandleMax)))
	}
	l.local = h
	s.names.add(l)
	return nil
}

// displace takes back what place gave. The caller holds mu.
func (s *Session) displace(l *link) {
	s.handles.remove(l.local)
	s.names.remove(l)
}

// recvDetach handles the peer's detach. [2.7.7]
func (c *Conn) recvDetach(w *work, ch uint16, p *wire.Detach) error {
	s, err := c.session(ch, wire.CodeDetach)
	if err != nil {
		return err
	}
	l := s.byHandle.get(p.Handle)
	if l == nil {
		if s.ended() {
			return nil
		}
		return s.fault(wire.CondUnattachedHandle, "detach of handle %d, which is not attached", p.Handle)
	}
	if l.raw != nil {
		l.raw.recvDetach(w, p)
		return nil
	}
	l.parted = p.Closed && p.Error == nil && !l.saidDetach()
	l.finish(w, p.Error)
	c.mu.Lock()
	if !l.detached && !s.over { // its handler may have ended the session
		l.detached = true
		c.appendFrame(s.local, &wire.Detach{Handle: l.local, Closed: p.Closed})
	}
	s.handles.remove(l.local)
	s.names.remove(l)
	c.mu.Unlock()
	s.byHandle.remove(p.Handle)
	return nil
}

// saidDetach says whether we have detached the link.
func (l *link) saidDetach() bool {
	l.session.conn.mu.Lock()
	defer l.session.conn.mu.Unlock()
	return l.detached
}

// detach sends detach with a reason; the link is finished when the peer answers,
// or at once when it runs on the reader and the caller does so.
func (l *link) detach(b *Batch, e *wire.Error, closed bool) {
	s := l.session
	c := s.conn
	c.mu.Lock()
	if l.attached {
		s.names.remove(l) // else its answer will look for it
	}
	if !l.detached && !s.over {
		if l.raw != nil {
			l.raw.answerEmpty()
		}
		l.detached = true
		c.appendFrame(s.local, &wire.Detach{Handle: l.local, Closed: closed, Error: e})
	}
	if l.raw != nil {
		l.raw.free()
	}
	c.mu.Unlock()
	b.touch(c)
}

// Detach closes the link with the given error, nil for none. It may be called
// from any goroutine; the handler hears OnDetach when the peer answers.
func (l *link) Detach(b *Batch, e *wire.Error) { l.detach(b, e, true) }

// finish ends the link's deliveries and tells its handler, once, on the reader.
func (l *link) finish(w *work, e *wire.Error) { l.session.endLinks(w, e, []*link{l}) }
