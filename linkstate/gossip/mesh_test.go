package gossip

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
)

// mesh is a mesh of routers in memory, in the virtual time of a bubble: wires
// that take a while, lose packets and can be cut, and the shortest paths over
// those that are there.
type mesh struct {
	t     *testing.T
	delay time.Duration
	log   *zap.Logger

	mu      sync.Mutex
	loss    float64 // of packets on each wire
	random  *rand.Rand
	routers []*router
	next    map[string]map[*router]string // destination -> router -> neighbour; nil if it must be computed
}

// router is one of them. Two may have the same id.
type router struct {
	*Gossip
	mesh *mesh
	id   string

	// Guarded by mesh.mu:
	wires     map[string]*wire
	got       map[string]time.Time // message -> when it was first received
	from      map[string]string    // message -> by whom
	dead      []string
	conflicts []uint64
	states    map[string]string
	gone      bool
	flood     bool // sends what is new to its neighbours
}

// wire is one direction of an adjacency.
type wire struct {
	from, to *router
	packets  chan parcel
	cut      bool
}

type parcel struct {
	due   time.Time
	bytes []byte
}

// inMesh runs a story in virtual time, and ends all routers after it.
func inMesh(t *testing.T, story func(m *mesh)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		m := &mesh{t: t, delay: time.Millisecond, random: rand.New(rand.NewPCG(1, 2)), log: zap.NewNop()}
		defer func() {
			for _, r := range slices.Clone(m.routers) {
				m.kill(r)
			}
			time.Sleep(time.Minute) // memberlist's probes
		}()
		story(m)
	})
}

func name(i int) string { return fmt.Sprintf("router-%d", i) }

func (m *mesh) add(id string, boot uint64) *router {
	m.t.Helper()
	r := &router{mesh: m, id: id, wires: map[string]*wire{}, got: map[string]time.Time{}, from: map[string]string{}, states: map[string]string{}}
	g, err := New(Config{
		ID: id, Boot: boot, Log: m.log,
		Send: r.send, NextHop: r.nextHop, OnMessage: r.onMessage,
		OnDead: func(id string) {
			m.mu.Lock()
			defer m.mu.Unlock()
			r.dead = append(r.dead, id)
		},
		OnConflict: func(boot uint64) {
			m.mu.Lock()
			defer m.mu.Unlock()
			r.conflicts = append(r.conflicts, boot)
		},
		State: func() []byte { return []byte("state of " + id) },
		MergeState: func(from string, state []byte) {
			m.mu.Lock()
			defer m.mu.Unlock()
			r.states[from] = string(state)
		},
	})
	if err != nil {
		m.t.Fatal(err)
	}
	r.Gossip = g
	time.Sleep(time.Millisecond) // tickers of two routers that came due together, overdue, would crash the race detector
	m.mu.Lock()
	defer m.mu.Unlock()
	m.routers = append(m.routers, r)
	return r
}

func (r *router) send(neighbour string, packet []byte) bool {
	r.mesh.mu.Lock()
	defer r.mesh.mu.Unlock()
	w := r.wires[neighbour]
	if w == nil {
		return false
	}
	if r.mesh.loss > 0 && r.mesh.random.Float64() < r.mesh.loss {
		return true
	}
	select {
	case w.packets <- parcel{time.Now().Add(r.mesh.delay), slices.Clone(packet)}:
		return true
	default:
		return false
	}
}

func (w *wire) run() {
	for p := range w.packets {
		time.Sleep(time.Until(p.due))
		w.from.mesh.mu.Lock()
		lost := w.cut || w.to.gone
		w.from.mesh.mu.Unlock()
		if !lost {
			w.to.Receive(w.from.id, p.bytes)
		}
	}
}

func (r *router) onMessage(from string, msg []byte, direct bool) bool {
	m := r.mesh
	m.mu.Lock()
	text := string(msg)
	_, known := r.got[text]
	if !known {
		r.got[text] = time.Now()
		r.from[text] = from
	}
	var to []string
	if r.flood && !known {
		to = r.neighbours(from)
	}
	m.mu.Unlock()
	for _, id := range to {
		_ = r.SendAdjacent(id, msg)
	}
	return !known && !direct
}

// lose has each wire lose that share of its packets from now on.
func (m *mesh) lose(share float64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.loss = share
}

