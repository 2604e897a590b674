package amqp

import (
	"fmt"

	"github.com/meshway/meshway/internal/buf"
	"github.com/meshway/meshway/internal/wire"
)

// RawLink is our end of a link behind which somebody else stands: what comes on it is
// handed over as it is, and what goes out on it is what the other one said. Credit,
// delivery-counts, tags and states are theirs; handles, delivery-ids and session windows
// are the engine's. Its methods may be called from any goroutine.
type RawLink struct {
	h      RawHandler
	origin Origin // h again
	link   *link  // set once, before anybody can find it

	end RawEnd // what the peer's detach said; owned by the reader

	// Guarded by conn.mu.
	first    uint32     // initial-delivery-count, where we receive
	answered bool       // our attach was sent
	peerDone bool       // the peer's detach has come
	freed    bool       // its handle is given back
	pending  *wire.Flow // told when the write that is under way is done
}

// RawHandler is told what comes on a raw link. All calls but OnSendable come from the
// connection's reader, and what they point to is valid during the call only.
type RawHandler interface {
	// OnAnswer is called with the peer's answer to an attach of ours.
	OnAnswer(b *Batch, p *wire.Attach)
	// OnFlow is called with what the peer says of the link's credit. [2.6.7]
	OnFlow(b *Batch, f *wire.Flow)
	// OnFrame is called for each transfer frame.
	OnFrame(b *Batch, f *RawFrame)
	// What the peer says of deliveries that we sent, and that they are lost when the
	// link has ended.
	Origin
	// OnSenderState tells what the peer says of a delivery that it sent. SetRef and Ref know
	// the delivery until it returns, also one that is settled.
	OnSenderState(b *Batch, id uint32, settled bool, state wire.DeliveryState)
	// OnSendable is as that of a [SenderHandler].
	OnSendable(b *Batch)
	// OnEnd is called once, when nothing comes any more.
	OnEnd(b *Batch, e RawEnd)
}

// RawEnd is how a raw link ended.
type RawEnd struct {
	Detached bool // by the peer's detach, which awaits an answer unless we sent one
	Closed   bool // that detach closes the link [2.6.6]
	Err      *wire.Error
}

// RawFrame is a transfer frame.
type RawFrame struct {
	ID       uint32         // of the delivery, in the session that it came by
	First    bool           // begins the delivery
	Last     bool           // ends it
	Settled  bool           // the delivery is settled by its sender, with this frame or before
	Excess   bool           // it begins a delivery beyond the credit: see [RawLink.Excess]
	Transfer *wire.Transfer // as it came
	Payload  []byte
	In       *buf.Ref // what Payload lies in: whoever holds it may keep Payload
}

// NewRawLink makes a link that is to be attached or accepted.
func NewRawLink(h RawHandler) *RawLink { return &RawLink{h: h, origin: h} }

// Name is the link's name.
func (r *RawLink) Name() string { return r.link.name }

// rawIn and rawOut make a raw link the handler of the receiver or sender below it.
type (
	rawIn  struct{ *RawLink }
	rawOut struct{ *RawLink }
)

// OnTransfer is never called: frames of raw links go another way.
func (rawIn) OnTransfer(*Batch, *Delivery) {}

// OnSenderState hands it over.
func (r rawIn) OnSenderState(b *Batch, in InDelivery, settled bool, state wire.DeliveryState) {
	r.h.OnSenderState(b, in.ID, settled, state)
}

// OnDetach hands it over.
func (r rawIn) OnDetach(b *Batch, _ []InDelivery, e *wire.Error) { r.ended(b, e) }

// OnSendable hands it over.
func (r rawOut) OnSendable(b *Batch, _ *Sender) { r.h.OnSendable(b) }

// OnDetach hands it over.
func (r rawOut) OnDetach(b *Batch, e *wire.Error) { r.ended(b, e) }

func (r *RawLink) ended(b *Batch, e *wire.Error) {
	end := r.end
	end.Err = e
	r.h.OnEnd(b, end)
}

