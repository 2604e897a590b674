package router_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/meshway/meshway/internal/config"
	"github.com/meshway/meshway/internal/meshtest"
	"github.com/meshway/meshway/internal/wire"
)

// sendLink is a link by which a simulated application sends.
type sendLink struct {
	*meshtest.Sender
	app      *simApp
	addr     *simAddress // nil: anonymous
	mode     wire.SenderSettleMode
	outcomes []wire.Symbol // that its source lists; none is all
	first    bool          // the router settles without waiting for it [2.8.3]
	lazy     bool          // settles what it heard of only by a step
	size     int           // that its messages mostly have

	seq     int
	writing *meshtest.Out // of which a step writes more
	open    []*letter     // that are not over

	// Guarded by the ledger.
	leaving bool
	parted  bool // in peace: what it had sent goes on
	laden   bool // this need not go on: so much waited when it left, or it was killed
	killed  bool
	gone    bool
}

func (s *sendLink) String() string {
	to := "anonymous"
	if s.addr != nil {
		to = "to " + s.addr.name
	}
	return fmt.Sprintf("%s sender %s %s", s.app.name, s.Name, to)
}

// attachSender attaches a link by which to send.
func (a *simApp) attachSender() bool {
	session, ok := pick(a.rng, a.usable())
	if !ok || len(a.sends) >= 4 {
		return false
	}
	s := &sendLink{app: a, lazy: a.rng.IntN(3) == 0, mode: wire.SenderSettleMode(a.rng.IntN(3))}
	o := meshtest.SenderOptions{
		Snd: s.mode, Rcv: wire.ReceiverSettleMode(a.rng.IntN(2)), First: nearWrap(a.rng), Source: new(wire.Source),
		OnState:  func(d *meshtest.Out) { s.heard(d) },
		OnCredit: func() { s.credited() },
		OnGone:   func(e *wire.Error) { s.ended(e) },
	}
	s.first = o.Rcv == wire.RcvFirst
	if a.rng.IntN(4) == 0 { // [3.5.3] as a broker's that does not know modified
		s.outcomes = []wire.Symbol{"amqp:accepted:list", "amqp:rejected:list", "amqp:released:list"}
		o.Source.Outcomes = s.outcomes
	}
	l := &a.w.ledger
	l.mu.Lock()
	defer l.mu.Unlock()
	if a.rng.IntN(5) > 0 {
		s.addr = a.w.someAddress(a.rng)
		o.Target = meshtest.To(s.addr.name)
	}
	s.size = someSize(a.rng)
	s.Sender = session.AttachSender(o)
	a.sends = append(a.sends, s)
	l.tick()
	l.note("%v: attaches, mode %d, receiver's mode %d", s, o.Snd, o.Rcv)
	return true
}

// someSize is how large the messages of a link are: mostly small.
func someSize(rng *rand.Rand) int {
	switch rng.IntN(20) {
	case 0:
		return 66_000 + rng.IntN(80_000)
	case 1, 2:
		return 3_000 + rng.IntN(50_000)
	case 3, 4, 5, 6:
		return 400 + rng.IntN(3_000)
	}
	return 40 + rng.IntN(200)
}

// senders are those that can be used.
func (a *simApp) senders() (list []*sendLink) {
	a.sends = slices.DeleteFunc(a.sends, func(s *sendLink) bool { return s.Gone() })
	for _, s := range a.sends {
		if s.Usable() {
			list = append(list, s)
		}
	}
	return list
}

// sendSome sends a few letters, or begins a long one.
func (a *simApp) sendSome() bool {
	s, ok := pick(a.rng, a.senders())
	if !ok || !s.Live() || s.writing != nil {
		return false
	}
	n := min(1+a.rng.IntN(6), int(s.Credit()))
	for range n {
		s.send(0)
		if s.writing != nil {
			break
		}
	}
	return n > 0
}

// sendMany sends many letters, short and long, and all of each: where nobody takes them now,
// they wait behind each other.
func (a *simApp) sendMany() bool {
	s, ok := pick(a.rng, a.senders())
	if !ok || !s.Live() || s.writing != nil || s.Credit() < 3 {
		return false
	}
	for range min(3+a.rng.IntN(10), int(s.Credit())) {
		switch a.rng.IntN(10) {
		case 0:
			s.send(streamsFrom + a.rng.IntN(8_000))
		case 1, 2:
			s.send(1_000 + a.rng.IntN(8_000))
		default:
			s.send(40 + a.rng.IntN(100))
		}
		s.writeRest()
	}
	return true
}

