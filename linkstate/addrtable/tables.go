package addrtable

import (
	"fmt"
	"hash/maphash"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Tables are all tables that a router knows: its own, and copies of the others'.
// All methods may be called from any goroutine.
type Tables struct {
	// Immutable after New:
	options Options
	seed    maphash.Seed

	// Guarded by mu:
	mu          sync.Mutex
	byOwner     map[Owner]*table
	list        []*table
	adjacencies map[string]*adjacency
	bySlot      []*adjacency // places of marks; nil is free
	dead        []deadList
	freeSlots   []uint32            // of owners
	total       int                 // live entries
	full        bool                // an owner was refused
	always      map[string]struct{} // addresses seen that begin with one of options.Always
	changed     []string            // to be told to OnChange on unlock
	pending     []string            // to be told to OnPending on unlock
	refused     []error             // to be told to OnRefused on unlock

	shards [shards]shard
	owners atomic.Pointer[[]*ownerInfo] // by slot; replaced under mu
}

// ownerInfo is what lookups need of an owner.
type ownerInfo struct {
	owner  Owner
	masked atomic.Bool
}

// deadList are entries of a table that is no more: nobody finds them, and Tick
// frees them by and by.
type deadList struct {
	slot uint32
	head ref
}

// New makes an empty set of tables.
func New(o Options) *Tables {
	if o.MaxPerOwner <= 0 {
		o.MaxPerOwner = 2_000_000
	}
	if o.MaxTotal <= 0 {
		o.MaxTotal = 8_000_000
	}
	t := &Tables{
		options:     o,
		seed:        maphash.MakeSeed(),
		byOwner:     map[Owner]*table{},
		adjacencies: map[string]*adjacency{},
		always:      map[string]struct{}{},
	}
	t.owners.Store(&[]*ownerInfo{})
	return t
}

// unlock ends a change, and tells of it.
func (t *Tables) unlock() {
	changed, pending, refused := t.changed, t.pending, t.refused
	t.changed, t.pending, t.refused = nil, nil, nil
	t.mu.Unlock()
	if f := t.options.OnChange; f != nil {
		for _, addr := range changed {
			f(addr)
		}
	}
	if f := t.options.OnPending; f != nil {
		for _, neighbour := range pending {
			f(neighbour)
		}
	}
	if f := t.options.OnRefused; f != nil {
		for _, err := range refused {
			f(err)
		}
	}
}

// tableOf returns the table of an owner, made if it is new; nil if there are too
// many owners. A new one is masked: its owner counts once Unmask says so.
func (t *Tables) tableOf(o Owner, now time.Time) *table {
	if tb := t.byOwner[o]; tb != nil {
		return tb
	}
	if len(t.list) >= maxOwners {
		if !t.full {
			t.full = true
			t.refused = append(t.refused, fmt.Errorf("address table: the mesh has more than %d owners of addresses: %s and others are not reachable from here", maxOwners, o))
		}
		return nil
	}
	t.full = false
	tb := &table{owner: o, masked: true, maskedSince: now, marks: make([]mark, len(t.bySlot))}
	t.openSlot(tb)
	t.byOwner[o] = tb
	t.list = append(t.list, tb)
	return tb
}

// openSlot gives a table a slot that no entry has.
func (t *Tables) openSlot(tb *table) {
	info := &ownerInfo{owner: tb.owner}
	info.masked.Store(tb.masked)
	owners := *t.owners.Load()
	if n := len(t.freeSlots); n > 0 {
		tb.slot = t.freeSlots[n-1]
		t.freeSlots = t.freeSlots[:n-1]
		owners = slices.Clone(owners)
		owners[tb.slot] = info
	} else {
		tb.slot = uint32(len(owners))
		owners = append(owners, info) // behind what a lookup can see
	}
	tb.info = info
	t.owners.Store(&owners)
}

// closeSlot makes all entries of a table vanish at once; their memory is freed
// later.
func (t *Tables) closeSlot(tb *table) {
	if !tb.masked {
		t.tellWatchers(tb)
	}
	owners := slices.Clone(*t.owners.Load())
	owners[tb.slot] = nil
	t.owners.Store(&owners)
	t.total -= tb.live
	if tb.head == 0 {
		t.freeSlots = append(t.freeSlots, tb.slot)
		return
	}
	t.dead = append(t.dead, deadList{tb.slot, tb.head})
}

// empty forgets a table's content for that of another incarnation, or for a new
// start with the same.
func (t *Tables) empty(tb *table, incarnation uint64) {
	t.closeSlot(tb)
	tb.contents = contents{incarnation: incarnation, exact: true} // that of version 0
	for i := range tb.marks {
		m := &tb.marks[i]
		m.at, m.in, m.out = unknown, nil, nil
	}
	t.openSlot(tb)
}

// forget drops a table for good.
func (t *Tables) forget(tb *table) {
	t.closeSlot(tb)
	tb.gone = true
	delete(t.byOwner, tb.owner)
	i := slices.Index(t.list, tb)
	last := len(t.list) - 1
	t.list[i] = t.list[last]
	t.list[last] = nil
	t.list = t.list[:last]
}

// Unmask says that an owner is reachable: its addresses count. It may come before
// anything else is known of the owner.
func (t *Tables) Unmask(o Owner) {
	t.mu.Lock()
	defer t.unlock()
	tb := t.tableOf(o, time.Time{})
	if tb == nil || !tb.masked {
		return
	}
	tb.masked = false
	tb.info.masked.Store(false)
	t.tellWatchers(tb)
	t.queueAll(tb)
}

// Mask says that an owner is not reachable: its addresses no longer count, but the
// table is kept for ten minutes, should the owner come back. An owner is masked
// until Unmask is called.
func (t *Tables) Mask(o Owner, now time.Time) {
	t.mu.Lock()
	defer t.unlock()
	tb := t.byOwner[o]
	if tb == nil || tb.masked || tb.own {
		return
	}
	t.tellWatchers(tb)
	tb.masked, tb.maskedSince = true, now
	tb.info.masked.Store(true)
}

// Check compares the copy of an owner's table with what the owner's link-state
// advertisement says of it. A copy that is of an earlier incarnation is emptied;
// one that stays behind, or differs, is repaired.
func (t *Tables) Check(o Owner, incarnation, version, digest uint64, now time.Time) {
	t.mu.Lock()
	defer t.unlock()
	tb := t.tableOf(o, now)
	if tb == nil || tb.own || incarnation == 0 || incarnation < tb.incarnation {
		return
	}
	if incarnation > tb.incarnation {
		t.empty(tb, incarnation)
	}
	if version > tb.wanted {
		if tb.wanted <= tb.version {
			tb.waiting = now
		}
		tb.wanted = version
	}
	if version >= tb.word.version {
		tb.word = word{version, digest}
		t.verify(tb, now)
	}
}

// Tick frees memory, drops tables of owners that are gone, and asks again for what
// did not come. It is to be called some times a second.
func (t *Tables) Tick(now time.Time) {
	t.mu.Lock()
	defer t.unlock()
	t.sweep(1 << 14)
	for _, adj := range t.bySlot {
		if adj != nil && !adj.ready && adj.introd && now.Sub(adj.last) >= patience {
			t.begin(adj) // without what the neighbour has: it will ask
		}
	}
	for i := len(t.list) - 1; i >= 0; i-- {
		tb := t.list[i]
		switch {
		case tb.own:
		case tb.masked:
			if now.Sub(tb.maskedSince) >= keepMasked {
				t.forget(tb)
			}
		default:
			t.tend(tb, now)
		}
	}
}

// sweep frees up to n entries of tables that are no more.
func (t *Tables) sweep(n int) {
	for len(t.dead) > 0 && n > 0 {
		d := &t.dead[len(t.dead)-1]
		for ; d.head != 0 && n > 0; n-- {
			r := d.head
			d.head = t.entry(r).next
			t.free(r)
		}
		if d.head == 0 {
			t.freeSlots = append(t.freeSlots, d.slot)
			t.dead = t.dead[:len(t.dead)-1]
		}
	}
}

// Status lists all tables, in no order.
func (t *Tables) Status() []Status {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := make([]Status, 0, len(t.list))
	for _, tb := range t.list {
		all = append(all, Status{
			Owner: tb.owner, Incarnation: tb.incarnation, Version: tb.version, Digest: tb.digest,
			Addresses: tb.live, Tombstones: tb.tombs, Refused: tb.refused,
			Own: tb.own, Masked: tb.masked, Exact: tb.exact, Suspect: tb.suspect,
		})
	}
	return all
}

// refuse counts an entry that does not fit, and names its table once.
func (t *Tables) refuse(tb *table) {
	tb.refused++
	if tb.over {
		return
	}
	tb.over = true
	t.refused = append(t.refused, t.tooMany(tb))
}

func (t *Tables) tooMany(tb *table) error {
	if tb.live >= t.options.MaxPerOwner {
		return fmt.Errorf("address table: %s announces more than %d addresses: the rest is not reachable from here until it has fewer",
			tb.owner, t.options.MaxPerOwner)
	}
	return fmt.Errorf("address table: the mesh has more than %d addresses: more of %s are not reachable from here until there are fewer",
		t.options.MaxTotal, tb.owner)
}

// roomAgain reports whether it is worth trying again what did not fit.
func (t *Tables) roomAgain(tb *table) bool {
	return tb.live <= t.options.MaxPerOwner/10*9 && t.total <= t.options.MaxTotal/10*9
}

// room reports whether a table may have one more address.
func (t *Tables) room(tb *table) bool {
	return tb.live < t.options.MaxPerOwner && t.total < t.options.MaxTotal
}
