package amqp

import (
	"fmt"
	"strings"
	"sync"

	"github.com/meshway/meshway/internal/wire"
)

// recorder is the handler behind the engine in a dialogue. It takes every link,
// and writes down what it is told, one line an event:
//
//	open CONTAINER
//	attach sender NAME                    the peer's role
//	answer NAME                           the peer's answer to a link of ours
//	q 5 "hello"                           a frame of delivery 5 on link q
//	q 5 more "hel"; q 5 next "lo"         its first frame, and a later one
//	q 5 settled "hello"                   presettled
//	q 5 next aborted ""
//	sender of q says 5 settled accepted
//	outcome 7,8 settled accepted          of what was sent with these refs
//	lost 7,8
//	detach q [lost 5,6] [CONDITION]
//	fault SCOPE CONDITION
//	begun 0; end 0 [CONDITION] [by the peer]   a session with a handler
//	q has rejected 2 [CONDITION]
type recorder struct {
	// Set before the dialogue begins, or by the reader's callbacks alone.
	window     uint32      // credit window of links that come in
	answer     Answer      // what our side of an attach says
	refuseOpen *wire.Error // OnOpen's answer
	onOpened   func(*Batch)
	onAttach   func(*Batch, *AttachRequest) // instead of taking it
	onTransfer func(*Batch, *Delivery)      // besides writing it down
	onSendable func(*Batch, *Sender)
	onOutcome  func(*Batch, []uint32, Outcome)
	onDetach   func(name string, lost int)
	quiet      bool // writes nothing down
	formats    bool // writes message-formats down
	rejections bool // writes down what handlers of links hear of rejections

	mu        sync.Mutex // guards all below
	lines     []string
	sendable  map[string]int // calls of OnSendable by link
	receivers map[string]*Receiver
	senders   map[string]*Sender
}

func newRecorder() *recorder {
	return &recorder{window: 10, answer: Answer{SndSettleMode: wire.SndMixed}, sendable: map[string]int{}, receivers: map[string]*Receiver{}, senders: map[string]*Sender{}}
}

func (h *recorder) say(format string, args ...any) {
	if h.quiet {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.lines = append(h.lines, fmt.Sprintf(format, args...))
}

// take returns the lines since the last call.
func (h *recorder) take() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	lines := h.lines
	h.lines = nil
	return lines
}

func (h *recorder) OnOpen(c *Conn, _ *Batch) *wire.Error {
	h.say("open %s", c.Peer().ContainerID)
	return h.refuseOpen
}

func (h *recorder) OnOpened(b *Batch) {
	if h.onOpened != nil {
		h.onOpened(b)
	}
}

func (h *recorder) OnBegun(_ *Batch, s *Session) { h.say("begun %d", s.local) }

func (h *recorder) OnEnd(_ *Batch, s *Session, err *wire.Error, byPeer bool) {
	h.say("end %d%s%s", s.local, conditionText(err), map[bool]string{true: " by the peer"}[byPeer])
}

func (h *recorder) OnAttach(b *Batch, r *AttachRequest) {
	role := "sender"
	if r.Attach.Role == wire.RoleReceiver {
		role = "receiver"
	}
	h.say("attach %s %s", role, r.Attach.Name)
	if h.onAttach != nil {
		h.onAttach(b, r)
		return
	}
	h.accept(b, r)
}

// accept takes the link.
func (h *recorder) accept(b *Batch, r *AttachRequest) {
	name := r.Attach.Name
	a := h.answer
	a.Source, a.Target = r.Attach.Source, r.Attach.Target
	if r.Attach.Role == wire.RoleReceiver {
		if l, err := r.AcceptSender(b, &sendEnd{h, name}, &a); err == nil {
			h.keep(func() { h.senders[name] = l })
		}
		return
	}
	l, err := r.AcceptReceiver(b, &recvEnd{h, name}, &a)
	if err != nil {
		return
	}
	h.keep(func() { h.receivers[name] = l })
	if h.window > 0 {
		l.SetWindow(b, h.window)
	}
}

func (h *recorder) keep(f func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f()
}

func (h *recorder) OnFault(_ *Conn, scope string, err *wire.Error) {
	h.say("fault %s %s", scope, err.Condition)
}

// OnOutcome makes the recorder the origin of what it sends.
func (h *recorder) OnOutcome(b *Batch, refs []uint32, o Outcome) {
	switch {
	case o.Lost:
		h.say("lost %s", ids(refs))
	default:
		h.say("outcome %s%s %v", ids(refs), settledText(o.Settled), o.State.Kind)
	}
	if h.onOutcome != nil {
		h.onOutcome(b, refs, o)
	}
}

// recvEnd is the handler of a link by which messages come in.
type recvEnd struct {
	h    *recorder
	name string
}

func (e *recvEnd) OnAttached(_ *Batch, p *wire.Attach) { e.h.say("answer %s", p.Name) }

func (e *recvEnd) OnTransfer(b *Batch, d *Delivery) {
	text := ""
	if !d.First {
		text += " next"
	}
	if d.More {
		text += " more"
	}
	if d.Aborted {
		text += " aborted"
	}
	if e.h.formats && d.First && d.Format != 0 {
		text += fmt.Sprintf(" format %d", d.Format)
	}
	e.h.say("%s %d%s%s %s", e.name, d.ID, text, settledText(d.Settled), payloadText(string(d.Payload)))
	if e.h.onTransfer != nil {
		e.h.onTransfer(b, d)
		return
	}
	if d.Settled && !d.More && !d.Aborted {
		d.Link.Finish(b, 0)
	}
}

func (e *recvEnd) OnSenderState(_ *Batch, in InDelivery, settled bool, state wire.DeliveryState) {
	e.h.say("sender of %s says %d%s %v", e.name, in.ID, settledText(settled), state.Kind)
}

func (e *recvEnd) OnDetach(_ *Batch, lost []InDelivery, err *wire.Error) {
	var list []uint32
	for _, d := range lost {
		list = append(list, d.ID)
	}
	e.h.say("detach %s%s%s", e.name, optional(" lost ", ids(list)), conditionText(err))
	if e.h.onDetach != nil {
		e.h.onDetach(e.name, len(lost))
	}
}

// sendEnd is the handler of a link by which messages go out.
type sendEnd struct {
	h    *recorder
	name string
}

func (e *sendEnd) OnRejected(_ *Batch, n int, err *wire.Error) {
	if e.h.rejections {
		e.h.say("%s has rejected %d%s", e.name, n, conditionText(err))
	}
}

func (e *sendEnd) OnAttached(_ *Batch, p *wire.Attach) { e.h.say("answer %s", p.Name) }

func (e *sendEnd) OnSendable(b *Batch, l *Sender) {
	e.h.keep(func() { e.h.sendable[l.Name()]++ })
	if e.h.onSendable != nil {
		e.h.onSendable(b, l)
	}
}

func (e *sendEnd) OnDetach(_ *Batch, err *wire.Error) {
	e.h.say("detach %s%s", e.name, conditionText(err))
	if e.h.onDetach != nil {
		e.h.onDetach(e.name, 0)
	}
}

func ids(list []uint32) string {
	var text []string
	for _, id := range list {
		text = append(text, fmt.Sprint(id))
	}
	return strings.Join(text, ",")
}

func optional(prefix, s string) string {
	if s == "" {
		return ""
	}
	return prefix + s
}

func settledText(settled bool) string {
	if settled {
		return " settled"
	}
	return ""
}

func conditionText(err *wire.Error) string {
	if err == nil {
		return ""
	}
	return " " + string(err.Condition)
}