// leaveMany sends many letters and lets the link go, but not what it sent: of what waits,
// those that it had settled go on, in their order.
func (a *simApp) leaveMany() bool {
	s, ok := pick(a.rng, a.senders())
	if !ok || !s.Live() || s.writing != nil || s.mode != wire.SndMixed || s.Credit() < 4 {
		return false
	}
	for range min(8, int(s.Credit())) {
		s.send(60)
	}
	s.detach(false)
	return true
}

// breakOff sends a few letters and begins a long one behind them, which it then breaks off.
func (a *simApp) breakOff() bool {
	s, ok := pick(a.rng, a.senders())
	if !ok || !s.Live() || s.writing != nil || s.Credit() < 4 {
		return false
	}
	for range min(5, int(s.Credit())-1) {
		s.send(60)
	}
	s.send(2 * streamsFrom)
	if s.writing != nil {
		s.writing.Write(streamsFrom)
		return a.abortWriting()
	}
	return true
}

// send makes a letter of about that size, or 0 for any, and sends it.
func (s *sendLink) send(size int) {
	a := s.app
	rng, l := a.rng, &a.w.ledger
	l.mu.Lock()
	m := s.letter(size)
	l.send(m)
	l.note("%v: sends %v, class %d", s, m, m.class)
	l.mu.Unlock()
	s.open = append(s.open, m)
	o := m.out
	if rng.IntN(4) == 0 {
		o.Frame = 1 + max(len(m.payload)/(1+rng.IntN(6)), 200)
	}
	if len(m.payload) < 200 || rng.IntN(3) > 0 && len(m.payload) < 3000 {
		s.Send(o)
		return
	}
	s.writing = o
	s.Start(o)
	o.Write(200 + rng.IntN(len(m.payload)))
	s.written()
}

// letter makes a letter of that size, or 0 for any. The caller holds the ledger's lock.
func (s *sendLink) letter(size int) *letter {
	rng, l := s.app.rng, &s.app.w.ledger
	m := &letter{id: uint64(len(l.letters) + 1), from: s, to: s.addr, seq: s.seq, class: wire.DefaultPriority}
	s.seq++
	if m.to == nil {
		m.to = s.app.w.someAddress(rng)
		m.crowded = s.crowd(m.to) >= s.app.window/2
	}
	switch s.mode {
	case wire.SndSettled:
		m.settled = true
	case wire.SndMixed:
		m.settled = rng.IntN(3) == 0
		m.lastFrom = !m.settled && rng.IntN(30) == 0
	}
	var b []byte
	if rng.IntN(3) == 0 {
		m.class = uint8(rng.IntN(10))
		h := wire.Header{Priority: wire.Some(m.class), Durable: rng.IntN(2) == 0}
		b = h.Append(b)
	}
	if p := m.to.priority; p != nil {
		m.class = *p
	}
	if m.to.distribution == config.Multicast && !l.mesh {
		m.class = 0 // order is kept across priorities, since nothing of one link waits beside another's
	}
	if rng.IntN(3) == 0 {
		b, _ = wire.AppendAnnotations(b, wire.SectionMessageAnnotations, wire.Map{{Key: wire.Symbol("x-opt-note"), Value: "kept"}})
	}
	p := wire.MessageProperties{To: wire.Some(m.to.name)}
	if s.addr == nil || rng.IntN(4) == 0 {
		b = p.Append(b)
	}
	switch {
	case size > 0:
	case rng.IntN(4) == 0:
		size = someSize(rng)
	default:
		size = s.size
	}
	m.payload = wire.AppendData(b, body(m.id, size))
	m.out = &meshtest.Out{Payload: m.payload, Settled: m.settled, SettleAtEnd: m.lastFrom, Format: uint32(rng.IntN(3)), Context: m}
	return m
}

// crowd is how many letters of an anonymous link may be waiting at one address.
func (s *sendLink) crowd(to *simAddress) (n int) {
	for _, m := range s.app.w.ledger.letters {
		if m.from == s && m.to == to && len(m.copies) == 0 && !m.heard {
			n++
		}
	}
	return n
}

