package routing

import (
	"math"

	"github.com/meshway/meshway/linkstate"
)

const (
	// unreachable is the distance of what no path leads to.
	unreachable = math.MaxUint64

	// drainCost is what passing through a router costs that is to carry no transit.
	// It is more than any path without such a router can cost, so those are
	// used first whatever they cost; 65,535 adjacencies fit below it.
	drainCost = 1 << 48
)

// transitCost is what a path through a router costs besides its adjacencies. It
// applies to neither end of a path, so that costs are the same both ways.
func transitCost(n *linkstate.Node) uint64 {
	if n.Draining {
		return drainCost
	}
	return 0
}

// adjacencyCost is at least 1: the loop-free test and the order in which routers are
// settled rest on it.
func adjacencyCost(e linkstate.Edge) uint64 { return uint64(max(e.Cost, 1)) }

// shortest computes the distances of all routers from root, by Dijkstra. With hops,
// it fills in the next hops of all shortest paths too.
func shortest(t *linkstate.Topology, root int, hops *hopTable) []uint64 {
	dist := make([]uint64, t.Len())
	for i := range dist {
		dist[i] = unreachable
	}
	dist[root] = 0
	q := make(settling, 1, t.Len())
	q[0] = tentative{at: int32(root)}
	for len(q) > 0 {
		top := q.pop()
		from := int(top.at)
		if top.dist > dist[from] {
			continue // found a shorter way since
		}
		node, d := t.Node(from), top.dist
		if from != root {
			d += transitCost(node)
		}
		for _, e := range node.Edges {
			switch way := d + adjacencyCost(e); {
			case way < dist[e.To]:
				dist[e.To] = way
				q.push(tentative{way, int32(e.To)})
				if hops != nil {
					hops.of[e.To] = hops.through(root, from, e.To)
				}
			case way == dist[e.To] && hops != nil:
				hops.of[e.To] = hops.union(hops.of[e.To], hops.through(root, from, e.To))
			}
		}
	}
	return dist
}

// settling is a heap of routers by distance.
type settling []tentative

type tentative struct {
	dist uint64
	at   int32
}

func (q *settling) push(e tentative) {
	h := append(*q, e)
	i := len(h) - 1
	for i > 0 {
		up := (i - 1) / 2
		if h[up].dist <= e.dist {
			break
		}
		h[i], i = h[up], up
	}
	h[i] = e
	*q = h
}

func (q *settling) pop() tentative {
	h := *q
	top, last := h[0], h[len(h)-1]
	h = h[:len(h)-1]
	*q = h
	if len(h) == 0 {
		return top
	}
	i := 0
	for {
		down := 2*i + 1
		if down >= len(h) {
			break
		}
		if down+1 < len(h) && h[down+1].dist < h[down].dist {
			down++
		}
		if h[down].dist >= last.dist {
			break
		}
		h[i], i = h[down], down
	}
	h[i] = last
	return top
}
