package addrtable

import (
	"hash/maphash"
	"time"
)

// table is one owner's table, or the copy of it. Guarded by the tables' mutex.
type table struct {
	owner Owner
	slot  uint32
	info  *ownerInfo
	own   bool // originated here: never changed by messages
	gone  bool // no longer listed
	marks []mark

	masked      bool
	maskedSince time.Time

	contents
}

// contents are what another incarnation starts without.
type contents struct {
	incarnation uint64 // 0: nothing is known
	version     uint64 // all entries with a last change up to here are there
	floor       uint64 // all tombstones after it are there
	exact       bool   // caught up: no entry is missing because it changed later
	head, tail  ref    // all entries, in the order of versions
	live, tombs int
	graves      []grave // tombstones in the order of versions; some have changed since
	digest      uint64
	buckets     *[buckets]uint64 // nil while the table is small

	word    word      // the owner's last
	suspect bool      // differs from the owner's word
	wanted  uint64    // the latest version that is known to exist
	waiting time.Time // since when nothing came of what is missing or asked for
	tries   int       // questions since it was right

	over    bool // something was refused
	refused uint64
}

// word is what an owner says of its table.
type word struct{ version, digest uint64 }

type grave struct {
	version uint64
	at      ref
}

// smallTable is up to how many entries buckets are summed up when needed.
const smallTable = 512

func (t *Tables) entry(r ref) *entry { return &t.shards[r.shard()].entries[r.index()] }

func (t *Tables) nameOf(r ref) []byte {
	sh := &t.shards[r.shard()]
	return sh.name(sh.entries[r.index()].addr)
}

// place returns the shard of a name, and its hash there.
func (t *Tables) place(name []byte) (int, uint32) {
	h := maphash.Bytes(t.seed, name)
	return int(h % shards), uint32(h >> 32)
}

// spot is where a table's entry for a name is, or would be.
type spot struct {
	in    int    // the shard
	hash  uint32 // there
	addr  uint32 // the record of the name, or 0
	entry uint32 // the table's entry, or 0
}

func (s spot) ref() ref { return ref(s.entry)<<shardBits | ref(s.in) }

func (t *Tables) spot(tb *table, name []byte) (s spot) {
	s.in, s.hash = t.place(name)
	sh := &t.shards[s.in]
	if s.addr = sh.find(s.hash, name); s.addr != 0 {
		s.entry = sh.entryOf(s.addr, tb.slot)
	}
	return s
}

// store makes a table's entry for a name what it is at a version: live with a
// value, or a tombstone. It goes into the order behind hint, or wherever it belongs
// if hint is unknown. It returns 0 if there is no room, and whether lookups see a
// difference.
func (t *Tables) store(tb *table, s spot, name []byte, version uint64, e Entry, to state, hint ref) (ref, bool) {
	sh := &t.shards[s.in]
	var was entry
	if s.entry != 0 {
		was = sh.entries[s.entry]
	}
	if to == live && was.state != live && !t.room(tb) {
		t.refuse(tb)
		return 0, false
	}
	seen := was.state != to && (was.state == live || to == live) || to == live && was.value != e

	sh.mu.Lock()
	if s.entry == 0 {
		if s.addr == 0 {
			s.addr = sh.addAddress(s.hash, name)
		}
		s.entry = sh.addEntry(s.addr, tb.slot)
	}
	now := &sh.entries[s.entry]
	now.value, now.state = e, to
	t.noteAlways(name)
	if seen && !tb.masked {
		t.tell(sh, name)
	}
	sh.mu.Unlock()

	r := s.ref()
	if was.state != free {
		t.unlink(tb, r)
		if hint == r {
			hint = was.prev
		}
	}
	now.version = version
	t.link(tb, r, t.before(tb, version, hint))

	h := hashAddress(name)
	t.count(tb, h, was, -1)
	t.count(tb, h, *now, +1)
	if to == tombstone {
		tb.graves = append(tb.graves, grave{version, r})
	}
	return r, seen
}

