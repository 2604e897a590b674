package routing

import (
	"math"
	"sync/atomic"

	"github.com/meshway/meshway/linkstate"
)

// Routes are the ways from one router to all others of a topology. They are
// immutable. Routers are named by their index in that topology; an index that
// it does not have is a router that cannot be reached.
type Routes struct {
	topology *linkstate.Topology
	id       string
	self     int // -1 while the topology does not know us
	keys     map[Key]int32
	dist     []uint64
	hops     *hopTable

	// from has for each neighbour the distances of all routers from it, computed
	// when they are first asked for.
	from []atomic.Pointer[[]uint64]
}

// Compute computes the routes of the router with the id self. If the topology
// does not know it, nothing can be reached.
func Compute(t *linkstate.Topology, self string) *Routes {
	return compute(t, self, keysOf(t))
}

func compute(t *linkstate.Topology, self string, keys map[Key]int32) *Routes {
	r := &Routes{topology: t, id: self, self: -1, keys: keys, hops: &hopTable{}}
	at, ok := t.Index(self)
	if !ok {
		return r
	}
	r.self = at
	r.hops = newHopTable(t, at)
	r.dist = shortest(t, at, r.hops)
	r.hops.finish(t, at)
	r.from = make([]atomic.Pointer[[]uint64], r.hops.neighbours)
	return r
}

// Topology is what the routes were computed from, and what their indexes refer to.
func (r *Routes) Topology() *linkstate.Topology { return r.topology }

// Self is the index of the router whose routes these are, or -1 if the topology does
// not know it.
func (r *Routes) Self() int { return r.self }

// Cost is the cost of the shortest paths to a router, and whether there are any. A
// router on the path that is to carry no transit adds [linkstate.InfiniteCost];
// what does not fit is the largest number.
func (r *Routes) Cost(dest int) (uint32, bool) {
	if uint(dest) >= uint(len(r.dist)) || r.dist[dest] == unreachable {
		return 0, false
	}
	return reported(r.dist[dest]), true
}

// reported is a distance as others are told of it.
func reported(dist uint64) uint32 {
	return uint32(min(dist/drainCost*linkstate.InfiniteCost+dist%drainCost, math.MaxUint32))
}

// NextHops are the neighbours with which shortest paths to a router begin, ordered
// by id. The list must not be changed. It is empty for oneself.
func (r *Routes) NextHops(dest int) []int {
	if s := r.set(dest); s != nil {
		return s.nodes
	}
	return nil
}

// NextHop chooses the next hop for a flow to a router: always the same one, as long
// as that is among the next hops. There is none to oneself.
func (r *Routes) NextHop(dest int, flow uint32) (int, bool) { return r.NextHopExcept(dest, flow, -1) }

// NextHopExcept is NextHop for what must not go by one of the neighbours, say, because
// it came from there.
func (r *Routes) NextHopExcept(dest int, flow uint32, except int) (int, bool) {
	s := r.set(dest)
	if s == nil {
		return -1, false
	}
	return s.choose(flow, except)
}

func (r *Routes) set(dest int) *hopSet {
	if uint(dest) >= uint(len(r.hops.of)) || r.hops.of[dest] == noHops {
		return nil
	}
	return &r.hops.sets[r.hops.of[dest]]
}

// Neighbours are the routers with an adjacency to us, ordered by id.
func (r *Routes) Neighbours() []int {
	list := make([]int, 0, r.hops.neighbours)
	for i := range r.hops.neighbours {
		list = append(list, r.hops.sets[i].nodes[0])
	}
	return list
}
