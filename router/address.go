package router

import (
	"slices"
	"sync"
	"sync/atomic"

	"github.com/meshway/meshway/routing"
)

// address is what this router knows of one address. It stays where it is for as
// long as anybody uses it, so links keep a pointer and the common transfer looks
// nothing up.
type address struct {
	// Immutable after it is made.
	router *Router
	key    string
	trunk  *trunk // the only consumer is this link to a neighbour; nil for addresses proper

	// treatment is replaced when configuration changes; never nil.
	treatment atomic.Pointer[treatment]

	composed sync.Once             // makes front
	front    atomic.Pointer[front] // nil for most: messages go to the consumers of the address itself

	// consumers is replaced as a whole, under mu; never nil.
	consumers atomic.Pointer[consumerSet]

	// busy is the number of waiting deliveries, plus one while somebody drains
	// or appends. A reader may forward past the queues only when it is 0.
	busy atomic.Int64
	// epoch rises whenever a consumer may have become able to take a delivery.
	epoch atomic.Uint64
	// aside is the number of queues of messages that wait for larger consumers: while there
	// are some, others may be able to take what comes. Changed under mu.
	aside atomic.Int32

	// passedOver is since when the closest consumers have no room, by the router's
	// elapsed; 0 while they have.
	passedOver atomic.Int64

	openHere atomic.Bool // consumers of this router have had credit lately, and the mesh knows
	ableHere atomic.Bool // one of them has it since the last tick
	idleHere int         // ticks without; owned by the ticker
	telling  sync.Mutex  // orders those who tell the mesh

	anonymous atomic.Uint64 // messages that came by links without a target
	shared    atomic.Uint64 // copies of multicasts that went to other routers

	mu sync.Mutex // guards all below

	past      *traffic // of links and remotes that are gone; nil until then, see former
	series    *series  // its metrics; nil if it has none of its own; immutable once it is in the table
	users     int      // links and queues that keep the address in the table
	idle      int      // ticks without any
	credit    creditState
	waiting   *waitingRoom             // nil until something waits
	draining  bool                     // somebody is in drain
	current   *queue                   // whose head the drainer has in hand
	ingresses map[routing.Key]*granted // routers with senders to the consumers here
	asked     []*egress                // consumers that asked for a drain and have no answer yet
	fronts    []*front                 // of which this is a part; replaced as a whole

	opened    atomic.Bool // credit.open, for a look without the lock
	shardLost atomic.Bool // of a shard: it has no consumer, which has been said

	gone       bool        // out of the table; guarded by mu
	attended   atomic.Bool // in its shard's attended, at attendedAt; changed under the shard's attention
	attendedAt int
}

// consumerSet is an immutable set of consumers.
type consumerSet struct {
	list    []*egress
	remotes []*remote     // at other routers, by id
	egress  routing.Set   // their keys
	limited bool          // not all of list take messages of any size
	next    atomic.Uint32 // where the next round robin starts
}

var noConsumers = new(consumerSet)

// any says whether there is a consumer, for what came by the mesh one of this router.
func (s *consumerSet) any(here bool) bool {
	return len(s.list) > 0 || !here && len(s.remotes) > 0
}

// count is the number of consumers; those at another router count as one.
func (s *consumerSet) count() int { return len(s.list) + len(s.remotes) }

// addConsumer makes e a consumer of the address.
func (a *address) addConsumer(e *egress) {
	a.mu.Lock()
	defer a.mu.Unlock()
	old := a.consumers.Load().list
	list := make([]*egress, len(old)+1)
	copy(list, old)
	list[len(old)] = e
	a.replaceConsumers(list, a.consumers.Load().remotes)
}

// replaceConsumers puts another set into place. Whoever looked at the old one must look
// again. The caller holds mu.
func (a *address) replaceConsumers(list []*egress, remotes []*remote) {
	for _, r := range a.consumers.Load().remotes {
		if !slices.Contains(remotes, r) {
			a.former().transit += r.sent.Load()
		}
	}
	if len(list)+len(remotes) == 0 {
		a.consumers.Store(noConsumers)
	} else {
		limited := slices.ContainsFunc(list, func(e *egress) bool { return e.largest > 0 })
		a.consumers.Store(&consumerSet{list: list, remotes: remotes, egress: egressSet(remotes), limited: limited})
	}
	a.epoch.Add(1)
	if len(remotes) > 0 {
		a.attend()
	}
}

// removeConsumer takes e out, and says whether it was the last one, also of those at
// other routers.
func (a *address) removeConsumer(e *egress) (last bool) {
	carried, _ := e.link.Look()
	a.mu.Lock()
	defer a.mu.Unlock()
	old := a.consumers.Load().list
	list := make([]*egress, 0, len(old))
	for _, o := range old {
		if o != e {
			list = append(list, o)
		}
	}
	if len(list) == len(old) {
		return false
	}
	a.former().countOut(e, &carried)
	remotes := a.consumers.Load().remotes
	a.replaceConsumers(list, remotes)
	a.attend() // the others may have no credit
	return len(list)+len(remotes) == 0
}

// addressTable finds addresses by their normal form. It is split so that ten
// thousand links that attach at once do not queue up behind one lock.
type addressTable struct {
	router *Router
	shards [tableShards]tableShard
}

const tableShards = 64