// bind makes the receiver or sender below the link.
func (r *RawLink) bind(s *Session, name string, role wire.Role) *link {
	if role == wire.RoleReceiver {
		l := &Receiver{h: rawIn{r}}
		l.link = link{session: s, name: name, recv: l, raw: r}
		r.link = &l.link
	} else {
		l := &Sender{h: rawOut{r}}
		l.link = link{session: s, name: name, send: l, raw: r}
		r.link = &l.link
	}
	return r.link
}

// takeAttach takes over what the peer's attach says. Credit that was given before it is
// counted from where the peer begins to count.
func (r *RawLink) takeAttach(p *wire.Attach) {
	l := r.link.recv
	if l == nil {
		return
	}
	c := r.link.session.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	r.first = p.InitialDeliveryCount.Or(0)
	l.deliveryCount, l.anchored = r.first, true
	l.limit += r.first
	l.ceiling += r.first
}

// AcceptRaw takes a link of the peer without answering it: [RawLink.Answer] or
// [RawLink.Refuse] does that, later. What the peer sends before that is handed over.
// maxMessage bounds its messages, in bytes; 0 does not.
func (r *AttachRequest) AcceptRaw(b *Batch, raw *RawLink, maxMessage uint64) error {
	l := raw.bind(r.Session, r.Attach.Name, !r.Attach.Role)
	raw.takeAttach(r.Attach)
	if l.recv != nil {
		l.recv.maxMessage = maxMessage
	}
	return r.accept(b, l, nil)
}

// AttachRaw attaches a raw link with all that p says but the handle. The peer's answer
// goes to OnAnswer.
func (s *Session) AttachRaw(b *Batch, raw *RawLink, p *wire.Attach) error {
	l := raw.bind(s, p.Name, p.Role)
	raw.answered = true
	return s.attach(b, l, func() wire.Attach { return raw.attach(p) })
}

// attach is p as our attach. The caller holds mu.
func (r *RawLink) attach(p *wire.Attach) wire.Attach {
	a := *p
	a.Name, a.Handle, a.Role = r.link.name, r.link.local, r.link.role()
	if l := r.link.send; l != nil {
		l.limit += a.InitialDeliveryCount.V // given before it was known where we begin
		l.deliveryCount = a.InitialDeliveryCount.V
	}
	return a
}

// Answer answers the peer's attach with all that p says but name, handle and role. An
// error means that the link is over, or that p is longer than the peer's frames.
func (r *RawLink) Answer(b *Batch, p *wire.Attach) error {
	l := r.link
	c := l.session.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	if l.detached || r.answered || l.session.over {
		return fmt.Errorf("answer attach %q: %w", l.name, errSessionOver)
	}
	if a := r.attach(p); !l.session.appendAttach(&a) {
		return fmt.Errorf("answer attach %q: %w", l.name, errTooLong)
	}
	r.answered = true
	b.touch(c)
	return nil
}

// Answered says whether our attach was sent.
func (r *RawLink) Answered() bool {
	c := r.link.session.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	return r.answered
}

// Detach detaches the link, or answers the peer's detach. An attach that was not
// answered is answered first, with nothing on our side. [2.6.3]
func (r *RawLink) Detach(b *Batch, closed bool, e *wire.Error) { r.link.detach(b, e, closed) }

// answerEmpty answers an attach that was not answered, so that it can be detached. The
// caller holds mu.
func (r *RawLink) answerEmpty() {
	if !r.answered {
		p := &wire.Attach{}
		if r.link.send != nil {
			p.InitialDeliveryCount = wire.Some[uint32](0)
		}
		a := r.attach(p)
		r.link.session.appendAttach(&a)
		r.answered = true
	}
}

// free gives the handle back once both sides have detached. The caller holds mu.
func (r *RawLink) free() {
	if r.peerDone && r.link.detached && !r.freed {
		r.freed = true
		r.link.session.handles.remove(r.link.local)
		r.link.session.names.remove(r.link)
	}
}

// recvDetach handles the peer's detach of a raw link, on the reader.
func (r *RawLink) recvDetach(w *work, p *wire.Detach) {
	s := r.link.session
	r.end = RawEnd{Detached: true, Closed: p.Closed}
	s.conn.mu.Lock()
	r.peerDone = true
	r.free()
	s.conn.mu.Unlock()
	s.byHandle.remove(p.Handle)
	r.link.finish(w, p.Error)
}
