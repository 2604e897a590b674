package routing

import (
	"slices"

	"github.com/meshway/meshway/linkstate"
)

// noHops stands for the next hops to oneself and to what cannot be reached.
const noHops = -1

// hopTable says for each destination which neighbours its shortest paths begin
// with. Destinations share sets, so there are few.
type hopTable struct {
	of   []int32  // by destination: its place in sets, or noHops
	sets []hopSet // first each neighbour alone, in order, then unions of them

	neighbours int
	unions     map[[2]int32]int32 // of two places in sets; nil after Compute
}

// hopSet is a set of neighbours, ordered by index and so by id.
type hopSet struct {
	nodes []int
	seeds []uint64 // with each, what a flow's label is hashed with
}

func newHopTable(t *linkstate.Topology, self int) *hopTable {
	h := &hopTable{of: make([]int32, t.Len()), unions: map[[2]int32]int32{}}
	for i := range h.of {
		h.of[i] = noHops
	}
	for _, e := range t.Node(self).Edges {
		known := len(h.sets) > 0 && h.sets[len(h.sets)-1].nodes[0] == e.To
		if e.To != self && !known {
			h.sets = append(h.sets, hopSet{nodes: []int{e.To}})
		}
	}
	h.neighbours = len(h.sets)
	return h
}

// slot finds a neighbour's place.
func (h *hopTable) slot(neighbour int) (int, bool) {
	return slices.BinarySearchFunc(h.sets[:h.neighbours], neighbour, func(s hopSet, n int) int { return s.nodes[0] - n })
}

// through gives the next hops of paths that come to a router from another.
func (h *hopTable) through(root, from, to int) int32 {
	if from != root {
		return h.of[from]
	}
	slot, _ := h.slot(to)
	return int32(slot)
}

// union finds or makes the union of two sets.
func (h *hopTable) union(a, b int32) int32 {
	if a == b {
		return a
	}
	key := [2]int32{min(a, b), max(a, b)}
	if u, ok := h.unions[key]; ok {
		return u
	}
	u := h.merge(a, b)
	h.unions[key] = u
	return u
}

func (h *hopTable) merge(a, b int32) int32 {
	nodes := slices.Concat(h.sets[a].nodes, h.sets[b].nodes)
	slices.Sort(nodes)
	nodes = slices.Compact(nodes)
	for _, whole := range [2]int32{a, b} {
		if len(nodes) == len(h.sets[whole].nodes) {
			return whole
		}
	}
	h.sets = append(h.sets, hopSet{nodes: nodes})
	return int32(len(h.sets) - 1)
}

// finish gives all sets their seeds. The router's own id is part of them: were next hops
// ranked alike everywhere, a router would have few flows left for the next hops that
// it has in common with the router that they came from.
func (h *hopTable) finish(t *linkstate.Topology, self int) {
	h.unions = nil
	own := uint64(KeyOf(t.Node(self).ID))
	for i := range h.sets {
		s := &h.sets[i]
		s.seeds = make([]uint64, len(s.nodes))
		for j, n := range s.nodes {
			s.seeds[j] = mix(own) ^ uint64(KeyOf(t.Node(n).ID))
		}
	}
}

// choose picks the member that ranks highest for the flow, other than except: a rendezvous
// hash, by which a member that is lost moves its own flows and no others.
func (s *hopSet) choose(flow uint32, except int) (int, bool) {
	best, rank := -1, uint64(0)
	for i, n := range s.nodes {
		if n == except {
			continue
		}
		if score := mix(s.seeds[i] + uint64(flow)*0x9e3779b97f4a7c15); best < 0 || score > rank {
			best, rank = n, score
		}
	}
	return best, best >= 0
}

// mix spreads each bit of x over all bits (the finalizer of splitmix64).
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
