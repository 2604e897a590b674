package router_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/meshway/meshway/internal/config"
	"github.com/meshway/meshway/internal/meshtest"
	"github.com/meshway/meshway/internal/wire"
)

// ledger is what the simulation knows to be true: who sent what, who got it, who
// said what of it, and when anybody came or left. Everything in it is told by the
// applications; nothing by the router.
type ledger struct {
	mu sync.Mutex // guards all below, and what hangs on it. A client's lock may be held around it.

	clock      uint64 // counts events
	letters    []*letter
	byID       map[uint64]*letter
	addresses  []*simAddress
	violations []string
	active     []*letter // that something may still happen to
	unproved   []*letter // whose outcome was not explained yet
	trace      trace
	stats      stats

	halted    bool   // the router is shutting down: it ends the links of those that receive
	mesh      bool   // there are several routers: some laws of one alone do not hold
	disturbed []span // while paths between routers were not what they should be
}

// stats says how much was done.
type stats struct {
	sent, received, ended                  int
	accepted, rejected, released, modified int
	streamed, drained, kills               int
	bequeathed                             int // settled early, and waited when their sender was killed
}

func (s *stats) add(o stats) {
	s.sent += o.sent
	s.received += o.received
	s.ended += o.ended
	s.accepted += o.accepted
	s.rejected += o.rejected
	s.released += o.released
	s.modified += o.modified
	s.streamed += o.streamed
	s.drained += o.drained
	s.kills += o.kills
	s.bequeathed += o.bequeathed
}

// poor says that two hundred seeds did too little of something to prove anything.
func (s *stats) poor() bool {
	return s.sent < 20_000 || s.received < 15_000 || s.accepted < 2_000 || s.rejected < 300 || s.released < 300 ||
		s.modified < 300 || s.streamed < 100 || s.drained < 200 || s.kills < 100 || s.bequeathed < 50
}

// poorInMeshes is poor for the seeds that are played in meshes.
func (s *stats) poorInMeshes() bool {
	return s.sent < 5_000 || s.received < 4_000 || s.accepted < 1_000 || s.rejected < 150 || s.released < 300 ||
		s.modified < 150 || s.streamed < 50 || s.drained < 150 || s.kills < 30 || s.bequeathed < 50
}

// simAddress is an address, and who uses it.
type simAddress struct {
	name         string // as applications write it
	distribution config.Distribution
	priority     *uint8
	onLoss       wire.StateKind

	receivers []*recvLink // all that there ever were
	volume    int         // bytes sent to it
	sent      int         // letters sent to it
	sure      int         // attached as far as they know, and not leaving
	bare      []span      // when sure was 0
}

// made says that a router made the address up.
func (a *simAddress) made() bool { return strings.Contains(a.name, "_topo/0/") }

// canBeFrom says that a receiver at that host may attach to the address: to one that was
// made up by a router only there.
func (a *simAddress) canBeFrom(host string) bool {
	_, made, ok := strings.Cut(a.name, "_topo/0/")
	return !ok || strings.HasPrefix(made, host+"/") || host == listenHost
}

// span is a stretch of the ledger's clock; to is 0 while it lasts.
type span struct{ from, to uint64 }

// letter is a message that was sent.
type letter struct {
	// Immutable after it is sent.
	id       uint64
	from     *sendLink
	to       *simAddress
	seq      int // on its link
	class    uint8
	payload  []byte
	sentAt   uint64
	sentTime time.Time
	crowded  bool // anonymous, with half a window of others before it
	settled  bool // presettled
	lastFrom bool // settled by its last frame

	out *meshtest.Out // of its sender: read it with the sender's lock held, or at rest

	// Guarded by the ledger.
	copies    []*letterCopy
	state     wire.DeliveryState // terminal, as its sender heard
	heard     bool               // its sender heard a terminal state
	over      bool               // the router settled
	heardAt   uint64
	heardTime time.Time
	forgotten bool      // its sender settled before it heard
	read      bool      // the router knows that it is whole and settled
	moved     time.Time // when bytes of it were last written
	orphan    bool      // its sender was lost while it waited, not settled
	waited    bool      // it waited when everybody rested last
	idled     bool      // nothing of it was written for so long that it may have been broken off
}

// heavy is how many bytes of waiting messages make a connection's long ones leave slow subscribers behind:
// also those that it sent before it held that much.
const heavy = 512 << 10

// letterCopy is a letter as one receiver got it.
type letterCopy struct {
	letter *letter
	to     *recvLink
	in     *meshtest.In
	bytes  []byte // only where they must be compared as a whole
	said   []wire.DeliveryState
	ended  bool // settled by its receiver
}

// rng decides what becomes of the letter, whenever and to whomever it comes.
func (c *letterCopy) rng() *rand.Rand {
	return rand.New(rand.NewPCG(c.to.app.w.seed, c.letter.id))
}

