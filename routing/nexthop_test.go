package routing

import "testing"

const flows = 8000

// spread counts the flows of each next hop to dest.
func spread(r *Routes, dest string) map[string]int {
	i, _ := r.Topology().Index(dest)
	count := map[string]int{}
	for flow := range uint32(flows) {
		hop, _ := r.NextHop(i, flow)
		count[r.Topology().Node(hop).ID]++
	}
	return count
}

// fan is a mesh with four equal ways from A to Z, and eight to Y.
var fan = []string{
	"A B1 1", "A B2 1", "A B3 1", "A B4 1",
	"B1 Z 1", "B2 Z 1", "B3 Z 1", "B4 Z 1",
	"B1 C1 1", "B1 C2 1", "C1 Y 1", "C2 Y 1", "B2 C1 1", "B2 C2 1", "B3 C1 1", "B3 C2 1", "B4 C1 1", "B4 C2 1",
}

func TestFlowsSpreadEvenlyOverEqualWays(t *testing.T) {
	count := spread(Compute(topology(fan...), "A"), "Z")
	for _, hop := range []string{"B1", "B2", "B3", "B4"} {
		if n := count[hop]; n < flows/4*9/10 || n > flows/4*11/10 {
			t.Errorf("%s has %d of %d flows", hop, n, flows)
		}
	}
}

// If all routers ranked next hops alike, B1 would have few flows left for C1: most of those
// for which A ranks it above C1 would rank C2 above C1, too.
func TestFlowsThatOneRouterSentTheSameWaySpreadAgainAtTheNext(t *testing.T) {
	top := topology("A B1 1", "A C1 2", "B1 C1 1", "B1 C2 1", "C1 Y 1", "C2 Y 1")
	first, second := Compute(top, "A"), Compute(top, "B1")
	y, _ := top.Index("Y")
	count, all := map[int]int{}, 0
	for flow := range uint32(flows) {
		if hop, _ := first.NextHop(y, flow); hop == second.Self() {
			next, _ := second.NextHop(y, flow)
			count[next]++
			all++
		}
	}
	if len(count) != 2 || all == 0 {
		t.Fatalf("%d flows take the ways %v", all, count)
	}
	for hop, n := range count {
		if n < all*4/10 {
			t.Errorf("%s has %d of %d flows", top.Node(hop).ID, n, all)
		}
	}
}

func TestALostNextHopMovesItsOwnFlowsAndNoOthers(t *testing.T) {
	before := Compute(topology(fan...), "A")
	after := Update(before, topology(append(fan[:len(fan):len(fan)], "lose B2")...))
	from, _ := before.Topology().Index("Z")
	to, _ := after.Topology().Index("Z")
	moved := map[string]int{}
	for flow := range uint32(flows) {
		h1, _ := before.NextHop(from, flow)
		h2, _ := after.NextHop(to, flow)
		was, is := before.Topology().Node(h1).ID, after.Topology().Node(h2).ID
		if was == "B2" {
			moved[is]++
		} else if was != is {
			t.Fatalf("flow %d moved from %s to %s, though only B2 is lost", flow, was, is)
		}
	}
	if len(moved) != 3 {
		t.Errorf("the flows of B2 went to %v, want all three others", moved)
	}
}

func TestWhatCameFromANextHopDoesNotGoBackThere(t *testing.T) {
	r := Compute(topology(fan...), "A")
	z, _ := r.Topology().Index("Z")
	for flow := range uint32(100) {
		first, _ := r.NextHop(z, flow)
		if hop, ok := r.NextHopExcept(z, flow, first); !ok || hop == first {
			t.Fatalf("flow %d: %d, %v; it must not be %d", flow, hop, ok, first)
		}
		if hop, _ := r.NextHopExcept(z, flow, z); hop != first {
			t.Fatalf("flow %d moved, though it came from elsewhere", flow)
		}
	}
	b, _ := r.Topology().Index("B1")
	if hop, ok := r.NextHopExcept(b, 1, b); ok {
		t.Errorf("sent back to %d, the only next hop", hop)
	}
}

func TestForwardingDoesNotAllocate(t *testing.T) {
	r := Compute(topology(fan...), "A")
	z, _ := r.Topology().Index("Z")
	set, _ := AppendSet(nil, []Key{KeyOf("Z"), KeyOf("Y"), KeyOf("A"), KeyOf("B1"), KeyOf("nobody")})
	var p Parts
	var w *Waits
	for name, f := range map[string]func(){
		"NextHop":  func() { r.NextHop(z, 7) },
		"NextHops": func() { r.NextHops(z) },
		"Cost":     func() { r.Cost(z) },
		"ByKey":    func() { r.ByKey(KeyOf("Z")) },
		"Has":      func() { w.Has(z, z) },
		"ParseSet": func() {
			if _, err := ParseSet(set); err != nil {
				t.Fatal(err)
			}
		},
		"Split": func() { r.Split(&p, set, 7) },
	} {
		if n := testing.AllocsPerRun(100, f); n != 0 {
			t.Errorf("%s allocates %v times", name, n)
		}
	}
}