// remove frees an entry without a trace.
func (t *Tables) remove(tb *table, r ref) {
	e := *t.entry(r)
	if e.state == live {
		name := t.nameOf(r)
		t.count(tb, hashAddress(name), e, -1)
		if !tb.masked {
			sh := &t.shards[r.shard()]
			sh.mu.RLock()
			t.tell(sh, name)
			sh.mu.RUnlock()
		}
	} else {
		tb.tombs--
	}
	t.unlink(tb, r)
	t.free(r)
}

// free gives back an entry that is in no order.
func (t *Tables) free(r ref) {
	sh := &t.shards[r.shard()]
	sh.mu.Lock()
	sh.dropEntry(r.index())
	sh.mu.Unlock()
}

// count adds an entry to the table's counters and digest, or takes it away.
func (t *Tables) count(tb *table, address uint64, e entry, by int) {
	switch e.state {
	case tombstone:
		tb.tombs += by
	case live:
		tb.live += by
		t.total += by
		h := hashEntry(address, e.version, e.value)
		if by < 0 {
			h = -h
		}
		tb.digest += h
		if tb.buckets != nil {
			tb.buckets[bucketOf(address)] += h
		} else if by > 0 && tb.live > smallTable {
			sums := t.sums(tb)
			tb.buckets = &sums
		}
	}
}

// sums are the digests of a table's buckets.
func (t *Tables) sums(tb *table) (sums [buckets]uint64) {
	if tb.buckets != nil {
		return *tb.buckets
	}
	for r := tb.head; r != 0; {
		e := t.entry(r)
		if e.state == live {
			h := hashAddress(t.nameOf(r))
			sums[bucketOf(h)] += hashEntry(h, e.version, e.value)
		}
		r = e.next
	}
	return sums
}

// purge frees the oldest tombstones: those beyond what is kept for neighbours that
// come back, once all that are here now have passed them; and beyond four times
// that without regard to a neighbour that does not move.
func (t *Tables) purge(tb *table) {
	keep := 64 + tb.live/8
	if tb.tombs <= keep {
		t.tidyGraves(tb)
		return
	}
	passed := t.passed(tb)
	for tb.tombs > keep && len(tb.graves) > 0 {
		g := tb.graves[0]
		if t.holds(tb, g) {
			if g.version > passed && tb.tombs <= 4*keep {
				break
			}
			t.remove(tb, g.at)
			tb.floor = max(tb.floor, g.version)
		}
		tb.graves = tb.graves[1:]
	}
	t.tidyGraves(tb)
}

// holds reports whether a grave still has its tombstone.
func (t *Tables) holds(tb *table, g grave) bool {
	e := t.entryAt(g.at)
	return e != nil && e.state == tombstone && e.version == g.version && e.slot == tb.slot
}

// entryAt is the entry at a place that may be gone: nil if nothing is there at all.
func (t *Tables) entryAt(r ref) *entry {
	if entries := t.shards[r.shard()].entries; int(r.index()) < len(entries) {
		return &entries[r.index()]
	}
	return nil
}

// tidyGraves drops the graves of addresses that came back, when most are such.
func (t *Tables) tidyGraves(tb *table) {
	if len(tb.graves) <= 64+2*tb.tombs {
		return
	}
	kept := make([]grave, 0, tb.tombs)
	for _, g := range tb.graves {
		if t.holds(tb, g) {
			kept = append(kept, g)
		}
	}
	tb.graves = kept
}

// passed is the version that all neighbours have.
func (t *Tables) passed(tb *table) uint64 {
	passed := tb.version
	for i, adj := range t.bySlot {
		if adj == nil {
			continue
		}
		m := &tb.marks[i]
		if m.in != nil || m.incarnation < tb.incarnation {
			return 0 // what it sends now may be older than what is to be freed
		}
		if m.incarnation == tb.incarnation {
			passed = min(passed, m.version)
		}
	}
	return passed
}
