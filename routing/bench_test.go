package routing

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// shapes are meshes as they are built, of n routers.
var shapes = map[string]func(n int) *mesh{
	"ring": func(n int) *mesh { // with a chord for every tenth router
		m := newMesh()
		for i := range n {
			m.connect(routerID(i), routerID((i+1)%n), 1)
			if i%10 == 0 {
				m.connect(routerID(i), routerID((i+n/3)%n), 2)
			}
		}
		return m
	},
	"grid": func(n int) *mesh {
		m, width := newMesh(), 1
		for width*width < n {
			width++
		}
		for i := range n {
			if (i+1)%width != 0 && i+1 < n {
				m.connect(routerID(i), routerID(i+1), 1)
			}
			if i+width < n {
				m.connect(routerID(i), routerID(i+width), 1)
			}
		}
		return m
	},
	"random": func(n int) *mesh { // of six adjacencies each
		m, rng := newMesh(), rand.New(rand.NewPCG(1, uint64(n)))
		for i := range n {
			m.connect(routerID(i), routerID((i+1)%n), 1+rng.Uint32N(4))
		}
		for range 2 * n {
			if a, b := rng.IntN(n), rng.IntN(n); a != b {
				m.connect(routerID(a), routerID(b), 1+rng.Uint32N(4))
			}
		}
		return m
	},
}

// eachMesh runs a benchmark on meshes of all shapes and sizes, with the mesh as it
// is, and as it is when the first router has lost its first adjacency.
func eachMesh(b *testing.B, run func(b *testing.B, before, after *Routes)) {
	for _, shape := range []string{"ring", "grid", "random"} {
		for _, n := range []int{10, 100, 1000} {
			b.Run(fmt.Sprintf("%s-%d", shape, n), func(b *testing.B) {
				m := shapes[shape](n)
				before := Compute(m.topology(), routerID(0))
				m.change("lose " + routerID(0) + " " + before.Topology().Node(before.Neighbours()[0]).ID)
				b.ReportAllocs()
				run(b, before, Compute(m.topology(), routerID(0)))
			})
		}
	}
}

func BenchmarkCompute(b *testing.B) {
	eachMesh(b, func(b *testing.B, before, _ *Routes) {
		for b.Loop() {
			Compute(before.Topology(), routerID(0))
		}
	})
}

func BenchmarkUpdateAfterALoss(b *testing.B) {
	eachMesh(b, func(b *testing.B, before, after *Routes) {
		for b.Loop() {
			Update(before, after.Topology())
		}
	})
}

func BenchmarkUpdateThatTouchesNothing(b *testing.B) {
	eachMesh(b, func(b *testing.B, before, _ *Routes) {
		for b.Loop() {
			Update(before, before.Topology())
		}
	})
}

// BenchmarkWaitsAfterALoss includes the distances from the neighbours, which are
// computed once for a topology.
func BenchmarkWaitsAfterALoss(b *testing.B) {
	eachMesh(b, func(b *testing.B, before, after *Routes) {
		for b.Loop() {
			clear(before.from)
			after.Waits(before)
		}
	})
}

func BenchmarkNextHop(b *testing.B) {
	for name, dest := range map[string]string{"one": "B1", "of-four": "Z"} {
		b.Run(name, func(b *testing.B) {
			r := Compute(topology(fan...), "A")
			to, _ := r.Topology().Index(dest)
			b.ReportAllocs()
			for flow := uint32(0); b.Loop(); flow++ {
				r.NextHop(to, flow)
			}
		})
	}
}

// BenchmarkSplit splits a set of all routers.
func BenchmarkSplit(b *testing.B) {
	eachMesh(b, func(b *testing.B, r, _ *Routes) {
		var keys []Key
		for i := range r.Topology().Len() {
			keys = append(keys, KeyOf(r.Topology().Node(i).ID))
		}
		encoded, err := AppendSet(nil, keys)
		if err != nil {
			b.Fatal(err)
		}
		var p Parts
		for b.Loop() {
			set, err := ParseSet(encoded)
			if err != nil {
				b.Fatal(err)
			}
			r.Split(&p, set, 7)
		}
	})
}
