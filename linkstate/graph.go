package linkstate

import (
	"slices"
	"strings"
)

// link is an adjacency that both of its ends report, as seen from one of them. A
// database keeps them as LSAs come, so that the picture of the mesh, which a router
// that comes up has to make for nearly each LSA that it hears, costs no look-ups.
type link struct {
	to   *record
	cost uint32 // the larger of what both ends say
}

// spot is where a walk over the graph has put a router. It is that of an earlier walk
// if its number is another.
type spot struct {
	walk uint64
	at   int
}

// join finds the links of a router whose adjacencies are others than before.
func (d *database) join(r *record) {
	d.part(r)
	for _, a := range r.lsa.Adjacencies {
		other := d.records[a.Neighbour]
		if other == nil || other == r {
			continue
		}
		if back, both := other.lsa.cost(r.lsa.Origin); both {
			cost := max(a.Cost, back)
			r.links = append(r.links, link{other, cost}) // adjacencies are in that order
			at, _ := other.linkTo(r)
			other.links = slices.Insert(other.links, at, link{r, cost})
		}
	}
}

// part takes the links of a router away.
func (d *database) part(r *record) {
	for _, l := range r.links {
		if at, ok := l.to.linkTo(r); ok {
			l.to.links = slices.Delete(l.to.links, at, at+1)
		}
	}
	r.links = nil
}

// linkTo is where among the links that to another router stands, or would.
func (r *record) linkTo(other *record) (int, bool) {
	return slices.BinarySearchFunc(r.links, other.lsa.Origin, func(l link, id string) int {
		return strings.Compare(l.to.lsa.Origin, id)
	})
}

// walk marks what can be reached from self, and says how many routers and links of
// theirs that is.
func (d *database) walk(self *record) (routers, links int) {
	d.walks++
	self.spot = spot{walk: d.walks}
	reached := make([]*record, 1, len(d.order))
	reached[0] = self
	for i := 0; i < len(reached); i++ {
		links += len(reached[i].links)
		for _, l := range reached[i].links {
			if !d.found(l.to) {
				l.to.spot.walk = d.walks
				reached = append(reached, l.to)
			}
		}
	}
	return len(reached), links
}

// found reports whether the last walk came by.
func (d *database) found(r *record) bool { return r.spot.walk == d.walks }

// topology is what can be reached from self over adjacencies that both ends
// report, and which routers cannot. The one before is asked for what can be shared
// with it; it may be nil.
func (d *database) topology(self string, before *Topology) *Topology {
	routers, links := d.walk(d.records[self])
	t := &Topology{nodes: make([]Node, 0, routers)}
	for _, r := range d.order {
		if d.found(r) {
			r.spot.at = len(t.nodes)
			t.nodes = append(t.nodes, Node{ID: r.lsa.Origin, Incarnation: r.lsa.Incarnation, Draining: r.lsa.Draining})
		} else if r.standing != buried {
			t.unreachable = append(t.unreachable, r.lsa.Origin)
		}
	}
	edges := make([]Edge, 0, links)
	for _, r := range d.order {
		if !d.found(r) {
			continue
		}
		first := len(edges)
		for _, l := range r.links {
			edges = append(edges, Edge{To: l.to.spot.at, Cost: l.cost}) // ids and indices have one order
		}
		t.nodes[r.spot.at].Edges = edges[first:len(edges):len(edges)]
	}
	t.indexAs(before)
	return t
}
