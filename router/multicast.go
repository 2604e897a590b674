package router

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/meshway/meshway/internal/amqp"
	"github.com/meshway/meshway/internal/buf"
	"github.com/meshway/meshway/internal/wire"
)

// A multicast message goes to every consumer that there is when it is routed. A
// consumer that cannot take its copy now has a backlog of its own, bounded, so
// that a slow one costs the others nothing.

const (
	// backlogLimit is how many copies may wait for one subscriber, and
	// backlogBytes how much in all; one more is released for that subscriber.
	backlogLimit = 1024
	backlogBytes = 1 << 20
)

// fanOut gives a copy to every consumer, here and at other routers. m.payload is valid
// only during the call.
func (a *address) fanOut(b *amqp.Batch, m *message) {
	set := a.consumers.Load()
	m.lenient = a.treated().releases
	here := set.list
	if f := a.front.Load(); f != nil && f.local != nil {
		here = f.local.consumers.Load().list
	}
	if len(set.remotes) == 0 || m.here {
		m.fanOut(b, here, nil)
		return
	}
	a.router.mesh.fanOutFar(b, m, a, here)
}

// fanOut gives a copy to each of these consumers, and one to each of these neighbours
// for its share of the other routers.
func (m *message) fanOut(b *amqp.Batch, list []*egress, shares []share) {
	if len(list)+len(shares) == 0 {
		m.release(b)
		return
	}
	if m.stream == nil && len(m.payload) > buf.Large {
		m.becomeStream(b)
	}
	cp := copyOf{message: *m}
	if !m.settled {
		f := newFanout(m, m.in, m.id, len(list)+len(shares))
		cp.fan = f
		// Nobody but this reader can settle it before all copies are out: the
		// count holds one for us.
		defer f.launched(b)
		m.in.link.Forwarded(b, m.id, f, 0, 0)
	}
	if m.stream != nil {
		m.stream.expect(len(list) + len(shares))
	}
	if len(shares) > 0 {
		until := time.Now().Add(parkedFor)
		for i, s := range shares {
			m.sendShare(b, s, cp.fan, uint32(len(list)+i), until)
		}
	}
	for i, e := range list {
		cp.index = uint32(i)
		e.offer(b, &cp)
	}
	if m.settled && !m.counted {
		m.in.link.Finish(b, 0)
	}
	cp.shared.release(b)
}

// share is the part of the egress routers of a multicast that one neighbour serves.
type share struct {
	to   *adjacency // nil: it is not connected
	lost bool       // there is no way to them
	head []byte     // routing data
}

// sendShare sends the copy for a share to its neighbour. If that is lost, the copy may
// wait for another way until then.
func (m *message) sendShare(b *amqp.Batch, s share, fan *fanout, index uint32, until time.Time) {
	c := *m
	c.fan, c.index, c.set, c.counted, c.here = fan, index, s.head, true, false
	switch {
	case s.lost:
		c.release(b)
	case s.to == nil || !s.to.forward(b, &c):
		m.in.peer.router.mesh.park(b, &c, until)
	}
}

// copyOf is one consumer's copy of a multicast message.
type copyOf struct {
	message message
	fan     *fanout // nil: presettled
	index   uint32  // of the copy in fan
	shared  *shared // the bytes, once a copy had to wait
}

// shared is a payload for which several copies wait.
type shared struct {
	in    *ingress
	bytes []byte
	refs  atomic.Int32
}

// share makes the bytes outlive the call in which they came.
func (c *copyOf) share() {
	if c.shared == nil {
		c.shared = &shared{in: c.message.in, bytes: append([]byte(nil), c.message.payload...)}
		c.shared.refs.Store(1) // of fanOut
		c.message.in.link.Hold(len(c.shared.bytes))
		c.message.payload, c.message.buffer = c.shared.bytes, nil
	}
	c.shared.refs.Add(1)
}

// release lets one reference go. A nil receiver has none.
func (s *shared) release(b *amqp.Batch) {
	if s != nil && s.refs.Add(-1) == 0 {
		s.in.link.Unhold(b, len(s.bytes))
	}
}

// backlog is the copies that wait for one subscriber.
type backlog struct {
	mu       sync.Mutex
	items    []copyOf
	bytes    int
	draining bool
	closed   bool
}

// free says that nothing waits, and nobody is about to send what did: a copy may pass. The caller
// holds mu.
func (l *backlog) free() bool { return len(l.items) == 0 && !l.draining && !l.closed }

