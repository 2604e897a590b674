package convergence

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"

	"github.com/meshway/meshway/internal/config"
	"github.com/meshway/meshway/internal/meshtest"
	"github.com/meshway/meshway/linkstate"
	"github.com/meshway/meshway/router"
)

// mesh is a mesh of many routers without applications.
type mesh struct {
	t       *testing.T
	kind    string
	net     meshtest.Network
	configs map[string]config.Config
	routers map[string]*router.Router
	ids     []string // of routers that live, in the order in which they are drawn
	spare   []ends   // adjacencies that are configured, and cut from the start
	meter   meter

	mu     sync.Mutex // guards random, which connections ask for their jitter
	random *rand.Rand
	dials  chan ends // connections that were made, if somebody wants to know

	// Guarded by nobody: the story's goroutine alone looks.
	edges   map[ends]bool                  // adjacencies that there should be
	want    map[string]*linkstate.Topology // the picture that each router should have
	version int                            // of want
	seen    map[string]seen
}

// ends is two routers, the lesser id first.
type ends [2]string

// seen is what a router was last seen to go by.
type seen struct {
	topology *linkstate.Topology
	version  int
	right    bool
}

const (
	wireDelay  = time.Millisecond
	wireJitter = 200 * time.Microsecond // at most, on top
	startsIn   = 100 * time.Millisecond // in which all routers start
	lookEvery  = time.Millisecond
	changeTime = 5 * time.Second // after which a change costs nothing more
)

// inMesh runs a story in a mesh of that many routers, and ends them after it.
func inMesh(t *testing.T, kind string, size, spares int, seed uint64, story func(m *mesh)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		m := &mesh{
			t: t, kind: kind, configs: map[string]config.Config{}, routers: map[string]*router.Router{},
			random: rand.New(rand.NewPCG(seed, uint64(size))), dials: make(chan ends),
			edges: map[ends]bool{}, seen: map[string]seen{},
		}
		m.shape(size)
		m.addSpares(spares)
		defer m.endAll()
		story(m)
	})
}

// shape draws the adjacencies: of a line, of a ring, or of a ring with as many random
// ones again.
func (m *mesh) shape(size int) {
	for i := range size {
		m.ids = append(m.ids, fmt.Sprintf("r%03d", i))
	}
	for i := range size - 1 {
		m.connect(m.ids[i], m.ids[i+1])
	}
	if m.kind != "line" {
		m.connect(m.ids[0], m.ids[size-1])
	}
	if m.kind == "random" {
		for range size {
			if p, ok := m.unconnected(); ok {
				m.connect(p[0], p[1])
			}
		}
	}
	m.reckon()
}

// unconnected is two routers without an adjacency.
func (m *mesh) unconnected() (ends, bool) {
	for range 100 {
		p := pair(m.ids[m.random.IntN(len(m.ids))], m.ids[m.random.IntN(len(m.ids))])
		if p[0] != p[1] && !m.edges[p] && !slices.Contains(m.spare, p) {
			return p, true
		}
	}
	return ends{}, false
}

func pair(a, b string) ends { return ends{min(a, b), max(a, b)} }

// connect draws an adjacency that there is from the start.
func (m *mesh) connect(a, b string) {
	m.configure(a, b)
	m.edges[pair(a, b)] = true
}

func (m *mesh) configure(a, b string) {
	for _, id := range []string{a, b} {
		if _, ok := m.configs[id]; !ok {
			m.configs[id] = configuration(id)
		}
	}
	far := m.configs[b]
	far.Connectors = append(far.Connectors, config.Connector{
		Name: "to-" + a, Host: a, Port: meshPort, Role: config.RoleInterRouter, Cost: 1, MaxFrameSize: 64 << 10, IdleTimeout: idleTimeout,
	})
	m.configs[b] = far
	line := meshtest.Line{Delay: wireDelay, Jitter: m.jitter}
	m.net.Between(a, b).Set(line, line)
}

const (
	meshPort    = "55672"
	idleTimeout = 16 * time.Second
)

// configuration is that of a router that its neighbours can connect to.
func configuration(id string) config.Config {
	return config.Config{
		Router: config.Router{ID: id, Mode: config.Interior, DefaultDistribution: config.Balanced, Heartbeat: linkstate.HeartbeatInterval},
		Listeners: []config.Listener{{
			Name: "mesh", Host: id, Port: meshPort, Role: config.RoleInterRouter, Cost: 1, MaxFrameSize: 64 << 10,
			MaxSessions: 2048, IdleTimeout: idleTimeout, InitialHandshakeTimeout: 10 * time.Second,
		}},
	}
}

func (m *mesh) jitter() time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	return time.Duration(m.random.Int64N(int64(wireJitter)))
}

// addSpares draws adjacencies that come later.
func (m *mesh) addSpares(n int) {
	for range n {
		if p, ok := m.unconnected(); ok {
			m.configure(p[0], p[1])
			m.net.Between(p[0], p[1]).Cut()
			m.spare = append(m.spare, p)
		}
	}
}

