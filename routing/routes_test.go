package routing

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/meshway/meshway/linkstate"
)

func TestNothingIsReachedFromARouterThatTheTopologyDoesNotKnow(t *testing.T) {
	r := Compute(topology("A B 1"), "Z")
	if _, ok := r.Cost(0); ok || r.Self() != -1 || r.NextHops(0) != nil || r.Alternates(0) != nil || r.LoopFree(0, 1) {
		t.Errorf("a stranger has routes: self %d, next hops %v", r.Self(), r.NextHops(0))
	}
	if r = Update(r, topology("A B 1", "A Z 2")); len(r.NextHops(0)) != 1 {
		t.Errorf("once it is known, it has next hops %v to A", r.NextHops(0))
	}
}

func TestAnIndexOfAnotherTopologyIsOutOfReach(t *testing.T) {
	r := Compute(topology("A B 1"), "A")
	for _, dest := range []int{-1, 2, math.MaxInt} {
		_, reached := r.Cost(dest)
		_, hop := r.NextHop(dest, 1)
		if reached || hop || r.NextHops(dest) != nil || r.Alternates(dest) != nil || r.LoopFree(dest, 1) || r.LoopFree(1, dest) {
			t.Errorf("router %d of 2 is reached", dest)
		}
	}
}

// reference has the distances by another way than Dijkstra's: each router in turn
// becomes one that paths may lead through. [Floyd, Warshall]
func reference(t *linkstate.Topology) [][]uint64 {
	const far = math.MaxUint64 / 4
	dist := make([][]uint64, t.Len())
	for i := range dist {
		dist[i] = slices.Repeat([]uint64{far}, t.Len())
		for _, e := range t.Node(i).Edges {
			dist[i][e.To] = uint64(e.Cost)
		}
		dist[i][i] = 0
	}
	for k := range dist {
		for i := range dist {
			for j := range dist {
				if i != k && j != k {
					dist[i][j] = min(dist[i][j], dist[i][k]+dist[k][j]+penalty(t, k))
				}
			}
		}
	}
	for i := range dist {
		for j := range dist {
			if dist[i][j] >= far {
				dist[i][j] = unreachable
			}
		}
	}
	return dist
}

func penalty(t *linkstate.Topology, i int) uint64 {
	if t.Node(i).Draining {
		return linkstate.InfiniteCost
	}
	return 0
}

func TestCostsAndNextHopsAreThoseOfAllShortestPaths(t *testing.T) {
	for seed := range uint64(300) {
		m := randomMesh(rand.New(rand.NewPCG(seed, 1)), true)
		top := m.topology()
		dist := reference(top)
		for self := range top.Len() {
			r := Compute(top, top.Node(self).ID)
			for dest := range top.Len() {
				cost, ok := r.Cost(dest)
				if want := dist[self][dest]; ok != (want != unreachable) || ok && uint64(cost) != min(want, math.MaxUint32) {
					t.Fatalf("seed %d: cost from %d to %d is %d, %v; want %d", seed, self, dest, cost, ok, want)
				}
				var want []int
				for _, e := range top.Node(self).Edges {
					way := uint64(e.Cost)
					if e.To != dest {
						way += penalty(top, e.To) + dist[e.To][dest]
					}
					if dest != self && dist[self][dest] != unreachable && way == dist[self][dest] {
						want = append(want, e.To)
					}
				}
				if got := r.NextHops(dest); !slices.Equal(got, want) {
					t.Fatalf("seed %d: next hops from %d to %d are %v, want %v", seed, self, dest, got, want)
				}
			}
		}
	}
}

func hopIDs(r *Routes, dest string) []string {
	i, _ := r.Topology().Index(dest)
	var ids []string
	for _, hop := range r.NextHops(i) {
		ids = append(ids, r.Topology().Node(hop).ID)
	}
	return ids
}

func TestADrainingRouterIsPassedOnlyForWantOfAnotherWay(t *testing.T) {
	// The way round costs more than the infinite cost, and more than 32 bits hold.
	lines := []string{"A B 1", "B C 1", "A D 4294967295", "D E 4294967295", "C E 4294967295", "C F 1", "drain B"}
	r := Compute(topology(lines...), "A")
	for dest, want := range map[string]string{"B": "B", "C": "D", "F": "D"} {
		if got := hopIDs(r, dest); !slices.Equal(got, []string{want}) {
			t.Errorf("next hops to %s are %v, want %s", dest, got, want)
		}
	}
	if c, _ := r.Topology().Index("C"); mustCost(t, r, c) != math.MaxUint32 {
		t.Errorf("a cost beyond 32 bits is given as %d", mustCost(t, r, c))
	}
	r = Update(r, topology(append(lines, "lose D E")...))
	if got := hopIDs(r, "C"); !slices.Equal(got, []string{"B"}) {
		t.Errorf("with no other way, next hops to C are %v, want B", got)
	}
	if c, _ := r.Topology().Index("C"); mustCost(t, r, c) != linkstate.InfiniteCost+2 {
		t.Errorf("the cost through a draining router is %d", mustCost(t, r, c))
	}
}

