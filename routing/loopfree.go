package routing

import (
	"cmp"
	"slices"
)

// LoopFree reports whether the neighbour hop has a way of its own to dest, one that
// does not lead back through this router: d(n,t) < d(n,s) + d(s,t). [RFC 5286, 3.1]
func (r *Routes) LoopFree(dest, hop int) bool {
	from := r.distancesFrom(hop)
	if uint(dest) >= uint(len(from)) {
		return false
	}
	back := from[r.self] + transitCost(r.topology.Node(r.self))
	return from[dest] < back+r.dist[dest]
}

// distancesFrom are the distances of all routers from a neighbour; nil if it is none.
func (r *Routes) distancesFrom(hop int) []uint64 {
	slot, ok := r.hops.slot(hop)
	if !ok {
		return nil
	}
	if known := r.from[slot].Load(); known != nil {
		return *known
	}
	dist := shortest(r.topology, hop, nil) // by two callers at once: both get the same
	r.from[slot].Store(&dist)
	return dist
}

// Alternate is a neighbour by which a router could be reached if the next hops were
// lost.
type Alternate struct {
	Hop      int
	Cost     uint32 // of the path by it
	LoopFree bool   // it does not lead back through us
}

// Alternates are the neighbours that have a path to dest but are no next hops to it,
// the cheapest first, then by id.
func (r *Routes) Alternates(dest int) []Alternate {
	hops := r.NextHops(dest)
	if len(hops) == 0 {
		return nil
	}
	var list []Alternate
	for _, e := range r.topology.Node(r.self).Edges {
		if slices.Contains(hops, e.To) || e.To == r.self {
			continue
		}
		way := adjacencyCost(e)
		if e.To != dest {
			way += transitCost(r.topology.Node(e.To)) + r.distancesFrom(e.To)[dest]
		}
		list = append(list, Alternate{e.To, reported(way), r.LoopFree(dest, e.To)})
	}
	slices.SortStableFunc(list, func(a, b Alternate) int { return cmp.Compare(a.Cost, b.Cost) })
	return list
}
