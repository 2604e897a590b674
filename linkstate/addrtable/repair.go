package addrtable

import (
	"encoding/binary"
	"time"
)

// verify compares a copy that has caught up with its owner's word, and asks for
// repair if it differs.
func (t *Tables) verify(tb *table, now time.Time) {
	switch {
	case tb.own || tb.over || !tb.exact || tb.word.version != tb.version:
	case tb.word.digest == tb.digest:
		tb.suspect, tb.tries = false, 0
	case !tb.suspect:
		tb.suspect = true
		t.askSums(tb, now)
	}
}

// tend sees to a table that waits for something from its neighbours for too long,
// by asking the next one.
func (t *Tables) tend(tb *table, now time.Time) {
	if now.Sub(tb.waiting) < patience {
		return
	}
	switch {
	case tb.over:
		t.retryRefused(tb, now)
	case tb.version < tb.wanted:
		if adj := t.choose(tb); adj != nil {
			tb.marks[adj.slot].ask = true
			tb.waiting = now
			t.enqueue(adj, tb, true)
		}
	case tb.suspect:
		t.askSums(tb, now)
	}
}

// retryRefused asks for the whole table when what was refused might fit.
func (t *Tables) retryRefused(tb *table, now time.Time) {
	if !t.roomAgain(tb) {
		return
	}
	if adj := t.choose(tb); adj != nil {
		tb.over = false
		tb.waiting = now
		tb.marks[adj.slot].want = &allBuckets
		t.enqueue(adj, tb, true)
	}
}

func (t *Tables) askSums(tb *table, now time.Time) {
	tb.waiting = now
	if adj := t.choose(tb); adj != nil {
		tb.marks[adj.slot].askSums = true
		t.enqueue(adj, tb, true)
	}
}

// choose finds a neighbour to ask about a table: another one each time, those first
// that are thought to have the version that is wanted.
func (t *Tables) choose(tb *table) *adjacency {
	tb.tries++
	var second *adjacency
	for i := range t.bySlot {
		adj := t.bySlot[(i+tb.tries)%len(t.bySlot)]
		if adj == nil || !adj.ready {
			continue
		}
		if m := &tb.marks[adj.slot]; m.incarnation == tb.incarnation && m.version >= tb.wanted {
			return adj
		}
		if second == nil {
			second = adj
		}
	}
	return second
}

// onSums asks for the buckets that differ, if the neighbour's add up to the owner's
// word: else it needs repair itself.
func (in *incoming) onSums(tb *table, m *mark, version uint64, body []byte) {
	if !tb.suspect || version != tb.version || tb.word.version != version {
		return
	}
	ours := in.t.sums(tb)
	var total uint64
	var differ mask
	for i := range ours {
		sum := binary.BigEndian.Uint64(body[8*i:])
		total += sum
		if sum != ours[i] {
			differ.add(uint8(i))
		}
	}
	if total != tb.word.digest || differ.count() == 0 {
		return
	}
	m.want = &differ
	tb.waiting = in.now
	in.t.enqueue(in.adj, tb, true)
}

// onContent merges what a neighbour has in some buckets with the copy. It comes in
// the order of versions, in one or more records.
func (in *incoming) onContent(s *span) {
	tb, m := in.table(s.owner, s.incarnation, s.newest)
	if tb == nil || tb.own || tb.incarnation != s.incarnation {
		return
	}
	if s.from == 0 {
		m.in = nil
		if s.newest >= tb.version {
			m.in = &stream{mask: s.mask}
		}
	}
	if m.in == nil || m.in.version != s.from || m.in.mask != s.mask {
		m.in = nil
		return
	}
	tb.waiting = in.now
	for all := s.entries(); all.next(); {
		in.pass(tb, m.in, all.version-1, 0)
		r := in.apply(tb, &all, s.newest, m.in.at)
		in.pass(tb, m.in, all.version, r)
	}
	in.pass(tb, m.in, s.to, 0)
	m.in.version = s.to
	if s.flags&flagLast != 0 {
		in.finish(tb, m, s)
	}
}

// pass goes over the copy's entries up to a version, and remembers those that the
// neighbour does not have: all but one.
func (in *incoming) pass(tb *table, st *stream, version uint64, has ref) {
	t := in.t
	for {
		r := t.after(tb, st.at)
		if r == 0 || t.entry(r).version > version {
			return
		}
		e := t.entry(r)
		if r != has && e.state == live && st.mask.has(bucketOf(hashAddress(t.nameOf(r)))) {
			st.stale = append(st.stale, grave{e.version, r})
		}
		st.at = r
	}
}

// finish drops what the neighbour does not have, now that all else is there.
func (in *incoming) finish(tb *table, m *mark, s *span) {
	t, st := in.t, m.in
	for _, g := range st.stale {
		e := t.entryAt(g.at)
		if e != nil && e.state == live && e.version == g.version && e.slot == tb.slot {
			t.remove(tb, g.at)
			in.result.Changed++
		}
	}
	m.in = nil
	if st.mask != allBuckets {
		t.verify(tb, in.now)
		return
	}
	tb.floor = max(tb.floor, min(s.floor, s.to)) // what was dropped has no tombstones
	if s.to == tb.version {
		tb.exact = s.flags&flagExact != 0 && !tb.over
	}
	in.moved(tb, s)
}
