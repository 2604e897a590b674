package addrtable

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// mesh is a mesh of tables in one goroutine and virtual time: messages take 3 ms,
// and owners' words reach everybody every second.
type mesh struct {
	t     *testing.T
	now   time.Time
	nodes []*node
	ways  []*way
	limit int

	ticked      time.Time
	ticks       int
	sent, bytes int
}

type node struct {
	name        string
	incarnation uint64
	tables      *Tables
	own         *Own
	want        map[string]Entry // what the owner has set
	watched     []string         // calls of OnChange
}

// way is one direction of an adjacency.
type way struct {
	from, to *node
	up       bool
	messages []sent
	lose     int // how many messages to lose behind the protocol's back
}

type sent struct {
	at  time.Time
	msg []byte
}

func (n *node) owner() Owner { return Owner{Router, n.name} }

func newMesh(t *testing.T, size int) *mesh {
	m := &mesh{t: t, now: time.Unix(1_000_000, 0), limit: MinMessage}
	for i := range size {
		n := &node{name: fmt.Sprintf("r%02d", i)}
		m.nodes = append(m.nodes, n)
		m.start(n)
	}
	return m
}

// start begins a new life of a node: nothing is left of the one before.
func (m *mesh) start(n *node) {
	n.incarnation++
	n.want = map[string]Entry{}
	n.tables = New(Options{
		OnChange:  func(addr string) { n.watched = append(n.watched, addr) },
		OnRefused: func(err error) { m.t.Error(err) },
	})
	var err error
	if n.own, err = n.tables.Originate(n.owner(), n.incarnation); err != nil {
		m.t.Fatal(err)
	}
	for _, other := range m.nodes {
		n.tables.Unmask(other.owner())
		other.tables.Unmask(n.owner())
	}
}

func (m *mesh) restart(i int) {
	n := m.nodes[i]
	var peers []int
	for _, w := range m.ways {
		if w.from == n && w.up {
			peers = append(peers, m.place(w.to))
		}
	}
	for _, p := range peers {
		m.cut(i, p)
	}
	m.start(n)
	for _, p := range peers {
		m.join(i, p)
	}
}

func (m *mesh) way(a, b int) *way {
	from, to := m.nodes[a], m.nodes[b]
	for _, w := range m.ways {
		if w.from == from && w.to == to {
			return w
		}
	}
	w := &way{from: from, to: to}
	m.ways = append(m.ways, w)
	return w
}

func (m *mesh) join(a, b int) {
	for _, w := range []*way{m.way(a, b), m.way(b, a)} {
		w.up, w.messages = true, nil
		w.from.tables.AdjacencyUp(w.to.name)
	}
}

func (m *mesh) cut(a, b int) {
	for _, w := range []*way{m.way(a, b), m.way(b, a)} {
		if w.up {
			w.up, w.messages = false, nil
			w.from.tables.AdjacencyDown(w.to.name)
		}
	}
}

func (m *mesh) set(i int, addr string, e Entry) {
	n := m.nodes[i]
	if err := n.own.Set(addr, e); err != nil {
		m.t.Fatal(err)
	}
	n.want[addr] = e
}

func (m *mesh) delete(i int, addr string) {
	m.nodes[i].own.Delete(addr)
	delete(m.nodes[i].want, addr)
}

// run lets virtual time pass, from one thing that happens to the next.
func (m *mesh) run(d time.Duration) {
	m.t.Helper()
	for end := m.now.Add(d); m.now.Before(end); {
		next := end
		for _, w := range m.ways {
			if at := m.step(w); at.Before(next) {
				next = at
			}
		}
		if !m.now.Before(m.ticked.Add(250 * time.Millisecond)) {
			m.tick()
		}
		if tick := m.ticked.Add(250 * time.Millisecond); tick.Before(next) {
			next = tick
		}
		// Nothing takes less than a millisecond.
		if soon := m.now.Add(time.Millisecond); next.Before(soon) {
			next = soon
		}
		m.now = next
	}
}

// step moves what is due on a way, and returns when there is more, as far as is
// known now.
func (m *mesh) step(w *way) time.Time {
	m.t.Helper()
	next := m.now.Add(time.Hour)
	if !w.up {
		return next
	}
	if wait, due := w.from.tables.Due(w.to.name, m.now); due && wait <= 0 {
		m.send(w)
		next = m.now
	} else if due {
		next = m.now.Add(wait)
	}
	for len(w.messages) > 0 {
		if at := w.messages[0].at; at.After(m.now) {
			if at.Before(next) {
				next = at
			}
			break
		}
		msg := w.messages[0].msg
		w.messages = w.messages[1:]
		next = m.now // it may have made something due
		if _, err := w.to.tables.Receive(w.from.name, msg, m.now); err != nil {
			m.t.Fatal(err)
		}
	}
	return next
}

