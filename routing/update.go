package routing

import (
	"slices"
	"sync/atomic"

	"github.com/meshway/meshway/linkstate"
)

// Update computes the routes of the same router in the next topology. They equal what
// Compute gives. A change that touches no shortest path costs a comparison of the two
// topologies; all others cost a computation.
func Update(old *Routes, t *linkstate.Topology) *Routes {
	if !sameRouters(old.topology, t) {
		return Compute(t, old.id)
	}
	if old.touchedBy(t) {
		return compute(t, old.id, old.keys)
	}
	return &Routes{
		topology: t, id: old.id, self: old.self, keys: old.keys, dist: old.dist, hops: old.hops,
		from: make([]atomic.Pointer[[]uint64], len(old.from)),
	}
}

// sameRouters reports whether two topologies have the same routers, and thereby the same
// indexes.
func sameRouters(a, b *linkstate.Topology) bool {
	if a.Len() != b.Len() {
		return false
	}
	for i := range a.Len() {
		if a.Node(i).ID != b.Node(i).ID {
			return false
		}
	}
	return true
}

// touchedBy reports whether a topology of the same routers may have other shortest
// paths. It has none if the last steps of all of them are the same adjacencies,
// at costs that still add up, and no adjacency is a shorter way.
func (r *Routes) touchedBy(t *linkstate.Topology) bool {
	if r.self < 0 {
		return false
	}
	if !slices.EqualFunc(r.topology.Node(r.self).Edges, t.Node(r.self).Edges, func(a, b linkstate.Edge) bool { return a.To == b.To }) {
		return true // other neighbours, of which the alternates tell
	}
	for i := range t.Len() {
		if r.dist[i] != unreachable && !r.sameSteps(i, r.topology.Node(i), t.Node(i)) {
			return true
		}
	}
	return false
}

// sameSteps compares the adjacencies by which shortest paths leave a router, before
// and after a change.
func (r *Routes) sameSteps(at int, before, after *linkstate.Node) bool {
	was, is := r.dist[at], r.dist[at]
	if at != r.self {
		was += transitCost(before)
		is += transitCost(after)
	}
	for i, j := 0, 0; ; i, j = i+1, j+1 {
		i, j = r.step(before, was, i), r.step(after, is, j)
		if i == len(before.Edges) || j == len(after.Edges) {
			return i == len(before.Edges) && j == len(after.Edges)
		}
		e := after.Edges[j]
		if e.To != before.Edges[i].To || is+adjacencyCost(e) < r.dist[e.To] {
			return false
		}
	}
}

// step finds, from place i on, the next adjacency that is a last step of a shortest path
// or leads to a shorter one, when its router is left at the distance d.
func (r *Routes) step(n *linkstate.Node, d uint64, i int) int {
	for i < len(n.Edges) && d+adjacencyCost(n.Edges[i]) > r.dist[n.Edges[i].To] {
		i++
	}
	return i
}
