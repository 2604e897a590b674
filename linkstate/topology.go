package linkstate

import (
	"cmp"
	"slices"
)

// InfiniteCost is what a router that is draining adds to the cost of a path through
// it. Such paths remain, for want of others. [RFC 6987]
const InfiniteCost = 1 << 30

// Topology is an immutable picture of the mesh as one router sees it: the routers
// that it can reach, itself included, and the adjacencies that both of their ends
// report. Everything about a router is found by its index, which is valid in this
// topology only.
type Topology struct {
	nodes       []Node
	index       map[string]int
	unreachable []string // sorted
}

// Node is a router of the mesh.
type Node struct {
	ID          string
	Incarnation uint64
	Draining    bool   // it is to carry transit only where there is no other way
	Edges       []Edge // its adjacencies in the order of To
}

// Edge is an adjacency as seen from one of its ends, and costs the same from both.
type Edge struct {
	To   int    // index of the neighbour
	Cost uint32 // the larger of what both ends say, 1 to MaxCost, draining or not
}

// NewTopology makes a topology of nodes whose edges refer to each other by their
// places in the list. It takes the list over, and orders it by id.
func NewTopology(nodes []Node) *Topology {
	place := make([]int, len(nodes)) // old index -> new
	order := make([]int, len(nodes))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(nodes[a].ID, nodes[b].ID) })
	t := &Topology{nodes: make([]Node, len(nodes))}
	for at, old := range order {
		place[old] = at
		t.nodes[at] = nodes[old]
	}
	for i := range t.nodes {
		edges := t.nodes[i].Edges
		for j := range edges {
			edges[j].To = place[edges[j].To]
		}
		slices.SortFunc(edges, func(a, b Edge) int { return cmp.Compare(a.To, b.To) })
	}
	t.indexAs(nil)
	return t
}

// indexAs makes the index, or takes that of a topology of the same routers.
func (t *Topology) indexAs(o *Topology) {
	if o != nil && slices.EqualFunc(t.nodes, o.nodes, func(a, b Node) bool { return a.ID == b.ID }) {
		t.index = o.index
		return
	}
	t.index = make(map[string]int, len(t.nodes))
	for i := range t.nodes {
		t.index[t.nodes[i].ID] = i
	}
}

// Len is the number of routers.
func (t *Topology) Len() int { return len(t.nodes) }

// Node is the router with that index. Its edges must not be changed.
func (t *Topology) Node(i int) *Node { return &t.nodes[i] }

// Index finds a router by its id.
func (t *Topology) Index(id string) (int, bool) {
	i, ok := t.index[id]
	return i, ok
}

// Unreachable are the ids of the routers that are known and not reachable, sorted.
// They are not among the nodes. The list must not be changed.
func (t *Topology) Unreachable() []string { return t.unreachable }

// Equal reports whether both are the same picture. Either may be nil.
func (t *Topology) Equal(o *Topology) bool {
	if t == nil || o == nil {
		return t == o
	}
	return slices.Equal(t.unreachable, o.unreachable) && slices.EqualFunc(t.nodes, o.nodes, func(a, b Node) bool {
		return a.ID == b.ID && a.Incarnation == b.Incarnation && a.Draining == b.Draining && slices.Equal(a.Edges, b.Edges)
	})
}
