package router

import (
	"maps"
	"time"

	"go.uber.org/zap"

	"github.com/meshway/meshway/internal/amqp"
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
	t.addr = &address{router: j.peer.router, trunk: t, users: 1}
	t.addr.treatment.Store(trunkTreatment)
	t.egress = &egress{peer: j.peer, addr: t.addr, trunk: t}
	t.addr.consumers.Store(&consumerSet{list: []*egress{t.egress}})
	return t
}

// idle says that nothing is on the lane or waits for it.
func (t *trunk) idle() bool {
	// In this order: what leaves the queue for the link is on it first.
	return t.addr.busy.Load() == 0 && t.egress.stream.Load() == nil
}

// maxLanes is how many long messages one adjacency carries at a time in each
// direction; one more shares the lane of another, and waits for its end.
const maxLanes = 256

// forward sends a message to the neighbour, or lets it wait for that. False means that
// the adjacency is over, and nothing happened.
func (j *adjacency) forward(b *amqp.Batch, m *message) bool {
	if j.down.Load() {
		return false
	}
	j.trunks[m.trunkClass()].addr.route(b, m)
	return true
}

// follower is the messages of one sender and class: they keep their order.
type follower struct {
	in    *ingress // nil if they come by the mesh
	from  flow
	class uint8
}

// aside sends a message by a lane when it has come to its turn at a trunk: a long one,
// and what follows that before it has left whole. False means that it goes by the trunk.
func (t *trunk) aside(b *amqp.Batch, m *message) bool {
	j := t.adj
	long := m.stream != nil
	if t.lane || !long && j.followed.Load() == 0 {
		return false
	}
	f := follower{from: m.from, class: m.trunkClass()}
	if !m.in.trunk {
		f.in = m.in
	}
	lane := j.laneFor(b, f, long)
	if lane == nil {
		return false
	}
	lane.addr.route(b, m)
	j.mu.Lock()
	lane.picked--
	j.mu.Unlock()
	return true
}

// laneFor is the lane for a message: that of the long one before it, as long as that is
// there, and another one for a long message. Nil is none.
func (j *adjacency) laneFor(b *amqp.Batch, f follower, long bool) *trunk {
	j.mu.Lock()
	defer j.mu.Unlock()
	t := j.followers[f]
	if t != nil && t.picked == 0 && t.idle() {
		j.unfollow(t)
		t = nil
	}
	if t == nil && long {
		if t = j.freeLane(b); t != nil {
			if j.followers == nil {
				j.followers = make(map[follower]*trunk)
			}
			j.followers[f] = t
			j.followed.Store(int32(len(j.followers)))
		}
	}
	if t != nil {
		t.picked++
	}
	return t
}

// unfollow lets those go who kept to the lane. The caller holds mu.
func (j *adjacency) unfollow(t *trunk) {
	maps.DeleteFunc(j.followers, func(_ follower, o *trunk) bool { return o == t })
	j.followed.Store(int32(len(j.followers)))
}

// freeLane finds a lane that is free, or opens one; nil while the adjacency is down. When
// there are too many, it is the one on which the least waits. The caller holds mu.
func (j *adjacency) freeLane(b *amqp.Batch) *trunk {
	var best *trunk
	for _, t := range j.lanes {
		if t.picked == 0 && t.idle() {
			j.unfollow(t)
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

// tendLanes lets those go who kept to a lane on which nothing is any more.
func (j *adjacency) tendLanes() {
	if j.followed.Load() == 0 {
		return
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, t := range j.lanes {
		if t.picked == 0 && t.idle() {
			j.unfollow(t)
		}
	}
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
