package linkstate

import (
	"hash/fnv"
	"slices"
	"strings"
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

	links []link // the adjacencies that both ends report, in the order of the other's id
	spot  spot
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
	order   []*record // the same, by id
	hash    uint64    // sum over all that are not buried
	walks   uint64    // how often the graph was walked
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
	same := r != nil && slices.Equal(r.lsa.Adjacencies, l.Adjacencies)
	if r == nil {
		r = &record{standing: unreachable}
		d.records[l.Origin] = r
		at, _ := d.place(l.Origin)
		d.order = slices.Insert(d.order, at, r)
	} else if r.standing != buried {
		d.hash -= r.lsa.sum()
	}
	d.hash += l.sum()
	r.lsa, r.raw = l, raw
	if !same {
		d.join(r)
	}
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
	for _, r := range d.order {
		if r.standing == buried && (oldest == nil || r.since.Before(oldest.since)) {
			oldest = r
		}
	}
	if oldest != nil {
		d.remove(oldest)
	}
	return oldest != nil
}

// remove forgets a router.
func (d *database) remove(r *record) {
	d.part(r)
	at, _ := d.place(r.lsa.Origin)
	d.order = slices.Delete(d.order, at, at+1)
	delete(d.records, r.lsa.Origin)
}

// place is where in the order a router stands, or would.
func (d *database) place(id string) (int, bool) {
	return slices.BinarySearchFunc(d.order, id, func(r *record, id string) int { return strings.Compare(r.lsa.Origin, id) })
}

// entries are all headers, in the order of Origin.
func (d *database) entries() []headerEntry {
	list := make([]headerEntry, 0, len(d.order))
	for _, r := range d.order {
		list = append(list, headerEntry{r.lsa.Header, r.standing == buried})
	}
	return list
}
