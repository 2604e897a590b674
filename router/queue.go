package router

import (
	"github.com/meshway/meshway/internal/amqp"
	"github.com/meshway/meshway/internal/buf"
)

// Deliveries that no consumer can take now wait at their address: one queue for
// each incoming link and class of priority, served round robin, the higher
// classes first. All of it is guarded by the address's mutex, but for the head
// that the drainer has in hand.

// numClasses is the number of priorities. [3.2.1]
const numClasses = 10

// queue holds what waits from one link in one class.
type queue struct {
	// Immutable after it is made.
	sourceKey
	sources *sources

	least uint32 // of one aside: the size of its smallest message, see below
	place int    // in sources, whose mutex guards it

	items  []message // a circular list: head is the oldest
	head   int
	count  int
	served int // messages since its turn began

	chunks []chunk // their bytes, in the same order

	next, prev *queue // in the class's ring, while count > 0
}

// chunk holds the bytes of some items that follow each other.
type chunk struct {
	bytes []byte
	items int
}

// queueRing is the queues of one class that have something in them; head is the
// one to serve next.
type queueRing struct{ head *queue }

func (r *queueRing) add(q *queue) {
	if r.head == nil {
		r.head, q.next, q.prev = q, q, q
		return
	}
	// Behind everybody that waits already.
	last := r.head.prev
	last.next, q.prev = q, last
	q.next, r.head.prev = r.head, q
}

func (r *queueRing) remove(q *queue) {
	if q.next == q {
		r.head = nil
	} else {
		q.prev.next, q.next.prev = q.next, q.prev
		if r.head == q {
			r.head = q.next
		}
	}
	q.next, q.prev = nil, nil
}

// waitingRoom is what waits at an address. What came by the mesh has rings of its own,
// since it waits for fewer consumers than the rest.
type waitingRoom struct {
	sent    [numClasses]queueRing // by senders of this router
	arrived [numClasses]queueRing // by the mesh
	turn    bool                  // it is that of the arrived ones
}

func (w *waitingRoom) ring(q *queue) *queueRing {
	if q.arrived {
		return &w.arrived[q.class]
	}
	return &w.sent[q.class]
}

// enqueue lets the message wait. False means that it must be tried (again): a
// consumer may have become able since epoch was read, or it was not tried because
// others seemed to wait, and there are none. A message for which no consumer is
// there at all is released, and so is one for which there is no memory.
func (a *address) enqueue(b *amqp.Batch, m *message, tried bool, epoch uint64) bool {
	if m.held == 0 && !m.in.trunk && a.router.full() {
		m.release(b)
		return true
	}
	a.mu.Lock()
	// Announced before the epoch is read again: a consumer that becomes able now
	// either sees somebody waiting, or is seen here.
	others := a.busy.Add(1) > 1
	if !others && (!tried || a.epoch.Load() != epoch) {
		a.busy.Add(-1)
		a.mu.Unlock()
		return false
	}
	var q *queue
	large := false
	set := a.consumers.Load()
	switch {
	case set.any(m.here) && !set.fits(m):
		large = true
	case a.treated().waits && !m.here || set.any(m.here):
		q = m.in.queueFor(a, m)
	}
	if q == nil {
		a.busy.Add(-1)
		a.mu.Unlock()
		if large {
			a.tooLarge(b, m)
		} else {
			a.nobody(b, m)
		}
		return true
	}
	q.push(m)
	others = a.aside.Load() > 0 || set.passed(m) // may be served, though this one waits
	a.mu.Unlock()
	if a.treated().waits && !a.shardLost.Load() {
		a.reportShard()
	}
	if m.stream == nil && m.held == 0 { // else it has waited elsewhere, and is counted
		m.hold(len(m.payload))
	}
	if others {
		a.drain(b)
	}
	return true
}

// push puts a copy of the message behind the others, and the queue into the ring
// if it was empty.
func (q *queue) push(m *message) {
	q.append(m)
	if q.count == 1 {
		a := q.addr
		if a.waiting == nil {
			a.waiting = new(waitingRoom)
		}
		a.waiting.ring(q).add(q)
	}
}