// goOnWriting writes more of a letter that was begun.
func (a *simApp) goOnWriting() bool {
	for _, s := range a.senders() {
		if o := s.writing; o != nil {
			n := 1 + a.rng.IntN(40_000)
			a.w.ledger.mu.Lock()
			m := o.Context.(*letter)
			m.write()
			a.w.ledger.note("%v: writes %d more of %v", s, min(n, o.Left()), m)
			a.w.ledger.mu.Unlock()
			o.Write(n)
			s.written()
			return true
		}
	}
	return false
}

// write notes that more bytes leave.
func (m *letter) write() {
	m.idled = m.idled || time.Since(m.moved) >= patience
	m.moved = time.Now()
}

// patience is how long a sender may stop in the middle of a message.
const patience = 10 * time.Second

// writeRest writes all that is left of the letter that was begun.
func (s *sendLink) writeRest() {
	o := s.writing
	if o == nil {
		return
	}
	l := &s.app.w.ledger
	l.mu.Lock()
	o.Context.(*letter).write()
	l.mu.Unlock()
	s.writing = nil
	o.Write(o.Left())
}

// written looks whether the letter that is being written is done.
func (s *sendLink) written() {
	if o := s.writing; o.Complete || o.Ready() {
		s.writing = nil
	}
}

func (a *simApp) abortWriting() bool {
	for _, s := range a.senders() {
		if o := s.writing; o != nil {
			a.w.ledger.mu.Lock()
			a.w.ledger.note("%v: breaks off %v", s, o.Context.(*letter))
			a.w.ledger.mu.Unlock()
			s.writing = nil
			o.Abort()
			return true
		}
	}
	return false
}

// heard is called when the router says something of a delivery.
func (s *sendLink) heard(d *meshtest.Out) {
	m := d.Context.(*letter)
	s.app.w.ledger.hear(m, d.State, d.RemoteSettled)
	if !d.RemoteSettled && d.State.Terminal() && !s.lazy {
		d.Settle(d.State)
	}
}

// credited is called when a flow has come: never is more allowed than the window,
// less what is not over.
func (s *sendLink) credited() {
	if n := int(s.Room()) + s.Unsettled(); n > s.app.window {
		l := &s.app.w.ledger
		l.mu.Lock()
		defer l.mu.Unlock()
		if len(l.disturbed) > 0 {
			return // what is on a path that was lost holds no credit
		}
		l.violation("%v: credit %d and %d unsettled are more than the window, %d", s, s.Room(), s.Unsettled(), s.app.window)
	}
}

// settleAsSender settles what was heard of, or, seldom, does not wait for that.
func (a *simApp) settleAsSender() bool {
	s, ok := pick(a.rng, a.senders())
	if !ok {
		return false
	}
	l := &a.w.ledger
	l.mu.Lock()
	defer l.mu.Unlock()
	kept := s.open[:0]
	for _, m := range s.open {
		switch {
		case m.over || m.settled || m.out.LocalSettled || m.out.Aborted:
			continue
		case m.heard:
			m.out.Settle(m.state)
			continue
		case m.out.Complete && a.rng.IntN(20) == 0:
			m.forgotten = true
			l.note("%v: settles %v without waiting", s, m)
			m.out.Settle(wire.DeliveryState{})
			continue
		}
		kept = append(kept, m)
	}
	s.open = kept
	return true
}

func (a *simApp) detachSender() bool {
	s, ok := pick(a.rng, a.senders())
	if !ok {
		return false
	}
	s.detach(a.rng.IntN(2) == 0)
	return true
}

// detach lets the link go, in peace if it says that it is closed.
func (s *sendLink) detach(inPeace bool) {
	l := &s.app.w.ledger
	l.mu.Lock()
	l.tick()
	l.note("%v: detaches", s)
	l.ends(s, inPeace)
	l.mu.Unlock()
	s.Detach(s.parted, nil)
}

// ends notes that a link is about to end. The caller holds the ledger's lock.
func (l *ledger) ends(s *sendLink, inPeace bool) {
	waits := 0
	for _, m := range l.letters {
		if m.from.app == s.app && !m.heard && len(m.copies) == 0 {
			waits += len(m.payload)
		}
	}
	s.leaving, s.parted, s.laden = true, inPeace, waits > 128<<10
}

// ended is called when the link is over.
func (s *sendLink) ended(e *wire.Error) {
	l := &s.app.w.ledger
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tick()
	s.gone = true
	s.writing = nil
	if e != nil && !s.leaving {
		l.violation("%v: the router ended it: %v", s, e)
	}
	s.leaving = true
	l.note("%v: is gone (%v)", s, e)
}
