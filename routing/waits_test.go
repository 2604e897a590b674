package routing

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/meshway/meshway/linkstate"
)

// transition is a mesh in the midst of a change of which some routers know, and others
// not yet.
type transition struct {
	old, new map[string]*Routes
	waits    map[string]*Waits
	knows    map[string]bool
	ids      []string // those that stay
	heeded   bool     // routers wait where they have to

	passed, waiting int // of the next hops that are new
}

// newTransition changes a mesh. The routers in ends know of it for sure.
func newTransition(rng *rand.Rand, m *mesh, changes []string, ends []string) *transition {
	x := &transition{old: map[string]*Routes{}, new: map[string]*Routes{}, waits: map[string]*Waits{}, knows: map[string]bool{}, heeded: true}
	before := m.topology()
	for _, id := range m.ids() {
		x.old[id] = Compute(before, id)
	}
	for _, line := range changes {
		m.change(line)
	}
	after := m.topology()
	x.ids = m.ids()
	share := rng.Float64()
	for _, id := range x.ids {
		if x.old[id] == nil {
			x.old[id] = Compute(before, id)
		}
		x.new[id] = Update(x.old[id], after)
		x.waits[id] = x.new[id].Waits(x.old[id])
		x.knows[id] = slices.Contains(ends, id) || rng.Float64() < share
	}
	return x
}

// hops are the next hops that a router may use, the way that things stand.
func (x *transition) hops(rng *rand.Rand, id, dest string) []string {
	if id == dest {
		return nil
	}
	if !x.knows[id] {
		return hopIDs2(x.old[id], dest)
	}
	r := x.new[id]
	to, _ := r.Topology().Index(dest)
	var hops []string
	for _, hop := range r.NextHops(to) {
		neighbour := r.Topology().Node(hop).ID
		acknowledged := x.knows[neighbour] && rng.IntN(2) == 0
		if x.waits[id].Has(to, hop) {
			x.waiting++
			if x.heeded && !acknowledged {
				continue
			}
		} else if !slices.Contains(hopIDs2(x.old[id], dest), neighbour) {
			x.passed++
		}
		hops = append(hops, neighbour)
	}
	return hops
}

func hopIDs2(r *Routes, dest string) []string {
	if _, ok := r.Topology().Index(dest); !ok {
		return nil
	}
	return hopIDs(r, dest)
}

// loop finds routers that may send a delivery to dest round and round.
func (x *transition) loop(rng *rand.Rand, dest string) []string {
	graph := map[string][]string{}
	for _, id := range x.ids {
		graph[id] = x.hops(rng, id, dest)
	}
	done := map[string]bool{}
	var path []string
	var visit func(id string) bool
	visit = func(id string) bool {
		if slices.Contains(path, id) {
			return true
		}
		path = append(path, id)
		for _, next := range graph[id] {
			if !done[next] && visit(next) {
				return true
			}
		}
		path = path[:len(path)-1]
		done[id] = true
		return false
	}
	for _, id := range x.ids {
		if !done[id] && visit(id) {
			return path
		}
	}
	return nil
}

// A change of each kind, and the routers that take part in it.
var changes = map[string]func(rng *rand.Rand, m *mesh) (lines, ends []string){
	"one adjacency is lost": func(rng *rand.Rand, m *mesh) (lines, ends []string) {
		pair := m.pairs()[rng.IntN(len(m.edges))]
		return []string{"lose " + pair[0] + " " + pair[1]}, pair[:]
	},
	"a router is lost": func(rng *rand.Rand, m *mesh) (lines, ends []string) {
		pair := m.pairs()[rng.IntN(len(m.edges))]
		return []string{"lose " + pair[0]}, m.neighbours(pair[0])
	},
	"three adjacencies are lost": func(rng *rand.Rand, m *mesh) (lines, ends []string) {
		for range 3 {
			pair := m.pairs()[rng.IntN(len(m.edges))]
			lines, ends = append(lines, "lose "+pair[0]+" "+pair[1]), append(ends, pair[:]...)
		}
		return lines, ends
	},
	"one adjacency is new": func(rng *rand.Rand, m *mesh) (lines, ends []string) {
		a, b := rng.IntN(len(m.draining)), rng.IntN(len(m.draining))
		if a == b || m.edges[pairOf(m.ids()[a], m.ids()[b])] != 0 {
			return nil, nil
		}
		ends = []string{m.ids()[a], m.ids()[b]}
		return []string{ends[0] + " " + ends[1] + " 1"}, ends[:1]
	},
	"an adjacency gets cheaper": func(rng *rand.Rand, m *mesh) (lines, ends []string) {
		pair := m.pairs()[rng.IntN(len(m.edges))]
		return []string{pair[0] + " " + pair[1] + " 1"}, pair[:1]
	},
}

func (m *mesh) neighbours(id string) []string {
	var ids []string
	for pair := range m.edges {
		switch id {
		case pair[0]:
			ids = append(ids, pair[1])
		case pair[1]:
			ids = append(ids, pair[0])
		}
	}
	return ids
}

