package router

import (
	"fmt"
	"slices"
	"time"

	"github.com/meshway/meshway/internal/amqp"
	"github.com/meshway/meshway/linkstate"
	"github.com/meshway/meshway/linkstate/addrtable"
	"github.com/meshway/meshway/routing"
)

// meshResidue lists what the mesh still holds of messages that are over: units of
// windows, messages that are parked or wait for a neighbour, lanes that are kept.
func (x *mesh) meshResidue(note func(string, ...any)) {
	x.parking.mu.Lock()
	if n, bytes := len(x.parking.list), x.parking.bytes; n+bytes != 0 {
		note("%d messages with %d bytes are parked", n, bytes)
	}
	x.parking.mu.Unlock()
	x.router.table.each(func(a *address) {
		for _, m := range a.consumers.Load().remotes {
			if n := m.used.Load(); n != 0 {
				note("address %q: %d units of the window at %s are used", a.key, n, m.id)
			}
			m.mu.Lock()
			n := 0
			for h := range m.hops {
				if !h.in.peer.inside { // the agent keeps its links for a while
					n++
				}
			}
			if n != 0 {
				note("address %q: %d hops to %s are kept", a.key, n, m.id)
			}
			m.mu.Unlock()
		}
	})
	for _, j := range x.adjacencies() {
		for _, t := range j.trunks {
			t.residue(note)
		}
		j.mu.Lock()
		lanes := slices.Clone(j.lanes)
		for f := range j.followers {
			note("to %s: messages of class %d of %v keep to a lane", j.neighbour.ID, f.class, f.from)
		}
		j.mu.Unlock()
		for _, t := range lanes {
			t.residue(note)
			if t.picked != 0 || !t.idle() {
				note("to %s: a lane is not quiet, picked %d times", j.neighbour.ID, t.picked)
			}
		}
	}
}

func (t *trunk) residue(note func(string, ...any)) {
	a := t.addr
	a.mu.Lock()
	defer a.mu.Unlock()
	if n := a.waitingNow(); n != 0 || a.busy.Load() != 0 || a.draining {
		note("to %s: %d wait, busy %d, draining %v", t.adj.neighbour.ID, n, a.busy.Load(), a.draining)
	}
}

// waitingNow is how many messages wait. The caller holds mu.
func (a *address) waitingNow() (n int) {
	if a.waiting == nil {
		return 0
	}
	for _, rings := range [][numClasses]queueRing{a.waiting.sent, a.waiting.arrived} {
		for _, r := range rings {
			for q := r.head; q != nil; q = q.next {
				n += q.count
				if q.next == r.head {
					break
				}
			}
		}
	}
	return n
}

// Topology is the mesh as the router sees it.
func (r *Router) Topology() *linkstate.Topology {
	x := r.mesh
	x.computing.Lock()
	defer x.computing.Unlock()
	return x.topology
}

// StaleRoutes says in what the routes in use differ from what is computed from the
// newest topology now; "" if in nothing.
func (r *Router) StaleRoutes() string {
	x := r.mesh
	f := x.forwarding.Load()
	t := r.Topology()
	if !f.routes.Topology().Equal(t) {
		return "they are those of another topology"
	}
	want := routing.Compute(t, x.identity.ID)
	for i := range t.Len() {
		cost, ok := f.routes.Cost(i)
		if wantCost, wantOK := want.Cost(i); cost != wantCost || ok != wantOK {
			return fmt.Sprintf("the cost to %s is %d (%v), it should be %d (%v)", t.Node(i).ID, cost, ok, wantCost, wantOK)
		}
		if got, want := f.routes.NextHops(i), want.NextHops(i); !slices.Equal(got, want) {
			return fmt.Sprintf("next hops to %s are %v, they should be %v", t.Node(i).ID, got, want)
		}
	}
	for _, hop := range want.Neighbours() {
		if j := f.adjacencies[hop]; j == nil || j.down.Load() || !x.carries(j) {
			return fmt.Sprintf("the connection to %s is not the one that carries", t.Node(hop).ID)
		}
	}
	if f.waits != nil {
		return "some next hops wait for an acknowledgement"
	}
	return ""
}

// CostTo is what the way to a router costs; 0 if there is none.
func (r *Router) CostTo(id string) uint32 {
	routes := r.mesh.forwarding.Load().routes
	i, _ := routes.Topology().Index(id)
	cost, _ := routes.Cost(i)
	return cost
}

// TableWords is what the router knows of the addresses of each: their version and digest.
func (r *Router) TableWords() map[string]string {
	words := make(map[string]string)
	for _, s := range r.mesh.tables.Status() {
		if !s.Masked {
			words[s.Owner.ID] = fmt.Sprintf("version %d digest %x", s.Version, s.Digest)
		}
	}
	return words
}

// FreezeGossip ends the router's part in gossip: what it does not hear from its neighbours
// themselves it does not hear.
func (r *Router) FreezeGossip() { r.mesh.gossip.Close() }

// Gossip has gossip alone spread a message about a router.
func (r *Router) Gossip(origin string, msg []byte) { (*speakerHandler)(r.mesh).Broadcast(origin, msg) }

// LoseTables takes what is to be said of address tables to a neighbour next, and forgets it, as if
// it had been lost. It says whether there was something.
func (r *Router) LoseTables(neighbour string) bool {
	return r.mesh.tables.Next(neighbour, time.Now(), tableMessage) != nil
}

// Announce has the router say that it has consumers of an address.
func (r *Router) Announce(addr string) {
	_ = r.mesh.own.Set(addr, addrtable.Entry{Flags: addrtable.Open})
}

// Knows says whether an address has consumers at other routers.
func (r *Router) Knows(addr string) bool { return r.mesh.knows(addr) }

// WhileInNoQueue takes what waits for a neighbour out of its queues, as is done when that is lost,
// and puts it elsewhere after something has happened; parked says that it waits for the next routes
// meanwhile. It returns how many messages those are.
func (r *Router) WhileInNoQueue(neighbour string, parked bool, what func()) int {
	var b amqp.Batch
	x := r.mesh
	type taken struct {
		from *address
		list []message
	}
	var all []taken
	n := 0
	for _, j := range x.adjacencies() {
		if j.neighbour.ID != neighbour {
			continue
		}
		for _, t := range j.trunks {
			list := t.addr.takeOut(func(*message) bool { return true })
			all, n = append(all, taken{t.addr, list}), n+len(list)
		}
	}
	for _, it := range all {
		for i := range it.list {
			if m := &it.list[i]; parked {
				held := m.held
				x.park(&b, m, time.Now().Add(time.Minute))
				m.held = held
				m.unhold(&b)
			}
		}
	}
	what()
	for _, it := range all {
		for i := range it.list {
			if !parked {
				it.from.nobody(&b, &it.list[i])
			}
		}
	}
	if parked {
		x.parking.retry(&b)
	}
	b.Flush()
	return n
}