// magic stands in front of a letter's id, so that it is found behind any sections.
var magic = []byte("MESHWAY#")

// body makes the bytes of a letter: its id, and what can be told from any other's.
func body(id uint64, size int) []byte {
	b := append(make([]byte, 0, size+16), magic...)
	b = binary.BigEndian.AppendUint64(b, id)
	for i := len(b); i < size; i++ {
		b = append(b, byte(id*31)+byte(i*7)+byte(i>>8))
	}
	return b
}

// letterOf finds the letter of which these are the first bytes.
func (l *ledger) letterOf(first []byte) *letter {
	i := bytes.Index(first, magic)
	if i < 0 || len(first) < i+len(magic)+8 {
		return nil
	}
	return l.byID[binary.BigEndian.Uint64(first[i+len(magic):])]
}

// tick counts an event. The caller holds mu.
func (l *ledger) tick() uint64 {
	l.clock++
	return l.clock
}

// note writes into the trace.
func (l *ledger) note(format string, args ...any) { l.trace.add(fmt.Sprintf(format, args...)) }

// violation notes that a law does not hold. The caller holds mu.
func (l *ledger) violation(format string, args ...any) {
	what := fmt.Sprintf(format, args...)
	l.note("VIOLATION %s", what)
	if len(l.violations) < maxViolations {
		l.violations = append(l.violations, what)
	}
}

const maxViolations = 10

// failed says whether a law did not hold.
func (l *ledger) failed() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.violations) > 0
}

// send notes a letter that is about to be sent. The caller holds mu.
func (l *ledger) send(m *letter) {
	m.sentAt = l.tick()
	m.sentTime, m.moved = time.Now(), time.Now()
	m.from.app.sent += len(m.payload)
	m.to.volume += len(m.payload)
	m.to.sent++
	l.letters = append(l.letters, m)
	l.byID[m.id] = m
	l.active = append(l.active, m)
	l.stats.sent++
}

// transfer notes a frame that came in.
func (l *ledger) transfer(r *recvLink, d *meshtest.In, payload []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tick()
	c, ok := d.Context.(*letterCopy)
	if !ok {
		m := l.letterOf(payload)
		if m == nil && d.Aborted {
			l.note("%v: delivery %d is aborted before any of it came", r, d.ID)
			return
		}
		if c = l.begin(r, d, m); c == nil {
			return
		}
	}
	l.compare(r, c, payload)
	if d.Complete {
		l.stats.received++
		if d.Size > streamsFrom {
			l.stats.streamed++
		}
		l.note("%v: %v has come, settled %v", r, c.letter, d.Settled)
		if n := d.Size; r.plain && n != len(c.letter.payload) {
			l.violation("%v: %v came with %d bytes of %d", r, c.letter, n, len(c.letter.payload))
		}
	}
	if d.Aborted {
		l.note("%v: %v is aborted after %d bytes", r, c.letter, d.Size)
	}
}

// streamsFrom is the size from which a message goes out while it still comes in.
const streamsFrom = 64 << 10

// begin notes a delivery that begins: of a letter that was sent there, not twice,
// and in order.
func (l *ledger) begin(r *recvLink, d *meshtest.In, m *letter) *letterCopy {
	switch {
	case m == nil:
		l.violation("%v: delivery %d is of no letter that was sent", r, d.ID)
		return nil
	case m.to != r.addr:
		l.violation("%v: %v came, which was sent to %s", r, m, m.to.name)
	case m.orphan:
		l.violation("%v: %v came, whose sender was lost before", r, m)
	case d.Format != m.out.Format:
		l.violation("%v: %v came with message-format %d, not %d", r, m, d.Format, m.out.Format)
	}
	for _, o := range m.copies {
		if o.to == r || m.to.distribution != config.Multicast {
			l.violation("%v: %v came a second time, first at %v", r, m, o.to)
		}
	}
	if len(m.payload) > 400 {
		l.note("%v: %v begins", r, m)
	}
	c := &letterCopy{letter: m, to: r, in: d}
	d.Context = c
	m.copies = append(m.copies, c)
	if last, ok := r.order[orderKey{m.from, m.class}]; ok && last > m.seq && l.ordered(m) {
		l.violation("%v: %v came behind number %d of its link and priority", r, m, last)
	}
	r.order[orderKey{m.from, m.class}] = m.seq
	return c
}

// ordered says whether the order of a letter and those sent after it is promised: what
// waits for a receiver that leaves moves on to others, and what goes another way may be
// overtaken.
func (l *ledger) ordered(m *letter) bool {
	return !l.mesh || !l.wasDisturbed(m.sentAt, l.clock) && !m.to.someLeft(m.sentTime)
}

// orderKey is within what order is promised.
type orderKey struct {
	from  *sendLink
	class uint8
}

