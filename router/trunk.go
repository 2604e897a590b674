package router

import (
	"time"

	"go.uber.org/zap"

	"github.com/meshway/meshway/internal/amqp"
	"github.com/meshway/meshway/internal/buf"
	"github.com/meshway/meshway/internal/config"
)

// trunk is a link by which messages go to a neighbour: there is one for each class of
// priority, and lanes for long messages. To the forwarder it is a consumer of an
// address of its own, at which messages wait for it in the usual way.
type trunk struct {
	// Immutable after it is made.
	adj    *adjacency
	addr   *address
	egress *egress
	lane   bool

	// stuck is since when nothing has left though something waits, zero if that is not so;
	// load what the link said then. Owned by the mesh's ticker.
	stuck time.Time
	load  [2]uint32

	// picked is how many have chosen the lane, and have not sent yet; guarded by the
	// adjacency's mutex.
	picked int
}

// trunkTreatment is how a trunk spreads what waits for it over its only consumer.
var trunkTreatment = &treatment{distribution: config.Closest}

func newTrunk(j *adjacency, lane bool) *trunk {
	t := &trunk{adj: j, lane: lane}
	t.addr = &address{router: j.peer.router, treatment: trunkTreatment, trunk: t, users: 1}
	t.egress = &egress{peer: j.peer, addr: t.addr, trunk: t}
	t.addr.consumers.Store(&consumerSet{list: []*egress{t.egress}})
	return t
}

// idle says that nothing is on the lane or waits for it.
func (t *trunk) idle() bool {
	return t.egress.stream.Load() == nil && t.addr.busy.Load() == 0
}

// quiet says that all that went by the lane has come to its end.
func (t *trunk) quiet() bool {
	unsettled, _ := t.egress.link.Load()
	return unsettled == 0 && t.idle()
}

// maxLanes is how many long messages one adjacency carries at a time in each
// direction; one more shares the lane of another, and waits for its end.
const maxLanes = 256

// forward sends a message to the neighbour, or lets it wait for that. False means that
// the adjacency is over, and nothing happened.
func (j *adjacency) forward(b *amqp.Batch, m *message) bool {
	var t *trunk
	if long := m.stream != nil || len(m.payload) > buf.Large; long || m.in.onLanes.Load() > 0 {
		if t = j.laneFor(b, m.in, long); t != nil {
			defer j.unpick(t)
		}
	}
	if t == nil {
		t = j.trunks[m.trunkClass()]
	}
	if j.down.Load() {
		return false
	}
	t.addr.route(b, m)
	return true
}

// laneFor is the lane for a message of a link: that of the long message before it, until
// nothing of that is left, and another one for a long message. Nil is none.
func (j *adjacency) laneFor(b *amqp.Batch, in *ingress, long bool) *trunk {
	j.mu.Lock()
	defer j.mu.Unlock()
	if t := j.sticky[in]; t != nil {
		if !t.quiet() || t.picked > 0 {
			t.picked++
			return t
		}
		delete(j.sticky, in)
		in.onLanes.Add(-1)
	}
	if !long {
		return nil
	}
	t := j.freeLane(b)
	if t != nil {
		t.picked++
		if j.sticky == nil {
			j.sticky = make(map[*ingress]*trunk)
		}
		j.sticky[in] = t
		in.onLanes.Add(1)
	}
	return t
}

// freeLane finds a lane that is free, or opens one; nil while the adjacency is down. The
// caller holds mu.
func (j *adjacency) freeLane(b *amqp.Batch) *trunk {
	var best *trunk
	for _, t := range j.lanes {
		if t.picked == 0 && t.quiet() {
			return t
		}
		if best == nil || t.addr.busy.Load() < best.addr.busy.Load() {
			best = t
		}
	}
	if len(j.lanes) < maxLanes {
		if t := j.openLane(b); t != nil {
			j.lanes = append(j.lanes, t)
			return t
		}
	}
	return best
}

// stuckFor is how long messages in transit wait for a neighbour that takes nothing: two
// neighbours may be waiting for each other.
const stuckFor = 5 * time.Second

// breakStuck releases what came from other neighbours and has waited for too long.
func (t *trunk) breakStuck(b *amqp.Batch, now time.Time) {
	unsettled, credit := t.egress.link.Load()
	load := [2]uint32{unsettled, credit}
	switch {
	case t.addr.busy.Load() == 0:
		t.stuck = time.Time{}
	case t.stuck.IsZero() || load != t.load:
		t.stuck, t.load = now, load
	case now.Sub(t.stuck) >= stuckFor:
		t.stuck = now
		list := t.addr.takeOut(func(m *message) bool { return m.in.trunk })
		t.adj.peer.log(zap.WarnLevel, "the neighbour takes nothing: messages in transit are released", zap.Int("messages", len(list)))
		for i := range list {
			list[i].release(b)
		}
	}
}

// forgetLanes forgets the lanes of a link that is over.
func (x *mesh) forgetLanes(in *ingress) {
	for _, j := range x.carriers() {
		j.mu.Lock()
		if j.sticky[in] != nil {
			delete(j.sticky, in)
			in.onLanes.Add(-1)
		}
		j.mu.Unlock()
	}
}

func (j *adjacency) unpick(t *trunk) {
	j.mu.Lock()
	t.picked--
	j.mu.Unlock()
}

// detached is called when the trunk's link is over: with the adjacency most often. What
// was not sent yet goes another way.
func (t *trunk) detached(b *amqp.Batch) {
	t.adj.trunkLost(t) // before anything looks for another way, and finds this one
	t.addr.removeConsumer(t.egress)
	t.addr.drain(b)
}

// reroute sends what waited for a neighbour that is lost another way, or ends it.
func (m *message) reroute(b *amqp.Batch) {
	m.unhold(b)
	switch r := m.in.peer.router; {
	case m.abandoned():
		m.forget(b)
	case m.isCopy():
		r.mesh.resplit(b, m, time.Now().Add(parkedFor))
	case m.hop != nil:
		h := m.hop
		h.done(b, 1)
		m.hop = nil
		a := r.table.acquire(h.remote.addr.key)
		a.route(b, m)
		r.table.release(a)
	default:
		d, err := parseRoutingData(m.beginning()) // this hop is counted in it
		if err != nil {
			m.release(b)
			return
		}
		m.in.onward(b, m, &d)
	}
}
