package router

import (
	"sync"
	"time"

	"github.com/meshway/meshway/internal/amqp"
	"github.com/meshway/meshway/linkstate"
	"github.com/meshway/meshway/routing"
)

// forwarding is what messages to other routers go by. It is immutable.
type forwarding struct {
	routes      *routing.Routes
	adjacencies []*adjacency   // by index of the neighbour; nil if it is not connected
	waits       *routing.Waits // next hops that must not be used yet
}

// place is the index of the neighbour at the other end of an adjacency, or -1.
func (f *forwarding) place(j *adjacency) int {
	if j == nil {
		return -1
	}
	if i, ok := f.routes.Topology().Index(j.neighbour.ID); ok {
		return i
	}
	return -1
}

// acknowledgement is how long new next hops that may send messages back are given to
// learn what has changed.
const acknowledgement = 250 * time.Millisecond

// onUpdate takes over what the speaker publishes, on its goroutine.
func (x *mesh) onUpdate(u linkstate.Update) {
	now := time.Now()
	x.computing.Lock()
	if u.Topology != x.topology {
		loss := lost(x.topology, u.Topology)
		x.topology = u.Topology
		x.changed.Store(now.Unix())
		if i, ok := u.Topology.Index(x.identity.ID); ok {
			x.own.Reincarnate(u.Topology.Node(i).Incarnation) // if it rose: the table goes with the LSA
		}
		x.holddown.Changed(now, loss)
	}
	x.synced = u.Synced
	x.computeIfDue(now)
	f := x.forwarding.Load()
	w := x.unacknowledged(f.routes, f.waits)
	changed := w != f.waits
	if changed {
		next := *f
		next.waits = w
		x.forwarding.Store(&next)
		x.rebase(&next)
	}
	x.computing.Unlock()
	if changed {
		x.retry()
	}
	for _, t := range u.Tables {
		x.tables.Check(owner(t.Owner), t.Incarnation, t.Version, t.Digest, now)
	}
}

// unacknowledged is what still waits when those do not that lead to neighbours who know
// all that we know. The caller holds computing.
func (x *mesh) unacknowledged(routes *routing.Routes, w *routing.Waits) *routing.Waits {
	for _, id := range x.synced {
		if i, ok := routes.Topology().Index(id); ok {
			w = w.Without(i)
		}
	}
	return w
}

// lost says whether the new topology lacks something that the old one has.
func lost(old, new *linkstate.Topology) bool {
	for i := range old.Len() {
		at, ok := new.Index(old.Node(i).ID)
		if !ok {
			return true
		}
		left := new.Node(at).Edges
		for _, e := range old.Node(i).Edges { // both are in the order of ids
			id := old.Node(e.To).ID
			for len(left) > 0 && new.Node(left[0].To).ID < id {
				left = left[1:]
			}
			if len(left) == 0 || new.Node(left[0].To).ID != id {
				return true
			}
		}
	}
	return false
}

// computeIfDue computes routes, or arranges for it. The caller holds computing.
func (x *mesh) computeIfDue(now time.Time) {
	due := x.holddown.Due()
	if due.IsZero() {
		return
	}
	if wait := due.Sub(now); wait > 0 {
		if x.pending != nil {
			x.pending.Stop()
		}
		x.pending = time.AfterFunc(wait, func() {
			x.computing.Lock()
			x.computeIfDue(time.Now())
			x.computing.Unlock()
		})
		return
	}
	x.compute()
	x.holddown.Computed(now)
}

// compute replaces the routes by those of the newest topology. The caller holds
// computing.
func (x *mesh) compute() {
	old := x.forwarding.Load()
	began := time.Now()
	routes := routing.Update(old.routes, x.topology)
	x.counts.computed(began)
	next := &forwarding{routes: routes, adjacencies: x.wired(routes), waits: x.unacknowledged(routes, routes.Waits(x.base))}
	x.forwarding.Store(next)
	x.rebase(next)
	if w := next.waits; w != nil {
		time.AfterFunc(acknowledgement, func() { x.waited(routes) })
	}
	x.mask(old.routes, routes)
	x.router.background(x.retry)
}

// wired finds the connections to the neighbours.
func (x *mesh) wired(routes *routing.Routes) []*adjacency {
	t := routes.Topology()
	list := make([]*adjacency, t.Len())
	for id, j := range x.carriers() {
		if i, ok := t.Index(id); ok {
			list[i] = j
		}
	}
	return list
}

// rewire takes over that the connections to neighbours have changed.
func (x *mesh) rewire() {
	x.computing.Lock()
	next := *x.forwarding.Load()
	next.adjacencies = x.wired(next.routes)
	x.forwarding.Store(&next)
	x.computing.Unlock()
	x.retry()
}

