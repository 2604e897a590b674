package routing

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/meshway/meshway/linkstate"
)

// mesh is a topology that can be changed.
type mesh struct {
	draining map[string]bool // of each router
	edges    map[[2]string]uint32
}

func newMesh() *mesh {
	return &mesh{draining: map[string]bool{}, edges: map[[2]string]uint32{}}
}

// topology makes a topology of lines such as "A B 3", "drain A", or "C" alone.
func topology(lines ...string) *linkstate.Topology { return readMesh(lines...).topology() }

func readMesh(lines ...string) *mesh {
	m := newMesh()
	for _, line := range lines {
		m.change(line)
	}
	return m
}

// change obeys a line: "A B 3" adds an adjacency or changes its cost, "lose A B" and
// "lose A" take away, "drain A" and "refill A" say what they say, "A" adds a router.
func (m *mesh) change(line string) {
	word := strings.Fields(line)
	switch {
	case len(word) == 2 && word[0] == "drain", len(word) == 2 && word[0] == "refill":
		m.draining[word[1]] = word[0] == "drain"
	case len(word) == 2 && word[0] == "lose":
		delete(m.draining, word[1])
		for pair := range m.edges {
			if pair[0] == word[1] || pair[1] == word[1] {
				delete(m.edges, pair)
			}
		}
	case len(word) == 3 && word[0] == "lose":
		delete(m.edges, pairOf(word[1], word[2]))
	case len(word) == 1:
		m.draining[word[0]] = false
	case len(word) == 3:
		var cost uint32
		if _, err := fmt.Sscan(word[2], &cost); err != nil {
			panic(fmt.Sprintf("line %q: %v", line, err))
		}
		m.connect(word[0], word[1], cost)
	default:
		panic(fmt.Sprintf("line %q is none of a mesh", line))
	}
}

func pairOf(a, b string) [2]string { return [2]string{min(a, b), max(a, b)} }

func (m *mesh) connect(a, b string, cost uint32) {
	for _, id := range [2]string{a, b} {
		if _, known := m.draining[id]; !known {
			m.draining[id] = false
		}
	}
	m.edges[pairOf(a, b)] = cost
}

func (m *mesh) ids() []string {
	var ids []string
	for id := range m.draining {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

func (m *mesh) pairs() [][2]string {
	var pairs [][2]string
	for pair := range m.edges {
		pairs = append(pairs, pair)
	}
	slices.SortFunc(pairs, func(a, b [2]string) int { return slices.Compare(a[:], b[:]) })
	return pairs
}

func (m *mesh) topology() *linkstate.Topology {
	ids := m.ids()
	nodes := make([]linkstate.Node, len(ids))
	for i, id := range ids {
		nodes[i] = linkstate.Node{ID: id, Draining: m.draining[id]}
	}
	for pair, cost := range m.edges {
		a, _ := slices.BinarySearch(ids, pair[0])
		b, _ := slices.BinarySearch(ids, pair[1])
		nodes[a].Edges = append(nodes[a].Edges, linkstate.Edge{To: b, Cost: cost})
		nodes[b].Edges = append(nodes[b].Edges, linkstate.Edge{To: a, Cost: cost})
	}
	return linkstate.NewTopology(nodes)
}

// randomMesh has few routers, few different costs, and so many ties. Some of it may
// not be connected.
func randomMesh(rng *rand.Rand, draining bool) *mesh {
	m := newMesh()
	n := 2 + rng.IntN(12)
	for i := range n {
		m.draining[routerID(i)] = draining && rng.IntN(5) == 0
	}
	costs := 1 + rng.IntN(6)
	for range n + rng.IntN(2*n) {
		if a, b := rng.IntN(n), rng.IntN(n); a != b {
			m.connect(routerID(a), routerID(b), uint32(1+rng.IntN(costs)))
		}
	}
	return m
}

func routerID(i int) string { return fmt.Sprintf("r%03d", i) }

// randomChange is a line that changes the mesh.
func (m *mesh) randomChange(rng *rand.Rand) string {
	ids, pairs := m.ids(), m.pairs()
	id := ids[rng.IntN(len(ids))]
	switch what := rng.IntN(10); {
	case what < 3 && len(pairs) > 0:
		pair := pairs[rng.IntN(len(pairs))]
		return "lose " + pair[0] + " " + pair[1]
	case what < 6 && len(pairs) > 0:
		pair := pairs[rng.IntN(len(pairs))]
		return fmt.Sprintf("%s %s %d", pair[0], pair[1], 1+rng.IntN(8))
	case what < 8:
		if other := ids[rng.IntN(len(ids))]; other != id {
			return fmt.Sprintf("%s %s %d", id, other, 1+rng.IntN(8))
		}
		return "drain " + id
	case what == 8 && m.draining[id]:
		return "refill " + id
	case what == 8:
		return "drain " + id
	case len(ids) > 3 && rng.IntN(2) == 0:
		return "lose " + id
	}
	return fmt.Sprintf("%s %s 2", id, routerID(rng.IntN(20)+50))
}