// compare checks the bytes.
func (l *ledger) compare(r *recvLink, c *letterCopy, payload []byte) {
	d, want := c.in, c.letter.payload
	if !r.plain {
		c.bytes = append(c.bytes, payload...)
		if d.Complete && !bytes.Equal(withoutAnnotations(c.bytes), withoutAnnotations(want)) {
			l.violation("%v: %v came with other bytes", r, c.letter)
		}
		return
	}
	at := d.Size - len(payload)
	if d.Size > len(want) || !bytes.Equal(payload, want[at:d.Size]) {
		l.violation("%v: %v came with other bytes between %d and %d of %d", r, c.letter, at, d.Size, len(want))
	}
}

// withoutAnnotations leaves a message's annotations out.
func withoutAnnotations(b []byte) (out []byte) {
	for len(b) > 0 {
		s, rest, err := wire.NextSection(b)
		if err != nil {
			return append(out, b...)
		}
		if s.Code != wire.SectionMessageAnnotations {
			out = append(out, s.Raw...)
		}
		b = rest
	}
	return out
}

// say notes what a receiver says of a delivery. The caller holds mu.
func (l *ledger) say(c *letterCopy, state wire.DeliveryState, settled bool) {
	l.tick()
	if state.Terminal() {
		c.said = append(c.said, state)
	}
	c.ended = c.ended || settled
	l.note("%v: says %v of %v, settled %v", c.to, state.Kind, c.letter, settled)
}

// hear notes what a sender hears of a delivery.
func (l *ledger) hear(m *letter, state wire.DeliveryState, settled bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.tick()
	l.note("%v: hears %v of %v, settled %v", m.from, state.Kind, m, settled)
	switch {
	case m.over:
		l.violation("%v: heard of %v again, which was over", m.from, m)
	case m.heard && state.Terminal() && !state.Equal(m.state):
		l.violation("%v: heard %v of %v, after it had heard %v", m.from, show(state), m, show(m.state))
	case settled && !state.Terminal() && !m.heard:
		l.violation("%v: %v was settled without an outcome (%v)", m.from, m, state.Kind)
	}
	m.over = m.over || settled
	if state.Terminal() && !m.heard {
		m.heard, m.state, m.heardAt, m.heardTime = true, state, now, time.Now()
		l.unproved = append(l.unproved, m)
		l.stats.count(state.Kind)
	}
}

func (s *stats) count(k wire.StateKind) {
	s.ended++
	switch k {
	case wire.StateAccepted:
		s.accepted++
	case wire.StateRejected:
		s.rejected++
	case wire.StateReleased:
		s.released++
	case wire.StateModified:
		s.modified++
	}
}

// attached notes that a receiver knows that it is attached. The caller holds mu.
func (l *ledger) attached(r *recvLink) {
	a := r.addr
	now := l.tick()
	r.attached, r.attachedAt, r.attachedTime = true, now, time.Now()
	if a.sure++; a.sure == 1 {
		a.bare[len(a.bare)-1].to = now
	}
}

// leaving notes that a receiver is about to leave, or has left. The caller holds mu.
func (l *ledger) leaving(r *recvLink, killed bool) {
	now := l.tick()
	r.killed = r.killed || killed && !r.gone
	if r.leaving {
		return
	}
	r.leaving, r.leavingAt, r.leavingTime = true, now, time.Now()
	a := r.addr
	if r.attached {
		if a.sure--; a.sure == 0 {
			a.bare = append(a.bare, span{from: now})
		}
	}
}

// newAddress makes an address that nobody uses.
func (l *ledger) newAddress(name string, d config.Distribution) *simAddress {
	a := &simAddress{name: name, distribution: d, onLoss: wire.StateModified, bare: []span{{from: l.tick()}}}
	l.addresses = append(l.addresses, a)
	return a
}

// wasBare says that there was a moment in a stretch of time when nobody was sure
// to be a consumer of the address.
func (a *simAddress) wasBare(from, to uint64) bool { return overlaps(a.bare, from, to) }

func overlaps(list []span, from, to uint64) bool {
	for _, s := range list {
		if s.from <= to && (s.to == 0 || s.to >= from) {
			return true
		}
	}
	return false
}

// settledBySender says that the letter's sender waits for no outcome. It is for a
// moment of rest.
func (m *letter) settledBySender() bool { return m.out.Settled || m.forgotten }

func (m *letter) String() string {
	kind := "unsettled"
	if m.settled {
		kind = "presettled"
	}
	return fmt.Sprintf("#%d (%s, %d bytes, to %s)", m.id, kind, len(m.payload), m.to.name)
}

// show writes a state with what is in it.
func show(s wire.DeliveryState) string { return fmt.Sprintf("%v %x", s.Kind, s.Fields) }
