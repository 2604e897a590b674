package linkstate

import (
	"hash/fnv"
	"maps"
	"slices"
	"time"
)

const (
	buryAfter   = 10 * time.Minute // of being unreachable
	forgetAfter = time.Hour        // of being buried
)

// standing says how we see the origin of an LSA.
//
//	unreachable <-- found, lost again --> reachable
//	     |                                    ^
//	     | for ten minutes                    | found
//	     v                                    |
//	   buried --------------------------------+
//	     |
//	     | for an hour: forgotten
type standing uint8

const (
	reachable standing = iota
	unreachable
	buried // kept to know it again, offered to nobody
)

// record is what a database holds of one router.
type record struct {
	lsa *LSA
	raw []byte // the LSA as it came, with fields that we do not know

	standing standing
	since    time.Time // when it became unreachable, or was buried
}

func (r *record) expires() time.Time {
	switch r.standing {
	case unreachable:
		return r.since.Add(buryAfter)
	case buried:
		return r.since.Add(forgetAfter)
	default:
		return time.Time{}
	}
}

// database holds the newest LSA of each router.
//
// Routers that have the same LSAs have the same hash. Buried ones do not count,
// so that two routers which met the dead at different times still agree; those
// that do not know yet learn it from headers.
type database struct {
	records map[string]*record
	hash    uint64 // sum over all that are not buried
}

// sum is a header's share of the hash.
func (h Header) sum() uint64 {
	f := fnv.New64a()
	f.Write([]byte(h.Origin))
	return mix(mix(mix(mix(f.Sum64())+h.Incarnation)+h.Seq) + h.Boot)
}

// mix spreads each bit over all others, and is one to one. (The finalizer of
// SplitMix64.)
func mix(x uint64) uint64 {
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	return x ^ x>>31
}

// install puts an LSA in the place of the older one. It is unreachable until the
// topology says otherwise.
func (d *database) install(l *LSA, raw []byte, now time.Time) *record {
	r := d.records[l.Origin]
	if r == nil {
		r = &record{standing: unreachable}
		d.records[l.Origin] = r
	} else if r.standing != buried {
		d.hash -= r.lsa.sum()
	}
	d.hash += l.sum()
	r.lsa, r.raw = l, raw
	if r.standing != reachable {
		r.standing, r.since = unreachable, now
	}
	return r
}

// move gives a record another standing, from now on.
func (d *database) move(r *record, to standing, now time.Time) {
	if r.standing == buried {
		d.hash += r.lsa.sum()
	}
	r.standing, r.since = to, now
	if r.standing == buried {
		d.hash -= r.lsa.sum()
	}
}

// makeRoom reports whether there is room for one router more; the one buried
// longest makes place.
func (d *database) makeRoom() bool {
	if len(d.records) < MaxRouters {
		return true
	}
	var oldest *record
	for _, r := range d.records {
		if r.standing == buried && (oldest == nil || r.since.Before(oldest.since)) {
			oldest = r
		}
	}
	if oldest != nil {
		delete(d.records, oldest.lsa.Origin)
	}
	return oldest != nil
}

// origins are all ids, sorted.
func (d *database) origins() []string { return slices.Sorted(maps.Keys(d.records)) }

// entries are all headers, in the order of Origin.
func (d *database) entries() []headerEntry {
	list := make([]headerEntry, 0, len(d.records))
	for _, id := range d.origins() {
		r := d.records[id]
		list = append(list, headerEntry{r.lsa.Header, r.standing == buried})
	}
	return list
}

// topology is what can be reached from self over adjacencies that both ends
// report, and which routers cannot.
func (d *database) topology(self string) *Topology {
	place := map[string]int{self: 0}
	reached := []*record{d.records[self]}
	nodes := make([]Node, 0, len(d.records))
	for i := 0; i < len(reached); i++ {
		l := reached[i].lsa
		n := Node{ID: l.Origin, Incarnation: l.Incarnation, Draining: l.Draining, Edges: make([]Edge, 0, len(l.Adjacencies))}
		for _, a := range l.Adjacencies {
			other := d.records[a.Neighbour]
			if other == nil {
				continue
			}
			back, both := other.lsa.cost(l.Origin)
			if !both {
				continue
			}
			to, known := place[a.Neighbour]
			if !known {
				to = len(reached)
				place[a.Neighbour] = to
				reached = append(reached, other)
			}
			n.Edges = append(n.Edges, Edge{To: to, Cost: max(a.Cost, back)})
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