type tableShard struct {
	mu   sync.Mutex
	m    map[string]*address
	most int // see shrunk

	attention sync.Mutex // taken last of all; guards attended
	attended  []*address
}

// shardOf chooses the shard by FNV-1a over the key.
func shardOf[K string | []byte](t *addressTable, key K) *tableShard {
	h := uint32(2166136261)
	for i := 0; i < len(key); i++ {
		h = (h ^ uint32(key[i])) * 16777619
	}
	return &t.shards[h%tableShards]
}

// acquire finds or makes the address and counts a user of it.
func (t *addressTable) acquire(key string) *address { return t.entry(key).compose() }

// entry is acquire but for the address's front.
func (t *addressTable) entry(key string) *address {
	s := shardOf(t, key)
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.m[key]
	if a == nil {
		a = &address{router: t.router, key: key}
		a.treatment.Store(t.router.treatmentOf(key))
		a.consumers.Store(noConsumers)
		if x := t.router.mesh; x != nil {
			if isMobile(key) {
				x.tables.Watch(key)
			}
			a.findRemotes()
			if topoRouter(key) != "" {
				a.attend()
			}
		}
		if s.m == nil {
			s.m = make(map[string]*address)
		}
		t.router.series.enter(a)
		s.m[key] = a
	}
	a.mu.Lock()
	a.users++
	a.mu.Unlock()
	return a
}

// acquireBytes is acquire for a key that lies in a buffer.
func (t *addressTable) acquireBytes(key []byte) *address {
	if a := t.find(key); a != nil {
		return a
	}
	return t.acquire(string(key))
}

// find returns the address if it has a user, and counts one more.
func (t *addressTable) find(key []byte) *address {
	s := shardOf(t, key)
	s.mu.Lock()
	a := s.m[string(key)]
	if a != nil {
		a.mu.Lock()
		a.users++
		a.mu.Unlock()
	}
	s.mu.Unlock()
	if a != nil {
		a.compose()
	}
	return a
}

// release counts one user less.
func (t *addressTable) release(a *address) {
	a.mu.Lock()
	a.users--
	a.idle = 0
	unused := a.users == 0 && len(a.consumers.Load().remotes) == 0
	a.mu.Unlock()
	if unused {
		t.sweep(a)
	}
}

// lingerTicks is for how long an address with consumers at other routers is kept when
// nobody uses it: senders without a target come again and again, and what is on its way
// counts against windows.
const lingerTicks = 20

// lingersNoMore says whether the address can go. It is called once a tick.
func (a *address) lingersNoMore() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.users > 0 {
		return false
	}
	a.idle++
	remotes := a.consumers.Load().remotes
	onTheWay := slices.ContainsFunc(remotes, func(r *remote) bool { return r.used.Load() > 0 })
	return len(remotes) == 0 || a.idle > lingerTicks && !onTheWay
}

// sweep takes the address out of the table if it has no user.
func (t *addressTable) sweep(a *address) {
	f := a.front.Load()
	if !t.remove(a) {
		return
	}
	t.router.series.leave(a)
	if f != nil {
		f.dissolve()
	}
}

// remove says whether it has taken the address out of the table.
func (t *addressTable) remove(a *address) bool {
	s := shardOf(t, a.key)
	s.mu.Lock()
	defer s.mu.Unlock()
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.users > 0 || s.m[a.key] != a {
		return false
	}
	delete(s.m, a.key)
	s.m = shrunk(s.m, &s.most)
	a.gone = true
	if x := t.router.mesh; x != nil && isMobile(a.key) {
		x.tables.Unwatch(a.key)
	}
	return true
}

// size is how many addresses there are.
func (t *addressTable) size() (n int) {
	for i := range t.shards {
		s := &t.shards[i]
		s.mu.Lock()
		n += len(s.m)
		s.mu.Unlock()
	}
	return n
}

// each calls f for every address, with no lock held.
func (t *addressTable) each(f func(*address)) {
	var list []*address
	for i := range t.shards {
		s := &t.shards[i]
		s.mu.Lock()
		list = list[:0]
		for _, a := range s.m {
			list = append(list, a)
		}
		s.mu.Unlock()
		for _, a := range list {
			f(a)
		}
	}
}

// choose picks the consumer that should get the message by the address's distribution;
// nil when none that takes it has credit as far as can be seen without a lock.
func (s *consumerSet) choose(balanced bool, m *message) *egress {
	n := uint32(len(s.list))
	start := uint32(0)
	if n > 1 {
		start = s.next.Add(1)
	}
	var best *egress
	bestLoad := uint32(0)
	for i := uint32(0); i < n; i++ {
		e := s.list[(start+i)%n]
		unsettled, credit := e.link.Load()
		if credit == 0 || !e.takes(m) {
			continue
		}
		if !balanced || unsettled == 0 {
			return e
		}
		if best == nil || unsettled < bestLoad {
			best, bestLoad = e, unsettled
		}
	}
	return best
}

// hasCredit says whether any consumer takes deliveries now.
func (s *consumerSet) hasCredit() bool {
	return s.hasCreditHere() || slices.ContainsFunc(s.remotes, (*remote).reachable)
}

// hasCreditHere says whether a consumer of this router takes deliveries now.
func (s *consumerSet) hasCreditHere() bool {
	for _, e := range s.list {
		if _, credit := e.link.Load(); credit > 0 {
			return true
		}
	}
	return false
}
