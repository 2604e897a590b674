package router

import (
	"fmt"
	"math"
	"slices"

	"github.com/meshway/meshway/internal/amqp"
	"github.com/meshway/meshway/internal/wire"
)

// A consumer may say how large a message it takes, by the max-message-size of its attach.
// [2.7.3] What is larger goes to another consumer of the address, or waits for one, aside
// from what comes behind it. It is rejected where there is none that takes it.

// takes says whether the message may go to the consumer: it is not too large for it, and
// none that was sent before it waits for this one.
func (e *egress) takes(m *message) bool {
	return e.largest|uint64(m.below) == 0 || e.mayTake(m)
}

func (e *egress) mayTake(m *message) bool {
	return (m.below == 0 || e.largest != 0 && e.largest < uint64(m.below)) && e.fits(m)
}

// fits says whether the message is not too large for the consumer.
func (e *egress) fits(m *message) bool {
	return e.largest == 0 || uint64(e.sizeOf(m)) <= e.largest
}

// sizeOf is how many bytes the message has as it leaves for this consumer; of one that is
// still coming in, those that have come.
func (e *egress) sizeOf(m *message) int {
	if m.stream == nil {
		out := amqp.Outgoing{Payload: m.payload}
		e.dress(&out, m)
		return len(out.Head) + len(out.Payload)
	}
	front, n := e.front(m.beginning(), m)
	if front == nil {
		return m.size()
	}
	return m.size() + len(front) - n
}

// size is how many bytes of the message have come.
func (m *message) size() int {
	if m.stream == nil {
		return len(m.payload)
	}
	m.stream.mu.Lock()
	defer m.stream.mu.Unlock()
	return m.stream.size
}

// least is a size that the message has for every consumer at least.
func (m *message) least() uint32 {
	first := m.beginning()
	return uint32(min(m.size()-len(first)+len(stripAnnotations(first)), math.MaxUint32))
}

// fits says whether there is a consumer that the message is not too large for, be it that it
// has no room now. What consumers at other routers take, those know.
func (s *consumerSet) fits(m *message) bool {
	if !s.limited || !m.here && len(s.remotes) > 0 {
		return s.any(m.here)
	}
	return s.fitsHere(m)
}

// fitsHere is fits for the consumers of this router.
func (s *consumerSet) fitsHere(m *message) bool {
	return len(s.list) > 0 && (!s.limited || slices.ContainsFunc(s.list, func(e *egress) bool { return e.fits(m) }))
}

// passed says whether a consumer of this router has credit, and the message is too large
// for it.
func (s *consumerSet) passed(m *message) bool {
	return s.limited && slices.ContainsFunc(s.list, func(e *egress) bool { return e.hasCredit() && !e.fits(m) })
}

// tooLarge ends a message that is too large for all consumers that it might go to. One that
// came by the mesh to consumers here does not move on to another router: what its sender sent
// there behind it would be there before.
func (a *address) tooLarge(b *amqp.Batch, m *message) {
	set := a.consumers.Load()
	switch {
	case !set.any(m.here):
		a.nobody(b, m)
		return
	case set.fits(m): // it has come meanwhile
		a.route(b, m)
		return
	}
	best := set.list[0]
	for _, e := range set.list {
		if e.largest > best.largest {
			best = e
		}
	}
	m.end(b, best.tooLarge(best.sizeOf(m), m.comes()))
}

// tooLarge is what becomes of a message of so many bytes, or more.
func (e *egress) tooLarge(size int, more bool) wire.DeliveryState {
	than := ""
	if more {
		than = "more than "
	}
	name, _ := part(e.addr.key)
	return wire.RejectedState(&wire.Error{
		Condition:   wire.CondMessageSizeExceeded,
		Description: fmt.Sprintf("the message has %s%d bytes, and the consumer of %q takes %d at most", than, size, name, e.largest),
	})
}

// refuseLarge ends a copy of a multicast that is too large for this subscriber.
func (e *egress) refuseLarge(b *amqp.Batch, c *copyOf) {
	e.endCopy(b, c, e.tooLarge(e.sizeOf(&c.message), c.message.comes()))
}

// exceeds says that what has come of the message is more than the consumer takes. The caller
// holds the stream's mutex.
func (c *streamCopy) exceeds() bool {
	return c.e.largest > 0 && uint64(c.s.size+c.longer) > c.e.largest
}

// comes says that more of the message is to come.
func (m *message) comes() bool {
	if m.stream == nil {
		return false
	}
	m.stream.mu.Lock()
	defer m.stream.mu.Unlock()
	return !m.stream.ended
}

// refuse breaks a copy off that is larger than its consumer takes, before it has sent more
// than that.
func (c *streamCopy) refuse(b *amqp.Batch) {
	s := c.s
	s.mu.Lock()
	size, more := s.size+c.longer, !s.ended
	s.mu.Unlock()
	c.abort(b)
	state := c.e.tooLarge(size, more)
	switch {
	case !c.only:
		c.e.tellCopy(b, c.ref, state)
	case c.dropped:
		s.in.tally.dropped.Add(1)
	default:
		s.in.link.Update(b, []uint32{s.id}, true, s.in.outcome(state))
	}
}

// passOver does what is to be done with the head of a queue that nobody took, if that is for
// its size, so that it is not in the way of others: true. The caller holds mu and is the
// drainer.
func (a *address) passOver(b *amqp.Batch, q *queue, m *message, refused *refusals) bool {
	set := a.consumers.Load()
	switch {
	case !set.limited && m.below == 0 && !q.aside:
		return false
	case set.any(m.here) && !set.fits(m):
		if m.stream == nil {
			m.payload = append([]byte(nil), m.payload...) // it may go elsewhere
		}
		q.pop()
		refused.reconsider(q)
		a.mu.Unlock()
		a.tooLarge(b, m)
		a.mu.Lock()
	case !q.aside && !a.treated().sticky && set.passed(m):
		q.putAside(m)
	case q.aside || m.below > 0:
		refused.pass(q)
	default:
		return false
	}
	return true
}

// putAside has the head of a queue wait for a larger consumer, with others of its kind. The
// caller holds the address's mutex and is the drainer.
func (q *queue) putAside(m *message) {
	m.below = 0
	q.sources.mu.Lock()
	to := q.sources.open(q.asideKey())
	q.sources.mu.Unlock()
	to.least = min(to.least, m.least())
	to.push(m)
	q.addr.busy.Add(1)
	q.pop()
}

// asideKey is that of the queue of what waits aside from the others of this one.
func (q *queue) asideKey() sourceKey {
	k := q.sourceKey
	k.aside = true
	return k
}

// below is the size of the smallest message that waits aside from the others of the queue:
// those must not pass it at a consumer that takes it. 0 is none. The caller holds mu.
func (q *queue) below() uint32 {
	if q.aside || q.addr.aside.Load() == 0 {
		return 0
	}
	q.sources.mu.Lock()
	defer q.sources.mu.Unlock()
	if o := q.sources.find(q.asideKey()); o != nil {
		return o.least
	}
	return 0
}

// waitsFor says whether what waits at the address is for this consumer too. The caller holds
// mu.
func (a *address) waitsFor(e *egress) bool {
	if !a.consumers.Load().limited {
		return a.nextQueue(refusals{}) != nil
	}
	return slices.ContainsFunc(a.queues(), func(q *queue) bool {
		m := q.items[q.head]
		m.below = q.below()
		return e.takes(&m)
	})
}