func TestNothingLoopsWhileOnlySomeRoutersKnowOfAChange(t *testing.T) {
	for name, change := range changes {
		t.Run(name, func(t *testing.T) {
			unheeded, passed, waiting := 0, 0, 0
			for seed := range uint64(400) {
				rng := rand.New(rand.NewPCG(seed, 3))
				m := randomMesh(rng, seed%3 == 0)
				if len(m.edges) == 0 {
					continue
				}
				lines, ends := change(rng, m)
				x := newTransition(rng, m, lines, ends)
				for _, dest := range x.ids {
					x.heeded = true
					if loop := x.loop(rng, dest); loop != nil {
						t.Fatalf("seed %d: after %q, with %v knowing it, deliveries to %s loop: %v", seed, lines, x.knows, dest, loop)
					}
					x.heeded = false
					if x.loop(rng, dest) != nil {
						unheeded++
					}
				}
				passed, waiting = passed+x.passed, waiting+x.waiting
			}
			t.Logf("%d loops without waiting; %d times a new next hop waited, %d times it passed", unheeded, waiting, passed)
			if unheeded == 0 || passed == 0 {
				t.Errorf("%d loops without waiting, %d new next hops that passed: these meshes prove nothing", unheeded, passed)
			}
		})
	}
}

func TestTheLoopFreeTestIsThatOfTheRFC(t *testing.T) {
	for seed := range uint64(200) {
		top := randomMesh(rand.New(rand.NewPCG(seed, 4)), false).topology()
		dist := reference(top)
		for self := range top.Len() {
			r := Compute(top, top.Node(self).ID)
			for _, e := range top.Node(self).Edges {
				for dest := range top.Len() {
					n := dist[e.To]
					want := n[dest] != unreachable && n[dest] < n[self]+dist[self][dest]
					if got := r.LoopFree(dest, e.To); got != want {
						t.Fatalf("seed %d: loop-free from %d by %d to %d: %v, want %v", seed, self, e.To, dest, got, want)
					}
				}
			}
		}
	}
}

func TestAlternatesAreTheOtherNeighboursByTheCostOfTheirWay(t *testing.T) {
	r := Compute(topology("A B 1", "A C 2", "A D 4", "A E 1", "B Z 1", "C Z 1", "D Z 3", "A F 9", "F Z 1", "drain F"), "A")
	z, _ := r.Topology().Index("Z")
	got := ""
	for _, a := range r.Alternates(z) {
		got += fmt.Sprintf("%s %d %v; ", r.Topology().Node(a.Hop).ID, a.Cost, a.LoopFree)
	}
	// E has no way but back; D has one as dear as the way through A.
	want := fmt.Sprintf("C 3 true; E 4 false; D 7 true; F %d true; ", linkstate.InfiniteCost+10)
	if got != want {
		t.Errorf("alternates are %q, want %q", got, want)
	}
	f, _ := r.Topology().Index("F")
	if list := r.Alternates(f); list[len(list)-1] != (Alternate{Hop: f, Cost: 9, LoopFree: true}) {
		t.Errorf("the dearer adjacency with the router itself is no alternate as it should be: %v", list)
	}
	if list := r.Alternates(r.Self()); list != nil {
		t.Errorf("alternates to oneself: %v", list)
	}
}

func TestANeighbourThatAcknowledgedIsWaitedForNoMore(t *testing.T) {
	// With A C lost, B and D would send back to A what is for C.
	old := Compute(topology("A B 1", "A C 1", "A D 1", "B C 5", "C D 5"), "A")
	r := Update(old, topology("A B 1", "A D 1", "B C 5", "C D 5"))
	w := r.Waits(old)
	b, c, d := 1, 2, 3
	if !w.Has(c, b) || !w.Has(c, d) || w.Has(b, b) || w.Has(d, d) || !slices.Equal(w.Hops(), []int{b, d}) {
		t.Fatalf("waits for %v: %+v", w.Hops(), w)
	}
	w = w.Without(b)
	if w.Has(c, b) || !w.Has(c, d) || w.Without(b) != w {
		t.Errorf("after B has acknowledged: %+v", w)
	}
	if w = w.Without(d); w != nil || w.Has(c, d) || w.Hops() != nil || w.Without(d) != nil {
		t.Errorf("after both have: %+v", w)
	}
	if w := r.Waits(r); w != nil {
		t.Errorf("nothing changed, but %+v waits", w)
	}
}

func TestARouterThatIsItselfTheNeighbourIsNeverWaitedFor(t *testing.T) {
	old := Compute(topology("A B 1", "B C 1"), "A")
	r := Update(old, topology("A B 1", "B C 1", "A C 1", "A N 1"))
	if w := r.Waits(old); w != nil {
		t.Errorf("waits for %v", w.Hops())
	}
}

func TestANeighbourThatTheOldTopologyDidNotKnowIsWaitedFor(t *testing.T) {
	old := Compute(topology("A B 1", "B C 1"), "A")
	r := Update(old, topology("A B 5", "B C 1", "A AN 1", "AN C 1")) // it has B's old index
	c, _ := r.Topology().Index("C")
	n, _ := r.Topology().Index("AN")
	if w := r.Waits(old); !w.Has(c, n) {
		t.Errorf("waits for %v, want %d", w.Hops(), n)
	}
}

func TestEachNeighbourIsWaitedForByItsOwnDestinations(t *testing.T) {
	w := &Waits{}
	w.add(66, 9, 70)
	w.add(3, 4, 70)
	w.add(4, 4, 70)
	for _, w := range []*Waits{w, w.Without(5)} {
		if !w.Has(66, 9) || !w.Has(3, 4) || !w.Has(4, 4) || w.Has(66, 4) || w.Has(2, 9) || w.Has(3, 9) || w.Has(-1, 9) || w.Has(1000, 9) {
			t.Errorf("%+v", w)
		}
	}
	if left := w.Without(4); !left.Has(66, 9) || left.Has(3, 9) || left.Has(3, 4) || !w.Has(3, 4) {
		t.Errorf("without 4 %+v, which was %+v", left, w)
	}
}