func mustCost(t *testing.T, r *Routes, dest int) uint32 {
	t.Helper()
	cost, ok := r.Cost(dest)
	if !ok {
		t.Fatalf("router %d is out of reach", dest)
	}
	return cost
}

func TestADrainingRouterStillChoosesTheCheapestOfItsOwnWays(t *testing.T) {
	r := Compute(topology("A B 1", "A C 5", "B D 1", "C D 1", "drain A"), "A")
	if got := hopIDs(r, "D"); !slices.Equal(got, []string{"B"}) {
		t.Errorf("next hops are %v, want B", got)
	}
	if d, _ := r.Topology().Index("D"); mustCost(t, r, d) != 2 {
		t.Errorf("its own traffic is no transit, but costs %d", mustCost(t, r, d))
	}
}

func TestOddTopologiesAreSurvived(t *testing.T) {
	r := Compute(linkstate.NewTopology([]linkstate.Node{
		{ID: "A", Edges: []linkstate.Edge{{To: 0, Cost: 1}, {To: 1, Cost: 0}, {To: 1, Cost: 7}}}, // to itself, free, twice
		{ID: "B", Edges: []linkstate.Edge{{To: 0, Cost: 7}, {To: 0, Cost: 0}, {To: 2, Cost: 3}}}, // to C, which knows nothing of it
		{ID: "C"},
	}), "A")
	if cost := mustCost(t, r, 1); cost != 1 || !slices.Equal(r.NextHops(1), []int{1}) {
		t.Errorf("cost %d by %v, want 1 by [1]", cost, r.NextHops(1))
	}
	if !slices.Equal(r.Neighbours(), []int{1}) {
		t.Errorf("neighbours %v, want [1]", r.Neighbours())
	}
	for dest := range 3 {
		r.LoopFree(dest, 1)
		r.Alternates(dest)
	}
	if Compute(linkstate.NewTopology(nil), "A").Self() != -1 {
		t.Error("found in an empty topology")
	}
}

// equalRoutes compares all that routes say.
func equalRoutes(a, b *Routes) bool {
	if a.Topology().Len() != b.Topology().Len() || a.Self() != b.Self() || !slices.Equal(a.Neighbours(), b.Neighbours()) {
		return false
	}
	for dest := range a.Topology().Len() {
		costA, okA := a.Cost(dest)
		costB, okB := b.Cost(dest)
		ka, _ := a.ByKey(KeyOf(b.Topology().Node(dest).ID))
		if costA != costB || okA != okB || ka != dest || !slices.Equal(a.NextHops(dest), b.NextHops(dest)) || !slices.Equal(a.Alternates(dest), b.Alternates(dest)) {
			return false
		}
		for flow := range uint32(4) {
			hopA, _ := a.NextHop(dest, flow)
			hopB, _ := b.NextHop(dest, flow)
			if hopA != hopB {
				return false
			}
		}
	}
	return true
}

func TestAnUpdateEqualsAComputationAfterAnyChanges(t *testing.T) {
	spared, changes := 0, 0
	for seed := range uint64(100) {
		rng := rand.New(rand.NewPCG(seed, 2))
		m := randomMesh(rng, true)
		r := Compute(m.topology(), routerID(0))
		for range 30 {
			line := ""
			for range 1 + rng.IntN(2) {
				line = m.randomChange(rng)
				m.change(line)
			}
			next := Update(r, m.topology())
			if !equalRoutes(next, Compute(m.topology(), routerID(0))) {
				t.Fatalf("seed %d: after %q the updated routes differ", seed, line)
			}
			if changes++; next.hops == r.hops {
				spared++
			}
			r = next
		}
	}
	if spared < changes/10 {
		t.Errorf("only %d of %d updates did without a computation", spared, changes)
	}
}

func TestAChangeThatTouchesNoShortestPathCostsNoComputation(t *testing.T) {
	lines := []string{"A B 1", "B C 1", "C D 1", "A D 5", "D E 1", "C E 1"}
	old := Compute(topology(lines...), "A")
	for change, spared := range map[string]bool{
		"A D 4":    true,  // still dearer than A B C D
		"A D 3":    false, // as cheap
		"D E 9":    true,
		"lose D E": true,
		"drain E":  true, // nothing passes there
		"drain D":  true,
		"drain C":  false,
		"drain A":  true, // our own traffic is no transit
		"lose A D": false,
		"B E 3":    true,
		"B E 1":    false,
		"C E 2":    false,
		"F":        false,

		// As many neighbours, but others.
		"lose A D, A E 9": false,
	} {
		r := Update(old, topology(append(slices.Clone(lines), strings.Split(change, ",")...)...))
		if (r.hops == old.hops) != spared {
			t.Errorf("%s: spared a computation: %v, want %v", change, r.hops == old.hops, spared)
		}
		if r.Topology() == old.Topology() {
			t.Errorf("%s: the routes still tell of the old topology", change)
		}
	}
}