// offer sends the copy, or lets it wait, or ends it for this subscriber alone.
func (e *egress) offer(b *amqp.Batch, c *copyOf) {
	if c.message.stream == nil && !e.fits(&c.message) {
		e.refuseLarge(b, c)
		return
	}
	l := &e.backlog
	for {
		epoch := e.epoch.Load()
		l.mu.Lock()
		direct := l.free()
		l.mu.Unlock()
		if direct && e.sendCopy(b, c) {
			return
		}
		l.mu.Lock()
		if l.free() && (!direct || e.epoch.Load() != epoch) {
			l.mu.Unlock() // whoever drained it has gone meanwhile, or the subscriber has become able
			continue
		}
		if l.closed || len(l.items) >= backlogLimit || l.bytes+len(c.message.payload) > backlogBytes ||
			c.shared == nil && c.message.in.link.Crowded() {
			l.mu.Unlock()
			e.refuseCopy(b, c)
			return
		}
		if c.message.stream == nil {
			c.share()
		} else if !c.message.stream.await(c) {
			l.mu.Unlock()
			e.refuseCopy(b, c)
			return
		}
		l.items = append(l.items, *c)
		l.bytes += len(c.message.payload)
		l.mu.Unlock()
		return
	}
}

// sendCopy sends the copy if the subscriber can take it now.
func (e *egress) sendCopy(b *amqp.Batch, c *copyOf) bool {
	m := &c.message
	if m.stream != nil {
		return m.stream.startCopy(b, e, c)
	}
	out := amqp.Outgoing{Format: m.format, Settled: m.settled || m.settle, Payload: m.payload, In: m.buffer}
	e.dress(&out, m)
	var origin amqp.Origin
	if c.fan != nil {
		origin = c.fan
	}
	id, settled, res := e.send(b, &out, origin, c.index)
	if res != amqp.Sent {
		return false
	}
	if c.fan != nil {
		if settled {
			c.fan.OnOutcome(b, []uint32{c.index}, amqp.Outcome{State: wire.DeliveryState{Kind: wire.StateAccepted}, Settled: true})
		} else {
			c.fan.sent(b, c.index, e, id)
		}
	}
	return true
}

// startCopy begins the stream at one of several consumers. True also when it was
// broken off.
func (s *stream) startCopy(b *amqp.Batch, e *egress, c *copyOf) bool {
	if s.isLate() {
		e.refuseCopy(b, c)
		return true
	}
	m := &c.message
	if !e.fits(m) {
		e.refuseLarge(b, c)
		return true
	}
	cp := &streamCopy{s: s, e: e, ref: copyRef{c.fan, c.index}}
	var origin amqp.Origin
	if c.fan != nil {
		origin = c.fan
	}
	id, settled, ok := cp.begin(b, origin, c.index, m.settled || m.settle, m)
	switch {
	case !ok:
		return s.isCanceled()
	case c.fan == nil:
	case settled:
		c.fan.OnOutcome(b, []uint32{c.index}, amqp.Outcome{State: wire.DeliveryState{Kind: wire.StateAccepted}, Settled: true})
	default:
		c.fan.sent(b, c.index, e, id)
	}
	cp.pump(b)
	return true
}

// expect says how many copies the stream will have.
func (s *stream) expect(n int) {
	s.mu.Lock()
	s.expected = n
	s.mu.Unlock()
}

// unexpect says that one copy less will begin.
func (s *stream) unexpect(b *amqp.Batch) {
	s.mu.Lock()
	if s.late {
		s.mu.Unlock()
		return
	}
	s.expected--
	nobody := s.expected == 0
	freed := s.free()
	s.mu.Unlock()
	if freed > 0 {
		s.in.link.Unhold(b, freed)
	}
	if nobody {
		s.cancel(b)
	}
}

// refuseCopy ends a copy that this subscriber will not get.
func (e *egress) refuseCopy(b *amqp.Batch, c *copyOf) {
	e.endCopy(b, c, wire.DeliveryState{Kind: wire.StateReleased})
}

// endCopy ends a copy that is not sent.
func (e *egress) endCopy(b *amqp.Batch, c *copyOf, state wire.DeliveryState) {
	if c.message.stream != nil {
		c.message.stream.unexpect(b)
	}
	e.tellCopy(b, copyRef{c.fan, c.index}, state)
}

// tellCopy tells the sender what became of a copy that this subscriber does not get, or counts it
// where nobody waits for that.
func (e *egress) tellCopy(b *amqp.Batch, r copyRef, state wire.DeliveryState) {
	if r.fan == nil {
		e.tally.dropped.Add(1)
		return
	}
	r.end(b, state)
}

// drainBacklog sends what waits for this subscriber, as far as it goes.
func (e *egress) drainBacklog(b *amqp.Batch) {
	l := &e.backlog
	l.mu.Lock()
	if l.draining || len(l.items) == 0 {
		l.mu.Unlock()
		return
	}
	l.draining = true
	for len(l.items) > 0 && !l.closed {
		epoch := e.epoch.Load()
		c := l.items[0]
		l.mu.Unlock()
		sent := e.sendCopy(b, &c)
		if sent {
			c.shared.release(b)
		}
		l.mu.Lock()
		if sent {
			l.bytes -= len(c.message.payload)
			l.items[0] = copyOf{}
			l.items = l.items[1:]
			continue
		}
		if e.epoch.Load() == epoch {
			break
		}
	}
	l.draining = false
	if len(l.items) == 0 {
		l.items = nil
	}
	closed := l.closed
	l.mu.Unlock()
	if closed {
		e.closeBacklog(b)
	}
}

