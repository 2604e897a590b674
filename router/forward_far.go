package router

import (
	"time"

	"github.com/meshway/meshway/internal/amqp"
	"github.com/meshway/meshway/internal/config"
)

// patience is for how long the closest consumers may have no room before a message is
// given to others.
const patience = 10 * time.Millisecond

// forwardFar gives the message to a consumer of an address that has some at other
// routers. False means that none can take it now.
func (a *address) forwardFar(b *amqp.Batch, m *message, set *consumerSet) bool {
	if a.treated().distribution == config.Balanced {
		return a.forwardBalanced(b, m, set)
	}
	near := uint64(0) // the closest are those here
	here := set.fitsHere(m)
	if !here {
		near = unreachable
		for _, r := range set.remotes {
			near = min(near, uint64(r.cost.Load()))
		}
		if near == unreachable {
			return false
		}
	}
	if a.giveAt(b, m, set, near) {
		if (here || len(set.list) == 0) && a.passedOver.Load() != 0 {
			a.passedOver.Store(0)
		}
		return true
	}
	if !a.impatient() {
		return false
	}
	for {
		next := uint64(unreachable)
		for _, r := range set.remotes {
			if c := uint64(r.cost.Load()); c > near {
				next = min(next, c)
			}
		}
		if next == unreachable {
			return false
		}
		if near = next; a.giveAt(b, m, set, near) {
			return true
		}
	}
}

// giveAt gives the message to one of the consumers at that cost; those here cost 0.
func (a *address) giveAt(b *amqp.Batch, m *message, set *consumerSet, cost uint64) bool {
	if cost == 0 && len(set.list) > 0 {
		return a.forwardHere(b, m, set)
	}
	n := uint32(len(set.remotes))
	start := uint32(0)
	if n > 1 {
		start = set.next.Add(1)
	}
	for i := range n {
		r := set.remotes[(start+i)%n]
		if uint64(r.cost.Load()) == cost && r.room() && a.giveFar(b, m, r) {
			return true
		}
	}
	return false
}

// impatient says whether the closest consumers have had no room for long enough. The
// first time that they have none, a drain is arranged for when that is so.
func (a *address) impatient() bool {
	now := a.router.elapsed()
	since := a.passedOver.Load()
	if since == 0 {
		if a.passedOver.CompareAndSwap(0, now) {
			time.AfterFunc(patience, func() {
				var b amqp.Batch
				a.epoch.Add(1)
				a.drain(&b)
				b.Flush()
			})
		}
		return false
	}
	return now-since >= int64(patience)
}

// forwardBalanced gives the message to the consumer or egress with the least that is not
// settled, its cost added.
func (a *address) forwardBalanced(b *amqp.Batch, m *message, set *consumerSet) bool {
	for range 2 {
		here := set.choose(true, m)
		load := uint64(unreachable)
		if here != nil {
			unsettled, _ := here.link.Load()
			load = uint64(unsettled)
		}
		far := a.leastLoaded(set)
		if far != nil && far.load() < load {
			if a.giveFar(b, m, far) {
				return true
			}
			continue
		}
		if here == nil {
			return false
		}
		if a.forwardHere(b, m, set) {
			return true
		}
		return far != nil && a.giveFar(b, m, far)
	}
	return a.forwardHere(b, m, set)
}

func (a *address) leastLoaded(set *consumerSet) *remote {
	n := uint32(len(set.remotes))
	start := uint32(0)
	if n > 1 {
		start = set.next.Add(1)
	}
	var best *remote
	for i := range n {
		if r := set.remotes[(start+i)%n]; r.room() && (best == nil || r.load() < best.load()) {
			best = r
		}
	}
	return best
}

// load is what the egress has not settled, and the cost of the way there.
func (r *remote) load() uint64 { return uint64(max(r.used.Load(), 0)) + uint64(r.cost.Load()) }

// giveFar sends the message on its way to an egress, if its window and a path allow.
func (a *address) giveFar(b *amqp.Batch, m *message, r *remote) bool {
	units := unitsOf(m)
	if !r.take(units) {
		return false
	}
	out := *m
	out.hop = m.in.hopTo(r, m, units)
	out.hop.sent()
	if a.router.mesh.send(b, &out, r.key, out.hop.data.flow, nil) {
		r.sent.Add(1)
		return true
	}
	out.hop.unsent()
	return false
}
