package router

import "github.com/meshway/meshway/internal/amqp"

// Most addresses are at rest: their consumers have credit, or there are none, and nobody
// at another router knows of them. What is done now and then is done for the others
// alone, so that a million addresses at rest cost no time. In need of attention are:
//
//   - those with consumers at other routers, always: their costs and windows change;
//   - those of another router by name, always: it may go, and come back;
//   - those that have granted windows to other routers, as long as they do;
//   - those that are open and whose consumers here have no credit, until they are closed.

// fewAttended is for how many addresses a shard keeps the room when none is attended to.
const fewAttended = 16

// attend has the address looked at from now on. It may be called with its mutex held.
func (a *address) attend() {
	if a.attended.Load() || a.trunk != nil {
		return
	}
	s := shardOf(&a.router.table, a.key)
	s.attention.Lock()
	defer s.attention.Unlock()
	if a.attended.CompareAndSwap(false, true) {
		a.attendedAt = len(s.attended)
		s.attended = append(s.attended, a)
	}
}

// rest ends attend, if the address is at rest.
func (a *address) rest() {
	if a.leave() && a.isOpen() && !a.consumers.Load().hasCreditHere() {
		// Whoever used up the last credit either is seen here, or sees that nobody
		// attends to the address.
		a.attend()
	}
}

func (a *address) isOpen() bool { return a.opened.Load() || a.openHere.Load() }

// leave takes the address out of those that are looked at, unless other routers have to
// do with it: that changes under its mutex alone. False means that it stays, or is gone.
func (a *address) leave() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.gone && (len(a.consumers.Load().remotes) > 0 || len(a.ingresses) > 0 || topoRouter(a.key) != "") {
		return false
	}
	s := shardOf(&a.router.table, a.key)
	s.attention.Lock()
	defer s.attention.Unlock()
	last := len(s.attended) - 1
	moved := s.attended[last]
	s.attended[a.attendedAt], moved.attendedAt = moved, a.attendedAt
	s.attended[last] = nil
	s.attended = s.attended[:last]
	if last == 0 && cap(s.attended) > fewAttended {
		s.attended = nil
	}
	a.attended.Store(false)
	return !a.gone
}

// use keeps the address in the table until unuse; false means that it is out of it already,
// and that another may stand in its place. What is said of an address to the mesh is said
// by those who use it.
func (a *address) use() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.gone {
		return false
	}
	a.users++
	return true
}

// unuse ends use, for one who looks whether the address can go afterwards.
func (a *address) unuse() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.users--
}

// eachAttended calls f for every address that needs attention, with no lock held.
func (t *addressTable) eachAttended(f func(*address)) {
	var list []*address
	for i := range t.shards {
		s := &t.shards[i]
		s.attention.Lock()
		list = append(list[:0], s.attended...)
		s.attention.Unlock()
		for _, a := range list {
			f(a)
		}
	}
}

// tick does what addresses need now and then. Only one goroutine calls it.
func (t *addressTable) tick(b *amqp.Batch) {
	t.eachAttended(func(a *address) {
		if a.use() {
			a.tick(b)
			a.unuse()
		}
		if a.lingersNoMore() {
			t.sweep(a)
		}
		a.rest()
	})
}
