package linkstate

import (
	"slices"
	"time"
)

const (
	announceEvery = 50 * time.Millisecond // at most: adjacencies that come up together share an LSA
	tableEvery    = 5 * time.Second       // at most, for the table alone
	risesAllowed  = 1                     // of a foreign LSA above ours; a second is a living router's
	maxRivals     = 16                    // lives of our id that are watched
)

// origin is what the core says of its own router.
type origin struct {
	id      string
	boot    uint64
	started time.Time

	incarnation, seq uint64
	draining         bool
	version, digest  uint64 // of the address table

	at      time.Time // when the next LSA is to be made; zero: there is nothing new
	last    time.Time // when the last one was
	tableAt time.Time // when the last one was with another table
	rivals  map[uint64]*rival
}

// rival is another life of our id, by its boot id: an earlier one whose LSAs are
// still about, or another router's.
type rival struct {
	rises    int // how often it went above our answer
	reported bool
}

// originateAt wants a new LSA at that time, or earlier.
func (c *Core) originateAt(at time.Time) { c.own.at = earlier(c.own.at, at) }

// originateSoon wants a new LSA, as soon as the last one is some time ago. News
// that traffic must leave a path does not wait for that.
func (c *Core) originateSoon(now time.Time) {
	c.originateAt(later(now, c.own.last.Add(announceEvery)))
}

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

// SetTable says which version our address table has, and its digest. It is
// announced with the next LSA, at most five seconds after the last.
func (c *Core) SetTable(version, digest uint64, now time.Time) {
	o := &c.own
	if o.version == version && o.digest == digest {
		return
	}
	o.version, o.digest = version, digest
	c.originateAt(later(now, o.tableAt.Add(tableEvery)))
}

// SetDraining says that our router carries others' traffic only where there is no
// other way: because it is about to leave, or is not ready yet. (That a router which
// has just started knows the mesh needs no such flag: before its database agrees
// with a neighbour's it announces no adjacency.)
func (c *Core) SetDraining(draining bool, now time.Time) {
	if c.own.draining != draining {
		c.own.draining = draining
		c.originateAt(now)
	}
}

// originate installs a new LSA of our own, and floods it.
func (c *Core) originate(now time.Time) {
	o := &c.own
	o.at, o.last = time.Time{}, now
	o.seq = min(o.seq+1, maxCount)
	l := &LSA{
		Header:       Header{o.id, o.incarnation, o.boot, o.seq},
		Started:      uint64(max(0, o.started.UnixMilli())),
		Draining:     o.draining,
		TableVersion: o.version, TableDigest: o.digest,
	}
	for _, a := range c.adjacencies {
		if a.announced {
			l.Adjacencies = append(l.Adjacencies, Adjacency{a.neighbour, a.cost})
		}
	}
	raw, left := encodeLSA(l)
	if len(left) > 0 {
		l.Adjacencies = slices.DeleteFunc(l.Adjacencies, func(a Adjacency) bool { return slices.Contains(left, a.Neighbour) })
		c.log(AdjacenciesRefused{left})
	}
	if old := c.db.records[o.id]; old != nil && (old.lsa.TableVersion != o.version || old.lsa.TableDigest != o.digest) {
		o.tableAt = now
	}
	c.install(l, raw, nil, now)
}

// onOwn takes an LSA of our own id that somebody has. If it is newer than ours,
// others keep it: we go above it. A leftover does not answer that, a living router
// does. (Leftovers of one life with several incarnations might look like that; then
// a third copy must come, above the answers to both others.)
func (c *Core) onOwn(l *LSA, now time.Time) {
	o := &c.own
	if l.Compare(Header{o.id, o.incarnation, o.boot, o.seq}) <= 0 {
		return
	}
	if l.Boot == o.boot {
		c.raise(l, "of this life, with a sequence never used", now)
		return
	}
	r := o.rivals[l.Boot]
	if r == nil {
		if len(o.rivals) == maxRivals {
			clear(o.rivals)
		}
		r = new(rival)
		o.rivals[l.Boot] = r
	} else if l.Incarnation > o.incarnation {
		r.rises++ // we went above it, and it is above us again
	}
	if r.rises > risesAllowed {
		c.onDuplicate(l, r)
	}
	if c.fatal == nil {
		c.raise(l, "of another life", now)
	}
}

// raise starts a new incarnation above an LSA of ours that others have.
func (c *Core) raise(above *LSA, reason string, now time.Time) {
	o := &c.own
	from := o.incarnation
	if o.incarnation = max(from, above.Incarnation); o.incarnation < maxCount {
		o.incarnation++
		o.seq = 0
	} else {
		o.seq = above.Seq // nobody gets there by counting; go on while there are numbers
	}
	c.log(IncarnationRaised{ID: o.id, Reason: reason, From: from, To: o.incarnation, Above: above.Incarnation})
	c.originateAt(now)
}

// onDuplicate decides which of two living routers keeps the id: who started first.
func (c *Core) onDuplicate(l *LSA, r *rival) {
	o := &c.own
	started := uint64(max(0, o.started.UnixMilli()))
	if started > l.Started || started == l.Started && o.boot > l.Boot {
		c.fatal = &DuplicateIDError{
			ID: o.id, OurBoot: o.boot, TheyBoot: l.Boot,
			OurStarted: o.started, TheirStarted: time.UnixMilli(int64(min(l.Started, maxCount))),
		}
		return
	}
	if !r.reported {
		r.reported = true
		c.log(DuplicateID{ID: o.id, OurBoot: o.boot, TheyBoot: l.Boot})
	}
}