func (q *queue) append(m *message) {
	it := *m
	if it.stream == nil {
		it.payload, it.buffer = q.store(m.payload), nil
		it.held = len(m.payload)
	}
	if q.count == len(q.items) {
		q.grow()
	}
	q.items[(q.head+q.count)&(len(q.items)-1)] = it
	q.count++
}

func (q *queue) grow() {
	items := make([]message, max(8, 2*len(q.items)))
	for i := range q.count {
		items[i] = q.items[(q.head+i)&(len(q.items)-1)]
	}
	q.items, q.head = items, 0
}

// store copies bytes behind those of the other items.
func (q *queue) store(p []byte) []byte {
	last := len(q.chunks) - 1
	if last < 0 || cap(q.chunks[last].bytes)-len(q.chunks[last].bytes) < len(p) {
		var next []byte
		if last < 0 {
			// Ten thousand links with one message each must not take ten thousand
			// large chunks.
			next = make([]byte, 0, max(firstChunk, len(p)))
		} else {
			next = buf.Get(len(p))
		}
		q.chunks = append(q.chunks, chunk{bytes: next})
		last++
	}
	c := &q.chunks[last]
	at := len(c.bytes)
	c.bytes = append(c.bytes, p...)
	c.items++
	return c.bytes[at:len(c.bytes):len(c.bytes)]
}

const firstChunk = 1 << 10

// pop forgets the head.
func (q *queue) pop() {
	m := &q.items[q.head]
	if m.stream == nil {
		q.freeFirst()
	}
	*m = message{}
	q.head = (q.head + 1) & (len(q.items) - 1)
	q.count--
	a := q.addr
	a.busy.Add(-1)
	if q.count == 0 {
		for _, c := range q.chunks {
			buf.Put(c.bytes)
		}
		q.leave()
	}
}

// leave takes a queue with nothing in it out of the ring and away from its link.
func (q *queue) leave() {
	q.addr.waiting.ring(q).remove(q)
	q.items, q.head, q.chunks, q.served = nil, 0, nil, 0
	q.sources.remove(q)
	q.addr.users--
	if q.aside {
		q.addr.aside.Add(-1)
	}
	q.addr.attend() // the tick takes it out of the table if that was the last
}

// freeFirst forgets the bytes of the oldest item.
func (q *queue) freeFirst() {
	c := &q.chunks[0]
	if c.items--; c.items == 0 && len(q.chunks) > 1 {
		buf.Put(c.bytes)
		q.chunks[0] = chunk{}
		q.chunks = q.chunks[1:]
	}
}

// takeOut takes the waiting messages out that which picks, but for the one that a
// drainer has in hand.
func (a *address) takeOut(which func(*message) bool) (list []message) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, q := range a.queues() {
		list = append(list, q.remove(which)...)
	}
	return list
}

// queues is those with something in them. The caller holds mu.
func (a *address) queues() (queues []*queue) {
	if a.waiting == nil {
		return nil
	}
	for class := range numClasses {
		for _, r := range [2]*queueRing{&a.waiting.sent[class], &a.waiting.arrived[class]} {
			for q := r.head; q != nil; q = q.next {
				queues = append(queues, q)
				if q.next == r.head {
					break
				}
			}
		}
	}
	return queues
}

// remove takes the items out for which gone says so, and returns them. The head that
// a drainer has in hand is left to it. The caller holds the address's mutex.
func (q *queue) remove(gone func(*message) bool) (removed []message) {
	inHand := q.addr.current == q
	old := q.items
	kept := make([]message, 0, q.count)
	for i := range q.count {
		m := old[(q.head+i)&(len(old)-1)]
		if i == 0 && inHand || !gone(&m) {
			kept = append(kept, m)
		} else {
			removed = append(removed, m)
		}
	}
	if len(removed) == 0 {
		return nil
	}
	q.addr.busy.Add(int64(len(kept) - q.count))
	if len(kept) == 0 {
		q.count = 0
		q.leave()
		return removed
	}
	// The old chunks are left to the garbage collector: the drainer may be reading.
	q.items, q.head, q.count, q.chunks = nil, 0, 0, nil
	for i := range kept {
		q.append(&kept[i])
	}
	return removed
}