// neighbours are all but one. The caller holds mu.
func (r *router) neighbours(but string) (ids []string) {
	for id := range r.wires {
		if id != but {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// originate begins a flood.
func (r *router) originate(text string) {
	r.onMessage("", []byte(text), true)
}

func (r *router) nextHop(dest string) (string, bool) {
	m := r.mesh
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.next == nil {
		m.next = map[string]map[*router]string{}
	}
	tree := m.next[dest]
	if tree == nil {
		tree = m.paths(dest)
		m.next[dest] = tree
	}
	id, ok := tree[r]
	return id, ok
}

// paths is the next hop towards dest of each router that reaches it.
func (m *mesh) paths(dest string) map[*router]string {
	tree := map[*router]string{}
	var edge []*router
	for _, r := range m.routers {
		if r.id == dest {
			tree[r] = r.id
			edge = append(edge, r)
		}
	}
	for ; len(edge) > 0; edge = edge[1:] {
		for _, id := range edge[0].neighbours("") {
			if far := edge[0].wires[id].to; tree[far] == "" {
				tree[far] = edge[0].id
				edge = append(edge, far)
			}
		}
	}
	return tree
}

// link makes an adjacency.
func (m *mesh) link(a, b *router) {
	m.mu.Lock()
	for _, ends := range [][2]*router{{a, b}, {b, a}} {
		w := &wire{from: ends[0], to: ends[1], packets: make(chan parcel, 4096)}
		ends[0].wires[ends[1].id] = w
		go w.run()
	}
	m.next = nil
	m.mu.Unlock()
	a.AdjacencyUp(b.id)
	b.AdjacencyUp(a.id)
}

// cut ends an adjacency; what is on the wire is lost.
func (m *mesh) cut(a, b *router) {
	m.mu.Lock()
	for _, ends := range [][2]*router{{a, b}, {b, a}} {
		if w := ends[0].wires[ends[1].id]; w != nil {
			w.cut = true
			close(w.packets)
			delete(ends[0].wires, ends[1].id)
		}
	}
	m.next = nil
	m.mu.Unlock()
	a.AdjacencyDown(b.id)
	b.AdjacencyDown(a.id)
}

// kill takes a router away; its neighbours notice at once.
func (m *mesh) kill(r *router) {
	m.mu.Lock()
	var far []*router
	for _, id := range r.neighbours("") {
		far = append(far, r.wires[id].to)
	}
	r.gone = true
	m.routers = slices.DeleteFunc(m.routers, func(o *router) bool { return o == r })
	m.mu.Unlock()
	for _, o := range far {
		m.cut(r, o)
	}
	r.Close()
}

// shape makes n routers, and the adjacencies of a line, a ring, or a ring with
// as many random ones again.
func (m *mesh) shape(kind string, n int) {
	for i := range n {
		m.add(name(i), uint64(i)).flood = true
	}
	rs := m.routers
	for i := range n - 1 {
		m.link(rs[i], rs[i+1])
	}
	if kind == "line" {
		return
	}
	m.link(rs[n-1], rs[0])
	if kind == "ring" {
		return
	}
	for range n {
		a, b := rs[m.random.IntN(n)], rs[m.random.IntN(n)]
		if a != b && a.wires[b.id] == nil {
			m.link(a, b)
		}
	}
}

// within waits until something is so, for a while of virtual time.
func (m *mesh) within(d time.Duration, what string, so func() bool) {
	m.t.Helper()
	end := time.Now().Add(d)
	for !so() {
		if !time.Now().Before(end) {
			m.t.Fatalf("not within %v: %s", d, what)
		}
		time.Sleep(min(time.Second, d/20))
		synctest.Wait()
	}
}

// allKnow says that each of the routers believes in exactly these routers.
func (m *mesh) allKnow(rs, in []*router) func() bool {
	var want []string
	for _, r := range in {
		want = append(want, r.id)
	}
	slices.Sort(want)
	return func() bool {
		return !slices.ContainsFunc(rs, func(r *router) bool { return !slices.Equal(r.Members(), want) })
	}
}

// allGot says that all routers have a message.
func (m *mesh) allGot(text string) func() bool {
	return func() bool {
		m.mu.Lock()
		defer m.mu.Unlock()
		return !slices.ContainsFunc(m.routers, func(r *router) bool { return r.got[text].IsZero() })
	}
}

// broadcasts has router 3 broadcast so often, and counts the receptions that are
// missing in the end.
func (m *mesh) broadcasts(n int) (missed int) {
	for _, r := range m.routers {
		r.flood = false
	}
	for i := range n {
		text := fmt.Sprint("news ", i)
		if err := m.routers[3].Broadcast(text, []byte(text)); err != nil {
			m.t.Fatal(err)
		}
		m.routers[3].originate(text)
		time.Sleep(time.Second) // what goes along with others would be missed along with them
	}
	time.Sleep(30 * time.Second)
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range m.routers {
		missed += n - len(r.got)
	}
	return missed
}

// burials is who was buried by a router.
func (m *mesh) burials(r *router) []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(r.dead)
}
