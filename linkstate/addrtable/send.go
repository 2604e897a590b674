package addrtable

import (
	"encoding/binary"
	"time"
)

// visits is how many entries one record of content looks at, so that a search for
// few among many does not take long at a time.
const visits = 4096

// Next makes the next message for a neighbour, of at most about limit bytes, at
// least MinMessage; nil if there is nothing to say. What it contains counts as
// sent: a message that is not delivered must be followed by AdjacencyDown.
func (t *Tables) Next(neighbour string, now time.Time, limit int) []byte {
	t.mu.Lock()
	defer t.unlock()
	adj := t.adjacencies[neighbour]
	if adj == nil {
		return nil
	}
	w := &writer{limit: max(limit, MinMessage)}
	adj.urgent = false
	defer func() {
		if w.buf != nil {
			adj.last = now
		}
	}()
	if !t.introduce(adj, w) {
		adj.urgent = true
		return w.buf
	}
	// One turn for each table: a long one does not keep out the others.
	queue := adj.queue
	adj.queue = nil
	turns := 0
	for ; turns < len(queue) && w.room() >= turnRoom; turns++ {
		t.turn(adj, queue[turns], w)
	}
	adj.queue = append(queue[turns:], adj.queue...)
	adj.urgent = len(adj.queue) > 0
	return w.buf
}

// turnRoom is what a turn needs to get somewhere: the questions, and the digests of
// all buckets or one entry.
const turnRoom = 3*maxHead + sumsSize

// introduce tells a new neighbour what there is. It reports whether it knows now.
func (t *Tables) introduce(adj *adjacency, w *writer) bool {
	for ; !adj.introd && adj.announced < len(t.list); adj.announced++ {
		if w.room() < 2*maxHead {
			return false
		}
		if tb := t.list[adj.announced]; tb.incarnation > 0 {
			w.short(kindHave, tb)
		}
	}
	if !adj.introd {
		w.begin(kindHaveEnd)
		w.body()
		w.end()
		adj.introd = true
	}
	return true
}

// turn writes what there is to say to a neighbour about a table.
func (t *Tables) turn(adj *adjacency, tb *table, w *writer) {
	m := &tb.marks[adj.slot]
	m.queued = false
	if tb.gone {
		return
	}
	t.sendQuestions(tb, m, w)
	if !t.lacks(tb, m) {
		return
	}
	fresh := m.incarnation < tb.incarnation
	if fresh {
		m.incarnation, m.version, m.at, m.out = tb.incarnation, 0, 0, nil
	}
	if m.version < tb.floor && !m.full() {
		m.out = &stream{mask: allBuckets}
	}
	if !m.full() && (fresh || m.version < tb.version) {
		t.sendChanges(tb, m, w)
	}
	if m.sendSums && tb.exact && m.version == tb.version && w.room() >= sumsSize {
		t.sendSums(tb, m, w)
	}
	if m.out != nil && w.room() >= 2*maxHead+MaxAddress {
		t.sendContent(tb, m, w)
	}
	if t.lacks(tb, m) {
		m.queued = true
		adj.queue = append(adj.queue, tb)
	}
}

func (t *Tables) sendQuestions(tb *table, m *mark, w *writer) {
	if m.ask {
		w.short(kindAsk, tb)
	}
	if m.askSums {
		w.short(kindAskSums, tb)
	}
	if m.want != nil {
		w.about(kindAskContent, tb)
		w.mask(m.want)
		w.body()
		w.end()
	}
	m.ask, m.askSums, m.want = false, false, nil
}

// sendChanges writes what changed after the neighbour's version.
func (t *Tables) sendChanges(tb *table, m *mark, w *writer) {
	s := span{owner: tb.owner, incarnation: tb.incarnation, from: m.version, to: m.version, floor: tb.floor}
	w.span(kindChanges, &s)
	m.at = t.before(tb, m.version, m.at)
	var before []byte
	for {
		r := t.after(tb, m.at)
		if r == 0 || t.entry(r).version > tb.version {
			s.to = tb.version
			break
		}
		e, name := t.entry(r), t.nameOf(r)
		if !w.entry(s.to, before, e, name) {
			break
		}
		m.at, s.to, before = r, e.version, name
	}
	m.version = s.to
	tb.vouch(&s)
	w.sealSpan(&s)
}

// vouch says in a span that leads to the end of the table what is known of it.
func (tb *table) vouch(s *span) {
	if s.to != tb.version || !tb.exact {
		return
	}
	s.flags |= flagExact
	switch {
	case tb.own:
		s.digest = tb.digest
	case tb.word.version == tb.version:
		s.digest = tb.word.digest
	default:
		return
	}
	s.flags |= flagWord
}

func (t *Tables) sendSums(tb *table, m *mark, w *writer) {
	m.sendSums = false
	w.about(kindSums, tb)
	w.body()
	for _, sum := range t.sums(tb) {
		w.buf = binary.BigEndian.AppendUint64(w.buf, sum)
	}
	w.end()
}

// sendContent writes what is in some buckets, whether the neighbour has it or not.
func (t *Tables) sendContent(tb *table, m *mark, w *writer) {
	out := m.out
	s := span{owner: tb.owner, incarnation: tb.incarnation, from: out.version, to: out.version,
		floor: tb.floor, newest: tb.version, mask: out.mask}
	w.span(kindContent, &s)
	out.at = t.before(tb, out.version, out.at)
	written, before := s.from, []byte(nil)
	for seen := 0; seen < visits; seen++ {
		r := t.after(tb, out.at)
		if r == 0 || t.entry(r).version > tb.version {
			s.to = tb.version
			s.flags = flagLast
			break
		}
		e, name := t.entry(r), t.nameOf(r)
		if out.mask.has(bucketOf(hashAddress(name))) {
			if !w.entry(written, before, e, name) {
				break
			}
			written, before = e.version, name
		}
		out.at, s.to = r, e.version
	}
	out.version = s.to
	if s.flags&flagLast != 0 {
		if m.full() {
			m.version, m.at = max(m.version, s.to), unknown
		}
		m.out = nil
		tb.vouch(&s)
	}
	w.sealSpan(&s)
}

// full reports whether a neighbour is being sent the whole table.
func (m *mark) full() bool { return m.out != nil && m.out.mask == allBuckets }
