package router

import (
	"slices"

	"github.com/meshway/meshway/internal/amqp"
)

// quantum is how many messages of one link leave before it is another's turn. One
// by one would be no fairer where all are served in milliseconds, and would make
// every outcome of every sender a write of its own.
const quantum = 32

// rotate ends the queue's turn when it has had its share. The caller holds mu.
func (a *address) rotate(q *queue) {
	if q.served++; q.served >= quantum {
		q.served = 0
		a.waiting.ring(q).head = q.next
		a.waiting.turn = !q.arrived
	}
}

// refusals says which of the two kinds no consumer takes for now, and of the others the queues
// whose head none takes.
type refusals struct {
	sent, arrived bool
	queues        []*queue
}

// reconsider is called when the head of a queue has gone: if it waited aside, what was sent
// behind it may be free to go.
func (r *refusals) reconsider(q *queue) {
	if q.aside {
		r.queues = nil
	}
}

// first is the queue of a ring whose turn it is, nil if there is none.
func (r *refusals) first(ring queueRing) *queue {
	q := ring.head
	for q != nil && slices.Contains(r.queues, q) {
		if q = q.next; q == ring.head {
			return nil
		}
	}
	return q
}

// pass leaves a queue out whose head none takes; the others of its class have their turn.
func (r *refusals) pass(q *queue) {
	r.queues = append(r.queues, q)
	q.addr.waiting.ring(q).head = q.next
}

// add leaves out all of a kind.
func (r *refusals) add(q *queue) {
	if q.arrived {
		r.arrived = true
	} else {
		r.sent = true
	}
}

// nextQueue is whose turn it is: the highest class first, round robin in it.
func (a *address) nextQueue(not refusals) *queue {
	w := a.waiting
	if w == nil {
		return nil
	}
	for class := numClasses - 1; class >= 0; class-- {
		sent, arrived := not.first(w.sent[class]), not.first(w.arrived[class])
		if not.sent {
			sent = nil
		}
		if not.arrived {
			arrived = nil
		}
		switch {
		case arrived != nil && (w.turn || sent == nil):
			return arrived
		case sent != nil:
			return sent
		}
	}
	return nil
}

// drain gives what waits to consumers that can take it. One goroutine at a time
// does so for an address; another that has reason to finds the flag set and
// leaves, for whoever holds it looks at the epoch before giving it up.
func (a *address) drain(b *amqp.Batch) {
	a.mu.Lock()
	if a.draining {
		a.mu.Unlock()
		return
	}
	a.draining = true
	a.busy.Add(1)
	epoch, refused := a.epoch.Load(), refusals{}
	for {
		a.endHopeless(b)
		q := a.nextQueue(refused)
		if q == nil {
			if now := a.epoch.Load(); now != epoch {
				epoch, refused = now, refusals{}
				continue
			}
			break
		}
		m := q.items[q.head]
		m.below = q.below()
		a.current = q
		a.mu.Unlock()
		gone := a.forward(b, &m)
		a.mu.Lock()
		a.current = nil
		if gone {
			q.pop()
			refused.reconsider(q)
			if q.count > 0 {
				a.rotate(q)
			}
			continue
		}
		q.takeBack(&m)
		if q.items[q.head].abandoned() { // while it was in our hands, and so left to us
			q.pop()
			refused.reconsider(q)
			a.mu.Unlock()
			m.forget(b)
			a.mu.Lock()
			continue
		}
		if !a.passOver(b, q, &m, &refused) {
			refused.add(q)
		}
	}
	a.draining = false
	a.busy.Add(-1)
	// One that could not be given all, for want of window or room, is asked about
	// again when there is some.
	asked := slices.DeleteFunc(a.asked, func(e *egress) bool { return e.hasCredit() && a.waitsFor(e) })
	a.asked = nil
	a.mu.Unlock()
	for _, e := range asked {
		e.drained(b)
	}
}

// takeBack puts the head that the drainer had in hand, and that nobody took, where it was. The
// caller holds the address's mutex.
func (q *queue) takeBack(m *message) {
	it := &q.items[q.head]
	m.settled = m.settled || it.settled // by its sender, meanwhile
	m.counted = m.counted || it.counted
	if m.stream != nil && it.stream == nil {
		q.freeFirst() // it became a stream on the way
		*it = *m
	}
	it.counted = m.counted
}

// endHopeless ends everything that waits for consumers that are no more. The caller
// holds mu and is the drainer.
func (a *address) endHopeless(b *amqp.Batch) {
	if a.waiting == nil {
		return
	}
	set := a.consumers.Load()
	hopeful := refusals{sent: set.any(false) || a.treated().waits, arrived: set.any(true)}
	if hopeful.sent && hopeful.arrived {
		return
	}
	var list []message
	for q := a.nextQueue(hopeful); q != nil; q = a.nextQueue(hopeful) {
		m := q.items[q.head]
		if m.stream == nil && (a.trunk != nil || m.here || a.hasParts()) {
			m.payload = append([]byte(nil), m.payload...) // it may go elsewhere
		}
		list = append(list, m)
		q.pop()
	}
	if len(list) == 0 {
		return
	}
	a.mu.Unlock()
	for i := range list {
		a.nobody(b, &list[i])
	}
	a.mu.Lock()
}

// nobody ends a message for which the address has no consumer, or sends it elsewhere:
// one that waited for a neighbour by another way, one that came by the mesh to
// consumers at another router, once, and others to another part of the address.
func (a *address) nobody(b *amqp.Batch, m *message) {
	switch {
	case a.trunk != nil:
		m.reroute(b)
	case m.here && !m.way.moved && !m.abandoned():
		m.unhold(b)
		w := *m.way
		w.moved = true
		m.way, m.here = &w, false
		a.route(b, m)
	case a.redirect(b, m):
	default:
		m.release(b)
	}
}