func (m *mesh) send(w *way) {
	m.t.Helper()
	msg := w.from.tables.Next(w.to.name, m.now, m.limit)
	if msg == nil {
		return
	}
	m.sent++
	m.bytes += len(msg)
	if len(msg) > m.limit {
		m.t.Fatalf("a message of %d bytes: the limit is %d", len(msg), m.limit)
	}
	if w.lose > 0 {
		w.lose--
		return
	}
	w.messages = append(w.messages, sent{m.now.Add(3 * time.Millisecond), msg})
}

// tick is what happens all the time: and owners' words reach everybody once a second.
func (m *mesh) tick() {
	m.ticked = m.now
	for _, n := range m.nodes {
		n.tables.Tick(m.now)
	}
	if m.ticks++; m.ticks%4 == 0 {
		m.words()
	}
}

// words brings owners' words to everybody.
func (m *mesh) words() {
	for _, n := range m.nodes {
		incarnation, version, digest := n.own.Word()
		for _, other := range m.nodes {
			if other != n {
				other.tables.Check(n.owner(), incarnation, version, digest, m.now)
			}
		}
	}
}

// wantEqual checks that everybody has what every owner has set, by all ways to ask.
func (m *mesh) wantEqual(what string) {
	m.t.Helper()
	want := map[string]map[Owner]Entry{}
	for _, n := range m.nodes {
		for addr, e := range n.want {
			if want[addr] == nil {
				want[addr] = map[Owner]Entry{}
			}
			want[addr][n.owner()] = e
		}
	}
	for _, n := range m.nodes {
		got := map[string]map[Owner]Entry{}
		n.tables.Each(func(addr string, owners []OwnerRef) bool {
			got[addr] = toMap(owners)
			if again := toMap(n.tables.Owners(addr, nil)); !maps.Equal(again, got[addr]) {
				m.t.Fatalf("%s: %s has %s at %v by Each, at %v by Owners", what, n.name, addr, got[addr], again)
			}
			return true
		})
		if !maps.EqualFunc(got, want, maps.Equal) {
			m.t.Fatalf("%s: %s has %s", what, n.name, difference(got, want))
		}
		checkTables(m.t, n.tables)
		for _, s := range n.tables.Status() {
			if s.Suspect || !s.Exact {
				m.t.Fatalf("%s: %s has all of %s, but thinks otherwise: %+v", what, n.name, s.Owner, s)
			}
		}
	}
}

func toMap(refs []OwnerRef) map[Owner]Entry {
	m := map[Owner]Entry{}
	for _, r := range refs {
		m[r.Owner] = r.Entry
	}
	return m
}

func difference(got, want map[string]map[Owner]Entry) string {
	lines, n := fmt.Sprintf("%d addresses, want %d:", len(got), len(want)), 0
	all := maps.Clone(want)
	maps.Copy(all, got)
	for _, addr := range slices.Sorted(maps.Keys(all)) {
		if !maps.Equal(got[addr], want[addr]) && n < 5 {
			n++
			lines += fmt.Sprintf("\n\t%s at %v, want %v", addr, got[addr], want[addr])
		}
	}
	return lines
}

// shapes are meshes to try things on.
var shapes = []struct {
	name  string
	build func(t *testing.T, r *rand.Rand) *mesh
}{
	{"pair", func(t *testing.T, _ *rand.Rand) *mesh { return line(t, 2) }},
	{"line", func(t *testing.T, _ *rand.Rand) *mesh { return line(t, 6) }},
	{"ring", func(t *testing.T, _ *rand.Rand) *mesh {
		m := line(t, 7)
		m.join(6, 0)
		return m
	}},
	{"random", func(t *testing.T, r *rand.Rand) *mesh {
		m := newMesh(t, 2+r.IntN(19))
		for i := 1; i < len(m.nodes); i++ {
			m.join(i, r.IntN(i))
			if i > 1 {
				m.join(i, r.IntN(i))
			}
		}
		return m
	}},
}

func line(t *testing.T, size int) *mesh {
	m := newMesh(t, size)
	for i := 1; i < size; i++ {
		m.join(i-1, i)
	}
	return m
}

// some is an address out of few, so that owners share them and they come back.
func some(r *rand.Rand) string { return fmt.Sprintf("queue/%d", r.IntN(300)) }

// changes makes n random changes anywhere.
func (m *mesh) changes(r *rand.Rand, n int) {
	for range n {
		if i := r.IntN(len(m.nodes)); r.IntN(3) == 0 {
			m.delete(i, some(r))
		} else {
			m.set(i, some(r), Entry{Flags(r.IntN(4)), uint8(r.IntN(2))})
		}
	}
}

func (m *mesh) place(n *node) int { return slices.Index(m.nodes, n) }
