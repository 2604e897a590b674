package linkstate

import (
	"container/heap"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// network is a mesh of cores in virtual time. It plays the routers around them:
// connections, heartbeats and failure detection, and gossip.
type network struct {
	t     testing.TB
	rng   *rand.Rand
	now   time.Time
	queue schedule
	order int
	lives int // that were begun, from which boot ids come

	routers  map[string]*simRouter // by name; two may have one id
	links    map[[2]string]*simLink
	interval time.Duration        // of heartbeats
	delay    func() time.Duration // of a message
	loss     float64              // of messages
	double   float64              // of messages that come twice
	gossip   bool                 // broadcasts arrive
	batch    time.Duration        // for which a router collects events

	onMessage   func(from, to string, msg []byte)
	onBroadcast func(from string, b Broadcast)
	onEvent     func(at string, e Event)
	messages    int
	bytes       int
	heartbeats  int
}

// simRouter is a router, its core, and what that published.
type simRouter struct {
	name     string
	core     *Core
	life     int // counts up when it is killed or started
	alive    bool
	topology *Topology
	fatal    error
	tick     time.Time
	pending  bool               // a flush is planned
	near     map[string]*simEnd // by name of the other
}

// simEnd is one router's end of a connection that it holds open.
type simEnd struct {
	detector Detector
	verdict  Verdict
}

// simLink is a connection that can exist.
type simLink struct {
	cost   [2]uint32 // as the end with the lower name, and the higher, say
	up     bool      // both ends want it
	silent bool      // nothing gets through, nobody is told
	last   [2]time.Time
	life   int
}

type scheduled struct {
	at    time.Time
	order int
	run   func()
}

type schedule []scheduled

func (s schedule) Len() int { return len(s) }
func (s schedule) Less(i, j int) bool {
	if !s[i].at.Equal(s[j].at) {
		return s[i].at.Before(s[j].at)
	}
	return s[i].order < s[j].order
}
func (s schedule) Swap(i, j int) { s[i], s[j] = s[j], s[i] }
func (s *schedule) Push(x any)   { *s = append(*s, x.(scheduled)) }
func (s *schedule) Pop() any {
	last := (*s)[len(*s)-1]
	*s = (*s)[:len(*s)-1]
	return last
}

func newNetwork(t testing.TB, seed uint64) *network {
	return &network{
		t: t, rng: rand.New(rand.NewPCG(seed, 1)), now: start,
		routers: map[string]*simRouter{}, links: map[[2]string]*simLink{},
		interval: HeartbeatInterval, delay: func() time.Duration { return time.Millisecond },
	}
}

func (n *network) after(d time.Duration, run func()) {
	n.order++
	heap.Push(&n.queue, scheduled{n.now.Add(d), n.order, run})
}

// run lets virtual time pass.
func (n *network) run(d time.Duration) {
	end := n.now.Add(d)
	for len(n.queue) > 0 && !n.queue[0].at.After(end) {
		s := heap.Pop(&n.queue).(scheduled)
		n.now = s.at
		s.run()
	}
	n.now = end
}

// start begins a new life of the router with that name.
func (n *network) start(name, id string) {
	n.lives++
	core, err := NewCore(Config{ID: id, Boot: mix(uint64(n.lives)), Started: n.now})
	if err != nil {
		n.t.Fatal(err)
	}
	r := &simRouter{name: name, core: core, alive: true, near: map[string]*simEnd{}}
	if old := n.routers[name]; old != nil {
		r.life = old.life + 1
	}
	n.routers[name] = r
	n.flush(r)
	n.beat(r)
	for _, pair := range n.pairs() {
		if (pair[0] == name || pair[1] == name) && n.links[pair].up {
			n.open(pair)
		}
	}
}

// kill ends a router. Its neighbours see the connections closed.
func (n *network) kill(name string) {
	n.routers[name].alive = false
	n.routers[name].life++
	for _, pair := range n.pairs() {
		if pair[0] == name || pair[1] == name {
			n.close(pair)
		}
	}
}

func (n *network) pairs() [][2]string {
	return slices.SortedFunc(maps.Keys(n.links), func(a, b [2]string) int { return slices.Compare(a[:], b[:]) })
}

func pairOf(a, b string) [2]string { return [2]string{min(a, b), max(a, b)} }

// link connects two routers.
func (n *network) link(a, b string, costA, costB uint32) {
	l := &simLink{cost: [2]uint32{costA, costB}, up: true}
	if b < a {
		l.cost = [2]uint32{costB, costA}
	}
	n.links[pairOf(a, b)] = l
	n.open(pairOf(a, b))
}

// cut closes a connection, heal lets it open again.
func (n *network) cut(pair [2]string) {
	n.links[pair].up = false
	n.close(pair)
}

func (n *network) heal(pair [2]string) {
	n.links[pair].up = true
	n.open(pair)
}

func (n *network) open(pair [2]string) {
	a, b := n.routers[pair[0]], n.routers[pair[1]]
	if !a.alive || !b.alive {
		return
	}
	l := n.links[pair]
	n.openEnd(a, b, l.cost[0])
	n.openEnd(b, a, l.cost[1])
	n.flush(a)
	n.flush(b)
}

func (n *network) openEnd(r, other *simRouter, cost uint32) {
	if r.near[other.name] == nil {
		r.near[other.name] = &simEnd{detector: NewDetector(n.interval, n.now)}
		r.core.AdjacencyUp(other.core.own.id, cost, n.now)
	}
}

// close ends the connection at both ends.
func (n *network) close(pair [2]string) {
	n.links[pair].life++
	for i, name := range pair {
		r, other := n.routers[name], n.routers[pair[1-i]]
		if r.near[other.name] == nil {
			continue
		}
		delete(r.near, other.name)
		if r.alive {
			r.core.AdjacencyDown(other.core.own.id, n.now)
			n.flush(r)
		}
	}
}

// beat sends heartbeats, and checks on those of the neighbours, once an interval.
func (n *network) beat(r *simRouter) {
	life := r.life
	for _, name := range slices.Sorted(maps.Keys(r.near)) {
		other, end := n.routers[name], r.near[name]
		hash := r.core.Hash()
		n.heartbeats++
		n.carry(r, other, func() {
			other.core.Heartbeat(r.core.own.id, hash, n.now)
		})
		n.check(r, other, end)
	}
	n.after(n.interval, func() {
		if r.life == life {
			n.beat(r)
		}
	})
}

func (n *network) check(r, other *simRouter, end *simEnd) {
	was := end.verdict
	end.verdict = end.detector.Check(n.now)
	if end.verdict == was {
		return
	}
	pair := pairOf(r.name, other.name)
	if end.verdict == Dead {
		n.close(pair)
		n.after(time.Second, func() { // connectors try again
			if n.links[pair].up && !n.links[pair].silent {
				n.open(pair)
			}
		})
		return
	}
	r.core.Suspect(other.core.own.id, end.verdict == Suspect, n.now)
	n.flush(r)
}

// carry takes something over a connection, in order, if that lives long enough.
func (n *network) carry(from, to *simRouter, arrive func()) {
	pair := pairOf(from.name, to.name)
	l := n.links[pair]
	side := 0
	if from.name == pair[1] {
		side = 1
	}
	at := later(n.now.Add(n.delay()), l.last[side])
	l.last[side] = at
	life := l.life
	n.after(at.Sub(n.now), func() {
		if l.life != life || l.silent || to.near[from.name] == nil {
			return
		}
		to.near[from.name].detector.Heard(n.now)
		arrive()
		n.flush(to)
	})
}

// flush carries out what a core wants, at once or when a batch of events is over.
func (n *network) flush(r *simRouter) {
	switch {
	case n.batch == 0:
		n.flushNow(r)
	case !r.pending:
		r.pending = true
		n.after(n.batch, func() {
			r.pending = false
			if r.alive {
				n.flushNow(r)
			}
		})
	}
}

func (n *network) flushNow(r *simRouter) {
	out := r.core.Flush(n.now)
	for _, e := range out.Events {
		if n.onEvent != nil {
			n.onEvent(r.name, e)
		}
	}
	if out.Fatal != nil {
		if r.fatal == nil {
			r.fatal = out.Fatal
			n.kill(r.name)
		}
		return
	}
	for _, m := range out.Messages {
		n.send(r, m)
	}
	for _, b := range out.Broadcasts {
		n.broadcast(r, b)
	}
	if out.Topology != nil {
		r.topology = out.Topology
	}
	if at := r.core.NextTick(); !at.IsZero() && !at.Equal(r.tick) {
		r.tick = at
		life := r.life
		n.after(max(0, at.Sub(n.now)), func() {
			if r.life == life && r.tick.Equal(at) {
				r.tick = time.Time{}
				r.core.Tick(n.now)
				n.flush(r)
			}
		})
	}
}

func (n *network) send(r *simRouter, m Message) {
	for name := range r.near {
		other := n.routers[name]
		if other.core.own.id != m.To {
			continue
		}
		n.messages++
		n.bytes += len(m.Data)
		if len(m.Data) > MaxMessage {
			n.t.Fatalf("%s sends a message of %d bytes", r.name, len(m.Data))
		}
		if n.onMessage != nil {
			n.onMessage(r.name, name, m.Data)
		}
		if n.rng.Float64() < n.loss {
			return
		}
		receive := func() { other.core.Receive(r.core.own.id, m.Data, n.now) }
		n.carry(r, other, receive)
		if n.rng.Float64() < n.double {
			n.carry(r, other, receive)
		}
		return
	}
	n.t.Fatalf("%s sends to %s, to which it has no adjacency", r.name, m.To)
}

// broadcast reaches everybody who can be reached, at some time.
func (n *network) broadcast(r *simRouter, b Broadcast) {
	if n.onBroadcast != nil {
		n.onBroadcast(r.name, b)
	}
	if !n.gossip {
		return
	}
	for _, name := range n.component(r.name) {
		if other := n.routers[name]; other != r && n.rng.Float64() >= n.loss {
			n.after(time.Duration(n.rng.IntN(100))*time.Millisecond, func() {
				if other.alive {
					other.core.ReceiveBroadcast(b.Data, n.now)
					n.flush(other)
				}
			})
		}
	}
}

// component is all live routers that connections lead to, sorted.
func (n *network) component(from string) []string {
	seen := map[string]bool{from: true}
	for next := []string{from}; len(next) > 0; next = next[1:] {
		for name := range n.routers[next[0]].near {
			if !seen[name] {
				seen[name] = true
				next = append(next, name)
			}
		}
	}
	return slices.Sorted(maps.Keys(seen))
}

// want fails the test unless every router sees just what is there.
func (n *network) want(why string) {
	n.t.Helper()
	there := map[string]*Topology{} // by the first of a component
	for _, name := range slices.Sorted(maps.Keys(n.routers)) {
		r := n.routers[name]
		if !r.alive {
			continue
		}
		component := n.component(name)
		fresh := there[component[0]]
		if fresh == nil {
			fresh = n.fresh(component)
			there[component[0]] = fresh
		}
		seen := *r.topology
		seen.unreachable = nil
		if !seen.Equal(fresh) {
			n.t.Fatalf("%s: %s sees\n%s, there is\n%s", why, name, drawing(&seen), drawing(fresh))
		}
		for other := range r.near {
			if !r.core.Synced(n.routers[other].core.own.id) {
				n.t.Fatalf("%s: %s does not agree with its neighbour %s", why, name, other)
			}
		}
	}
}

// fresh computes the topology of routers from their connections.
func (n *network) fresh(names []string) *Topology {
	var nodes []Node
	for _, name := range names {
		own := &n.routers[name].core.own
		node := Node{ID: own.id, Incarnation: own.incarnation, Draining: own.draining}
		for i, other := range names {
			if l := n.links[pairOf(name, other)]; l != nil && n.routers[name].near[other] != nil {
				node.Edges = append(node.Edges, Edge{To: i, Cost: max(l.cost[0], l.cost[1])})
			}
		}
		nodes = append(nodes, node)
	}
	return NewTopology(nodes)
}

// drawing is a topology as text, an adjacency a line.
func drawing(t *Topology) string {
	var text string
	for i := range t.Len() {
		node := t.Node(i)
		text += "  " + node.ID
		if node.Draining {
			text += " (draining)"
		}
		for _, e := range node.Edges {
			text += fmt.Sprintf(" -%d- %s", e.Cost, t.Node(e.To).ID)
		}
		text += "\n"
	}
	for _, id := range t.Unreachable() {
		text += "  " + id + " (unreachable)\n"
	}
	return text
}
