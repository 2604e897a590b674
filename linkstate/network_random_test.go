package linkstate

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"testing"
	"time"
)

// seeds is how many random runs of each kind are made.
func seeds(usual int) uint64 {
	if os.Getenv("MESHWAY_SOAK") != "" {
		return uint64(usual) * 100
	}
	return uint64(usual)
}

// randomMesh starts routers and connects them at random, all of them with each
// other by some way.
func randomMesh(n *network, size int) {
	var names []string
	for i := range size {
		name := fmt.Sprintf("R%02d", i)
		n.start(name, name)
		names = append(names, name)
	}
	cost := func() uint32 { return uint32(1 + n.rng.IntN(20)) }
	for i := 1; i < size; i++ {
		n.link(names[i], names[n.rng.IntN(i)], cost(), cost())
	}
	for range size {
		a, b := names[n.rng.IntN(size)], names[n.rng.IntN(size)]
		if a != b && n.links[pairOf(a, b)] == nil {
			n.link(a, b, cost(), cost())
		}
	}
}

// disturb does something to the mesh.
func disturb(n *network) {
	pairs := n.pairs()
	pair := pairs[n.rng.IntN(len(pairs))]
	names := slices.Sorted(maps.Keys(n.routers))
	r := n.routers[names[n.rng.IntN(len(names))]]
	switch n.rng.IntN(9) {
	case 0, 1:
		n.cut(pair)
	case 2, 3:
		n.heal(pair)
	case 4:
		n.links[pair].silent = !n.links[pair].silent
	case 5:
		if r.alive {
			n.kill(r.name)
		} else {
			n.start(r.name, r.core.own.id)
		}
	case 6:
		twin(n, r, names[n.rng.IntN(len(names))])
	case 7:
		if r.alive {
			r.core.SetDraining(n.rng.IntN(2) == 0, n.now)
			n.flush(r)
		}
	default:
		if r.alive {
			r.core.SetTable(n.rng.Uint64N(1000), n.rng.Uint64(), n.now)
			n.flush(r)
		}
	}
}

// twin starts a second router with the id of r, near another that is no neighbour
// of r: there it would not be let in.
func twin(n *network, r *simRouter, near string) {
	name := "twin of " + r.name
	if r.name != r.core.own.id || n.routers[name] != nil || near == r.name || n.links[pairOf(near, r.name)] != nil {
		return
	}
	n.start(name, r.core.own.id)
	n.link(name, near, 1, 1)
}

// calm repairs connections that are silent, and waits until all that was delayed
// has happened.
func calm(n *network) {
	for _, l := range n.links {
		l.silent = false
	}
	n.run(3 * time.Minute)
}

func TestWhateverHappensAllRoutersSeeTheSameInTheEnd(t *testing.T) {
	for seed := range seeds(8) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			n := newNetwork(t, seed)
			n.interval = 500 * time.Millisecond
			n.delay = func() time.Duration { return time.Duration(1+n.rng.IntN(30)) * time.Millisecond }
			n.loss = []float64{0, 0.01, 0.2}[n.rng.IntN(3)]
			n.double = n.loss / 2
			n.gossip = n.rng.IntN(2) == 0
			n.batch = time.Duration(n.rng.IntN(2)) * time.Millisecond
			randomMesh(n, 2+n.rng.IntN(n.rng.IntN(49)+1))
			for range 40 {
				disturb(n)
				n.run(time.Duration(n.rng.IntN(1500)) * time.Millisecond)
			}
			n.loss /= 4
			calm(n)
			n.want("after all that")
			for name, r := range n.routers {
				if r.fatal != nil && n.alone(r) {
					t.Errorf("%s stopped, but nobody has its id: %v", name, r.fatal)
				}
			}
		})
	}
}

// alone reports whether no other router has, or had, the id of r.
func (n *network) alone(r *simRouter) bool {
	for _, other := range n.routers {
		if other != r && other.core.own.id == r.core.own.id {
			return false
		}
	}
	return true
}