// rebase remembers routes for which nothing waits: the next ones are compared with
// them. The caller holds computing.
func (x *mesh) rebase(f *forwarding) {
	if f.waits == nil {
		x.base = f.routes
	}
}

// waited ends the wait for acknowledgements of routes that did not come in time.
func (x *mesh) waited(routes *routing.Routes) {
	x.computing.Lock()
	f := x.forwarding.Load()
	if f.routes == routes && f.waits != nil {
		next := *f
		next.waits = nil
		x.forwarding.Store(&next)
		x.rebase(&next)
	}
	x.computing.Unlock()
	x.retry()
}

// mask hides the addresses of routers that cannot be reached any more, and shows those
// of others.
func (x *mesh) mask(old, now *routing.Routes) {
	before, after := old.Topology(), now.Topology()
	for i := range after.Len() {
		if id := after.Node(i).ID; i != now.Self() {
			x.tables.Unmask(owner(id))
		}
	}
	for i := range before.Len() {
		id := before.Node(i).ID
		if _, ok := after.Index(id); !ok {
			x.tables.Mask(owner(id), time.Now())
		}
	}
}

// retry sends what waited for a way: by new costs, to new egress routers.
func (x *mesh) retry() {
	var b amqp.Batch
	x.parking.retry(&b)
	x.router.table.eachAttended(func(a *address) {
		if topoRouter(a.key) != "" || a.treated().everywhere {
			a.remotesChanged(&b) // routers may have come or gone
		} else if remotes := a.consumers.Load().remotes; len(remotes) > 0 {
			for _, r := range remotes {
				if r.costs() {
					r.excuse(&b)
				}
			}
			a.epoch.Add(1)
			a.resume(&b)
		}
	})
	b.Flush()
}

// costs takes over what the way to the egress costs now. True means that it costs more
// than before: what is on its way there has lost its path.
func (r *remote) costs() (more bool) {
	x := r.addr.router.mesh
	for {
		f := x.forwarding.Load()
		cost := uint32(unreachable)
		if i, ok := f.routes.Topology().Index(r.id); ok {
			if c, ok := f.routes.Cost(i); ok {
				cost = min(c, unreachable-1)
			}
		}
		more = r.cost.Swap(cost) < cost || more
		if x.forwarding.Load() == f {
			return more
		}
		// Another goroutine may have been here with newer routes, just before.
	}
}

// parking holds messages in transit, and copies of multicasts, that have no next hop now:
// for the next routes, and not for long.
type parking struct {
	mu    sync.Mutex
	list  []parked
	bytes int
}

type parked struct {
	message message
	until   time.Time
}

const (
	parkedFor   = 250 * time.Millisecond
	parkedBytes = 16 << 20
)

// park keeps a message for the next routes until then, at most, or releases it.
func (x *mesh) park(b *amqp.Batch, m *message, until time.Time) {
	p := &x.parking
	p.mu.Lock()
	if p.bytes+len(m.payload) > parkedBytes {
		p.mu.Unlock()
		m.release(b)
		return
	}
	it := *m
	if m.stream == nil {
		it.payload, it.buffer = append([]byte(nil), m.payload...), nil
		it.hold(len(it.payload))
	}
	p.bytes += it.held
	p.list = append(p.list, parked{it, until})
	p.mu.Unlock()
}

// take takes out what gone says.
func (p *parking) take(gone func(*parked) bool) (list []parked) {
	p.mu.Lock()
	defer p.mu.Unlock()
	kept := p.list[:0]
	for i := range p.list {
		if gone(&p.list[i]) {
			list = append(list, p.list[i])
			p.bytes -= p.list[i].message.held
		} else {
			kept = append(kept, p.list[i])
		}
	}
	clear(p.list[len(kept):])
	p.list = kept
	return list
}

// retry tries again to send everything.
func (p *parking) retry(b *amqp.Batch) {
	for _, it := range p.take(func(*parked) bool { return true }) {
		m := it.message
		if m.abandoned() {
			m.forget(b)
			continue
		}
		m.tryOn(b, it.until)
	}
}

// tryOn sends a parked message, or parks it again for the rest of its time.
func (m *message) tryOn(b *amqp.Batch, until time.Time) {
	x := m.in.peer.router.mesh
	held := m.held
	m.held = 0
	if m.isCopy() {
		x.resplit(b, m, until)
	} else if d, err := parseRoutingData(m.beginning()); err != nil {
		m.release(b)
	} else if !x.send(b, m, d.egress, d.flow, m.in.peer.adj) {
		x.park(b, m, until)
	}
	m.held = held
	m.unhold(b)
}

// expire releases what has waited long enough.
func (p *parking) expire(b *amqp.Batch, now time.Time) {
	for _, it := range p.take(func(it *parked) bool { return !now.Before(it.until) }) {
		it.message.release(b)
	}
}
