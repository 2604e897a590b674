package addrtable

import "time"

// adjacency is a neighbour that messages go to. Guarded by the tables' mutex.
type adjacency struct {
	neighbour string
	slot      int // of its marks in the tables

	announced int  // how many of our tables it was told of
	introd    bool // it was told of all
	ready     bool // it has told us of all of its: now tables are sent

	queue  []*table // for which there may be something to send
	urgent bool     // something must not wait for the pace
	last   time.Time
}

// mark is how far a neighbour has got with a table.
type mark struct {
	incarnation uint64 // of the table that it has; 0 is none
	version     uint64 // it has all up to here
	at          ref    // an entry not above version, from where to look on; or unknown
	queued      bool   // in the adjacency's queue
	ask         bool   // ask it for what follows our version
	askSums     bool   // ask it for the digests of its buckets
	sendSums    bool   // it asked for ours
	want        *mask  // ask it for these buckets
	out, in     *stream
}

// stream is the content of some buckets on its way to a neighbour, or from it.
type stream struct {
	mask    mask
	version uint64 // all up to here has been sent, or has come
	at      ref    // as in mark
	stale   []grave
}

// has notes that a neighbour has a version of a table, which it said or sent itself.
func (m *mark) has(incarnation, version uint64) {
	if incarnation > m.incarnation || incarnation == m.incarnation && version > m.version {
		m.incarnation, m.version, m.at = incarnation, version, unknown
	}
}

// AdjacencyUp begins an exchange with a neighbour: both sides tell what they have,
// then send what the other lacks. One that is up begins anew.
func (t *Tables) AdjacencyUp(neighbour string) {
	t.mu.Lock()
	defer t.unlock()
	t.drop(neighbour)
	adj := &adjacency{neighbour: neighbour, slot: -1, urgent: true}
	for i, other := range t.bySlot {
		if other == nil {
			adj.slot = i
			t.bySlot[i] = adj
			break
		}
	}
	if adj.slot < 0 {
		adj.slot = len(t.bySlot)
		t.bySlot = append(t.bySlot, adj)
		for _, tb := range t.list {
			tb.marks = append(tb.marks, mark{})
		}
	}
	t.adjacencies[neighbour] = adj
	t.pending = append(t.pending, neighbour)
}

// AdjacencyDown ends it. What the neighbour had is forgotten; its tables stay.
func (t *Tables) AdjacencyDown(neighbour string) {
	t.mu.Lock()
	defer t.unlock()
	t.drop(neighbour)
}

func (t *Tables) drop(neighbour string) {
	adj := t.adjacencies[neighbour]
	if adj == nil {
		return
	}
	delete(t.adjacencies, neighbour)
	t.bySlot[adj.slot] = nil
	for _, tb := range t.list {
		tb.marks[adj.slot] = mark{}
	}
}

// Due says how long after now Next should be called for a neighbour, at the
// latest; false if there is nothing for it.
func (t *Tables) Due(neighbour string, now time.Time) (time.Duration, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	adj := t.adjacencies[neighbour]
	switch {
	case adj == nil || !adj.urgent && len(adj.queue) == 0:
		return 0, false
	case adj.urgent:
		return 0, true
	}
	return max(0, adj.last.Add(pace).Sub(now)), true
}

// begin sends tables to a neighbour: what it has is known.
func (t *Tables) begin(adj *adjacency) {
	adj.ready = true
	for _, tb := range t.list {
		t.enqueue(adj, tb, true)
	}
}

// queueAll has a table sent to all neighbours that lack something of it.
func (t *Tables) queueAll(tb *table) {
	for _, adj := range t.bySlot {
		if adj != nil {
			t.enqueue(adj, tb, false)
		}
	}
}

// enqueue has a table sent to a neighbour if there is something to send.
func (t *Tables) enqueue(adj *adjacency, tb *table, urgent bool) {
	m := &tb.marks[adj.slot]
	if !adj.ready || !m.asks() && !t.lacks(tb, m) {
		return
	}
	idle := len(adj.queue) == 0
	if !m.queued {
		m.queued = true
		adj.queue = append(adj.queue, tb)
	}
	if idle || urgent && !adj.urgent {
		t.pending = append(t.pending, adj.neighbour)
	}
	adj.urgent = adj.urgent || urgent
}

// asks reports whether there is something to say that is no content.
func (m *mark) asks() bool { return m.ask || m.askSums || m.want != nil }

// lacks reports whether there is content for a neighbour.
func (t *Tables) lacks(tb *table, m *mark) bool {
	switch {
	case tb.masked || tb.incarnation == 0 || m.incarnation > tb.incarnation:
		return false
	case m.incarnation < tb.incarnation:
		return m.incarnation > 0 || tb.version > 0
	}
	return m.version < tb.version || m.out != nil || m.sendSums && tb.exact
}