// startAll starts all routers in a random order, within a while.
func (m *mesh) startAll() {
	m.mu.Lock()
	order := m.random.Perm(len(m.ids))
	m.mu.Unlock()
	for _, i := range order {
		m.launch(m.ids[i])
		time.Sleep(startsIn / time.Duration(len(order)))
	}
}

func (m *mesh) launch(id string) {
	m.t.Helper()
	r, err := router.New(m.configs[id], zap.NewNop())
	if err != nil {
		m.t.Fatal(err)
	}
	m.routers[id] = r
	r.ListenBy(m.net.Listen)
	r.DialBy(func(ctx context.Context, _, address string) (net.Conn, error) {
		c, err := m.net.Dial(ctx, id, address)
		if err != nil {
			return nil, err
		}
		host, _, _ := net.SplitHostPort(address)
		select {
		case m.dials <- pair(id, host):
		default:
		}
		return m.meter.measure(c), nil
	})
	if err := r.Start(); err != nil {
		m.t.Fatal(err)
	}
}

func (m *mesh) stop(r *router.Router) { _ = r.Shutdown(context.Background()) }

// endAll ends all routers, as a crash of all at once would.
func (m *mesh) endAll() {
	for p := range m.edges {
		m.net.Between(p[0], p[1]).Cut()
	}
	for id := range m.routers {
		m.stop(m.routers[id])
	}
	time.Sleep(2 * time.Minute) // what gossip has begun ends with its timers
	synctest.Wait()
}

// reckon works out the picture that each router should have from the adjacencies that
// there should be.
func (m *mesh) reckon() {
	m.version++
	m.want = map[string]*linkstate.Topology{}
	near := map[string][]string{}
	for p := range m.edges {
		near[p[0]] = append(near[p[0]], p[1])
		near[p[1]] = append(near[p[1]], p[0])
	}
	for _, id := range m.ids {
		if m.want[id] != nil {
			continue
		}
		part := []string{id}
		place := map[string]int{id: 0}
		for i := 0; i < len(part); i++ {
			for _, far := range near[part[i]] {
				if _, ok := place[far]; !ok {
					place[far] = len(part)
					part = append(part, far)
				}
			}
		}
		nodes := make([]linkstate.Node, len(part))
		for i, id := range part {
			nodes[i].ID = id
			for _, far := range near[id] {
				nodes[i].Edges = append(nodes[i].Edges, linkstate.Edge{To: place[far], Cost: 1})
			}
		}
		t := linkstate.NewTopology(nodes)
		for _, id := range part {
			m.want[id] = t
		}
	}
}

// same says whether two topologies are the same graph.
func same(a, b *linkstate.Topology) bool {
	if a.Len() != b.Len() {
		return false
	}
	for i := range a.Len() {
		m, n := a.Node(i), b.Node(i)
		if m.ID != n.ID || m.Draining != n.Draining || !slices.Equal(m.Edges, n.Edges) {
			return false
		}
	}
	return true
}

// reaches says whether a topology has all routers of another.
func reaches(a, b *linkstate.Topology) bool { return a.Len() == b.Len() }

// all says whether all routers go by routes of a topology of which right says that it
// is as it should be. waits is whether a next hop must still wait somewhere.
func (m *mesh) all(right func(have, want *linkstate.Topology) bool) (so, waits bool) {
	so = true
	for _, id := range m.ids {
		routes, usable := m.routers[id].Routes()
		t := routes.Topology()
		s := m.seen[id]
		if s.topology != t || s.version != m.version {
			s = seen{t, m.version, right(t, m.want[id])}
			m.seen[id] = s
		}
		so, waits = so && s.right, waits || !usable
	}
	return so, waits
}

// took is how long it takes, from now on, until all routers have routes for what there
// is, and until they may use them all.
func (m *mesh) took(limit time.Duration, what string, right func(have, want *linkstate.Topology) bool) (routed, usable time.Duration) {
	m.t.Helper()
	m.version++ // what right says may be another thing than before
	for began := time.Now(); ; time.Sleep(lookEvery) {
		synctest.Wait()
		so, waits := m.all(right)
		usable = time.Since(began)
		switch {
		case so && !waits:
			return cmp.Or(routed, usable), usable
		case so && routed == 0:
			routed = usable
		case !so:
			routed = 0
		}
		if usable > limit {
			m.t.Fatalf("%s of %d routers: not within %v: %s; %s", m.kind, len(m.ids), limit, what, m.wrong())
		}
	}
}

// wrong names a router whose picture is not as it should be.
func (m *mesh) wrong() string {
	n, first := 0, ""
	for _, id := range m.ids {
		if !m.seen[id].right {
			if n++; first == "" {
				first = fmt.Sprintf("%s has %d routers and should have %d", id, m.seen[id].topology.Len(), m.want[id].Len())
			}
		}
	}
	return fmt.Sprintf("%d routers are wrong: %s", n, first)
}
