package router

import (
	"math"
	"sync"

	"github.com/meshway/meshway/routing"
)

// sources is the queues of one link of a client, or of all links of a neighbour, that
// have something in them. What a neighbour sends is kept apart by the links at which it
// came into the mesh: by whichever link between routers a message comes, it waits behind
// those that were sent before it.
type sources struct {
	mu    sync.Mutex
	list  []*queue
	index map[sourceKey]*queue // of all, once there are many
}

// sourceKey is what tells the queues of one sources apart.
type sourceKey struct {
	addr    *address
	class   uint8
	arrived bool // by the mesh: only consumers of this router can take it
	from    flow
	aside   bool // of such as wait for consumers that take larger ones, see passOver
}

// flow is a link at which messages came into the mesh; zero for those of this router.
type flow struct {
	ingress routing.Key
	label   uint32
}

// sourcesIndexed is from how many queues on they are found by an index.
const sourcesIndexed = 16

// find finds a queue. The caller holds mu.
func (s *sources) find(k sourceKey) *queue {
	if s.index != nil {
		return s.index[k]
	}
	for _, q := range s.list {
		if q.sourceKey == k {
			return q
		}
	}
	return nil
}

// open is the queue of a key, made if need be. The caller holds mu and the address's; leave is
// the end of it.
func (s *sources) open(k sourceKey) *queue {
	q := s.find(k)
	if q == nil {
		q = &queue{sourceKey: k, sources: s, least: math.MaxUint32}
		s.add(q)
		k.addr.users++
		if k.aside {
			k.addr.aside.Add(1)
		}
	}
	return q
}

// waitingAt is how many messages wait at an address. The caller holds mu and the
// address's.
func (s *sources) waitingAt(a *address) (n int) {
	for _, q := range s.list {
		if q.addr == a {
			n += q.count
		}
	}
	return n
}

// add adds a queue. The caller holds mu.
func (s *sources) add(q *queue) {
	q.place = len(s.list)
	s.list = append(s.list, q)
	if s.index == nil && len(s.list) > sourcesIndexed {
		s.index = make(map[sourceKey]*queue)
		for _, o := range s.list {
			s.index[o.sourceKey] = o
		}
	}
	if s.index != nil {
		s.index[q.sourceKey] = q
	}
}

// remove takes out a queue with nothing in it.
func (s *sources) remove(q *queue) {
	s.mu.Lock()
	defer s.mu.Unlock()
	last := len(s.list) - 1
	s.list[q.place] = s.list[last]
	s.list[q.place].place = q.place
	s.list[last] = nil
	s.list = s.list[:last]
	delete(s.index, q.sourceKey)
	if last == 0 {
		s.list, s.index = nil, nil
	}
}

// each calls f for each queue that has something in it, under its address's mutex.
func (s *sources) each(f func(q *queue)) {
	s.mu.Lock()
	list := append([]*queue(nil), s.list...)
	s.mu.Unlock()
	for _, q := range list {
		q.addr.mu.Lock()
		if q.count > 0 {
			f(q)
		}
		q.addr.mu.Unlock()
	}
}