// closeBacklog ends all that waits for a subscriber that has left.
func (e *egress) closeBacklog(b *amqp.Batch) {
	l := &e.backlog
	l.mu.Lock()
	l.closed = true
	if l.draining {
		l.mu.Unlock()
		return // whoever drains will come here
	}
	items := l.items
	l.items, l.bytes = nil, 0
	l.mu.Unlock()
	for i := range items {
		e.refuseCopy(b, &items[i])
		items[i].shared.release(b)
	}
}

// fanout is the origin of the copies of one unsettled multicast delivery. It
// ends when all of them have: rejected wins over accepted, that over modified,
// that over released.
type fanout struct {
	// Immutable after it is made.
	origin   amqp.Origin // who hears what it comes to
	id       uint32      // by which origin knows it
	releases bool        // copies whose path is lost are released

	mu     sync.Mutex
	copies []fanCopy
	open   int // copies that the receiver has not settled, plus one while they are sent
	silent int // copies with no terminal state yet, plus the same one
	best   wire.DeliveryState
	over   bool
}

type fanCopy struct {
	link     *amqp.Sender
	split    *fanout // the copy was divided anew, instead
	id       uint32
	sent     bool
	settled  bool
	terminal bool
}

func newFanout(m *message, origin amqp.Origin, id uint32, n int) *fanout {
	return &fanout{origin: origin, id: id, releases: m.lenient, copies: make([]fanCopy, n), open: n + 1, silent: n + 1}
}

// launched lets go of the count that kept the fanout open while copies went out.
func (f *fanout) launched(b *amqp.Batch) {
	f.mu.Lock()
	f.open--
	f.silent--
	f.report(b)
}

// sent notes which delivery the copy is.
func (f *fanout) sent(b *amqp.Batch, index uint32, e *egress, id uint32) {
	f.mu.Lock()
	c := &f.copies[index]
	c.link, c.id, c.sent = e.link, id, true
	late := f.over && !c.settled
	f.mu.Unlock()
	if late { // its sender settled, or went away, while the copy waited
		e.link.Update(b, id, true, wire.DeliveryState{})
	}
}

// OnOutcome takes in what became of copies.
func (f *fanout) OnOutcome(b *amqp.Batch, indexes []uint32, o amqp.Outcome) {
	state := o.State
	if o.Lost {
		state = lossOutcome(f.releases)
	}
	f.mu.Lock()
	for _, i := range indexes {
		c := &f.copies[i]
		if (o.Settled || state.Terminal()) && !c.terminal {
			c.terminal = true
			f.silent--
			if outcomeRank(state.Kind) > outcomeRank(f.best.Kind) {
				f.best = state.Clone()
			}
		}
		if o.Settled && !c.settled {
			c.settled = true
			f.open--
		}
	}
	f.report(b)
}

// report tells the sender once all copies have an outcome, and settles once all
// are settled. It is called with mu held, and releases it.
func (f *fanout) report(b *amqp.Batch) {
	if f.over || f.silent > 0 {
		f.mu.Unlock()
		return
	}
	settled := f.open == 0
	f.over = settled
	state := f.best
	f.mu.Unlock()
	if state.Kind == wire.StateNone {
		state.Kind = wire.StateReleased
	}
	f.origin.OnOutcome(b, []uint32{f.id}, amqp.Outcome{State: state, Settled: settled})
}

// senderState passes on to every receiver what the sender says.
func (f *fanout) senderState(b *amqp.Batch, settled bool, state wire.DeliveryState) {
	f.mu.Lock()
	f.over = f.over || settled
	copies := append([]fanCopy(nil), f.copies...)
	f.mu.Unlock()
	for _, c := range copies {
		switch {
		case c.split != nil:
			c.split.senderState(b, settled, state)
		case c.sent && !c.settled:
			c.link.Update(b, c.id, settled, state)
		}
	}
}

// divided notes that the copy was divided anew, and says whether the sender has settled
// already.
func (f *fanout) divided(index uint32, into *fanout) (over bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.copies[index].split = into
	return f.over
}

// outcomeRank orders outcomes of copies: the highest is what the sender hears.
func outcomeRank(k wire.StateKind) int {
	switch k {
	case wire.StateRejected:
		return 4
	case wire.StateAccepted:
		return 3
	case wire.StateModified:
		return 2
	case wire.StateReleased:
		return 1
	}
	return 0
}
