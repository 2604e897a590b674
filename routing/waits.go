package routing

import "slices"

// Waits are the next hops that must not be used yet, destination by destination: the
// neighbour may send deliveries back until it knows of the change. Nil is none. It is
// immutable.
//
// While they are heeded, the loss of any adjacencies makes no loop, whichever routers
// besides their ends know of it: let each use its old next hops, or new ones that need
// not wait, or new ones that know, too. The sum of a router's old and new distances to
// the destination grows with no such hop, since by either of them neighbours are no
// further apart than the cost of their adjacency; and it falls with a hop that passed
// the test. A loop would be of old hops alone, or of new ones alone, and along those
// the distance falls.
//
// The same is seen, though not shown, where one adjacency is new or gets cheaper. It
// does not hold where a cost rises, a router begins to drain, or routers know of different
// parts of a change: what still loops then, the hop limit ends.
type Waits struct {
	hops  []int
	dests [][]uint64 // for each of hops one bit a router
}

// Waits compares routes with old ones, by which others may still forward. A next hop
// waits if it is new for the destination and fails the loop-free test on the old
// topology; one that was no neighbour then fails.
func (r *Routes) Waits(old *Routes) *Waits {
	if r.hops == old.hops || r.self < 0 {
		return nil
	}
	var w Waits
	before := r.placesIn(old)
	for dest := range r.dist {
		for _, hop := range r.NextHops(dest) {
			if hop == dest || slices.Contains(old.NextHops(before[dest]), before[hop]) {
				continue // the latter would pass: it was nearer than we
			}
			if !old.LoopFree(before[dest], before[hop]) {
				w.add(dest, hop, len(r.dist))
			}
		}
	}
	if len(w.hops) == 0 {
		return nil
	}
	return &w
}

// placesIn gives for each router its index in the topology of other routes, or -1.
func (r *Routes) placesIn(other *Routes) []int {
	places := make([]int, len(r.dist))
	for i := range places {
		places[i] = -1
		if at, ok := other.topology.Index(r.topology.Node(i).ID); ok {
			places[i] = at
		}
	}
	return places
}

func (w *Waits) add(dest, hop, routers int) {
	i, ok := slices.BinarySearch(w.hops, hop)
	if !ok {
		w.hops = slices.Insert(w.hops, i, hop)
		w.dests = slices.Insert(w.dests, i, make([]uint64, (routers+63)/64))
	}
	w.dests[i][dest/64] |= 1 << (dest % 64)
}

// Has reports whether deliveries to dest must wait before they go to hop.
func (w *Waits) Has(dest, hop int) bool {
	if w == nil {
		return false
	}
	for i, h := range w.hops {
		if h == hop {
			return uint(dest)/64 < uint(len(w.dests[i])) && w.dests[i][dest/64]&(1<<(dest%64)) != 0
		}
	}
	return false
}

// Hops are the neighbours whose acknowledgement is waited for, ordered by id. The list
// must not be changed.
func (w *Waits) Hops() []int {
	if w == nil {
		return nil
	}
	return w.hops
}

// Without is what still waits once a neighbour has acknowledged the change.
func (w *Waits) Without(hop int) *Waits {
	i := slices.Index(w.Hops(), hop)
	switch {
	case i < 0:
		return w
	case len(w.hops) == 1:
		return nil
	}
	return &Waits{
		hops:  slices.Concat(w.hops[:i], w.hops[i+1:]),
		dests: slices.Concat(w.dests[:i], w.dests[i+1:]),
	}
}
