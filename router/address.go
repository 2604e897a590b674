package router

import (
	"sync"
	"sync/atomic"

	"github.com/meshway/meshway/internal/config"
)

// address is what this router knows of one address. It stays where it is for as
// long as anybody uses it, so links keep a pointer and the common transfer looks
// nothing up.
type address struct {
	// Immutable after it is made.
	router    *Router
	key       string
	treatment *treatment

	// consumers is replaced as a whole, under mu; never nil.
	consumers atomic.Pointer[consumerSet]

	// busy is the number of waiting deliveries, plus one while somebody drains
	// or appends. A reader may forward past the queues only when it is 0.
	busy atomic.Int64
	// epoch rises whenever a consumer may have become able to take a delivery.
	epoch atomic.Uint64

	mu sync.Mutex // guards all below

	users    int // links and queues that keep the address in the table
	credit   creditState
	waiting  *[numClasses]queueRing // nil until something waits
	draining bool                   // somebody is in drain
	current  *queue                 // whose head the drainer has in hand
	asked    []*egress              // consumers that asked for a drain and have no answer yet

	opened atomic.Bool // credit.open, for a look without the lock
}

// treatment is what configuration says of the addresses that match it.
type treatment struct {
	distribution config.Distribution
	priority     *uint8
	releases     bool // what was lost, instead of saying that it failed
}

// consumerSet is an immutable set of consumers.
type consumerSet struct {
	list []*egress
	next atomic.Uint32 // where the next round robin starts
}

var noConsumers = new(consumerSet)

// addConsumer makes e a consumer of the address.
func (a *address) addConsumer(e *egress) {
	a.mu.Lock()
	defer a.mu.Unlock()
	old := a.consumers.Load().list
	list := make([]*egress, len(old)+1)
	copy(list, old)
	list[len(old)] = e
	a.consumers.Store(&consumerSet{list: list})
	a.epoch.Add(1)
}

// removeConsumer takes e out, and says whether it was the last one.
func (a *address) removeConsumer(e *egress) (last bool) {
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
	if len(list) == 0 {
		a.consumers.Store(noConsumers)
	} else {
		a.consumers.Store(&consumerSet{list: list})
	}
	// Whoever looked at the old set must look again.
	a.epoch.Add(1)
	return len(list) == 0
}

// addressTable finds addresses by their normal form. It is split so that ten
// thousand links that attach at once do not queue up behind one lock.
type addressTable struct {
	router *Router
	shards [tableShards]tableShard
}

const tableShards = 64

type tableShard struct {
	mu sync.Mutex
	m  map[string]*address
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
func (t *addressTable) acquire(key string) *address {
	s := shardOf(t, key)
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.m[key]
	if a == nil {
		a = &address{router: t.router, key: key, treatment: t.router.treatmentOf(key)}
		a.consumers.Store(noConsumers)
		if s.m == nil {
			s.m = make(map[string]*address)
		}
		s.m[key] = a
	}
	a.mu.Lock()
	a.users++
	a.mu.Unlock()
	return a
}

// find returns the address if it has a user, and counts one more.
func (t *addressTable) find(key []byte) *address {
	s := shardOf(t, key)
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.m[string(key)]
	if a != nil {
		a.mu.Lock()
		a.users++
		a.mu.Unlock()
	}
	return a
}

// release counts one user less.
func (t *addressTable) release(a *address) {
	a.mu.Lock()
	a.users--
	unused := a.users == 0
	a.mu.Unlock()
	if unused {
		t.sweep(a)
	}
}

// sweep takes the address out of the table if it has no user.
func (t *addressTable) sweep(a *address) {
	s := shardOf(t, a.key)
	s.mu.Lock()
	defer s.mu.Unlock()
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.users == 0 && s.m[a.key] == a {
		delete(s.m, a.key)
	}
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

// choose picks the consumer that should get the next delivery by the address's
// distribution; nil when none has credit as far as can be seen without a lock.
func (s *consumerSet) choose(balanced bool) *egress {
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
		if credit == 0 {
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
	for _, e := range s.list {
		if _, credit := e.link.Load(); credit > 0 {
			return true
		}
	}
	return false
}
