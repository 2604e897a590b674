package linkstate

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// reckoned is the topology as its definition says, looked up from nothing but the LSAs.
func reckoned(d *database, self string) *Topology {
	place := map[string]int{self: 0}
	reached := []string{self}
	var nodes []Node
	for i := 0; i < len(reached); i++ {
		l := d.records[reached[i]].lsa
		n := Node{ID: l.Origin, Incarnation: l.Incarnation, Draining: l.Draining}
		for _, a := range l.Adjacencies {
			other := d.records[a.Neighbour]
			if other == nil || a.Neighbour == l.Origin {
				continue
			}
			back, both := other.lsa.cost(l.Origin)
			if !both {
				continue
			}
			if _, known := place[a.Neighbour]; !known {
				place[a.Neighbour] = len(reached)
				reached = append(reached, a.Neighbour)
			}
			n.Edges = append(n.Edges, Edge{To: place[a.Neighbour], Cost: max(a.Cost, back)})
		}
		nodes = append(nodes, n)
	}
	t := NewTopology(nodes)
	for id, r := range d.records {
		if _, ok := place[id]; !ok && r.standing != buried {
			t.unreachable = append(t.unreachable, id)
		}
	}
	slices.Sort(t.unreachable)
	return t
}

// What the database keeps of the graph as LSAs come, go, and are buried is what their
// adjacencies say, and an index is never that of other routers.
func TestTheGraphIsWhatTheLSAsSay(t *testing.T) {
	for seed := range uint64(200) {
		random := rand.New(rand.NewPCG(seed, 5))
		ids := make([]string, 2+random.IntN(12))
		for i := range ids {
			ids[i] = fmt.Sprint("r", i)
		}
		d := &database{records: map[string]*record{}}
		anLSA := func(id string) *LSA {
			l := &LSA{Header: Header{Origin: id, Incarnation: 1 + random.Uint64N(3), Seq: random.Uint64()}, Draining: random.IntN(8) == 0}
			for _, other := range ids { // a router may claim itself, too
				if random.IntN(3) == 0 {
					l.Adjacencies = append(l.Adjacencies, Adjacency{other, 1 + random.Uint32N(3)})
				}
			}
			slices.SortFunc(l.Adjacencies, func(a, b Adjacency) int { return strings.Compare(a.Neighbour, b.Neighbour) })
			return l
		}
		d.install(anLSA(ids[0]), nil, time.Time{})
		var last *Topology
		for step := range 60 {
			id := ids[random.IntN(len(ids))]
			switch r := d.records[id]; {
			case r != nil && id != ids[0] && random.IntN(4) == 0:
				d.remove(r)
			case r != nil && id != ids[0] && random.IntN(6) == 0:
				d.move(r, standing(random.IntN(3)), time.Time{})
			default:
				d.install(anLSA(id), nil, time.Time{})
			}
			have, want := d.topology(ids[0], last), reckoned(d, ids[0])
			if !have.Equal(want) {
				t.Fatalf("seed %d, step %d: the graph is\n%+v, and the LSAs say\n%+v", seed, step, have, want)
			}
			for i := range have.Len() {
				if at, ok := have.Index(have.Node(i).ID); !ok || at != i || len(have.index) != have.Len() {
					t.Fatalf("seed %d, step %d: %s has index %d (%v), and is found at %d of %d", seed, step, have.Node(i).ID, at, ok, i, len(have.index))
				}
			}
			last = have
		}
	}
}
