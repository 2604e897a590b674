package router

import (
	"slices"
	"time"

	"github.com/meshway/meshway/internal/amqp"
)

// Senders of an address get credit while some consumer could take what they
// send. Each may have a window of deliveries unfinished: its listener's
// linkCapacity, as long as all of them together stay within a bound. Where no
// linkCapacity is configured the window grows with the number of consumers, so
// that one sender can keep all of them busy.

const (
	// consumerWindow is the part of a sender's window that each consumer adds
	// where none is configured, and largestWindow what they add up to at most.
	consumerWindow = 250
	largestWindow  = 8192
	// addressWindow is how many deliveries all senders of one address together
	// may have unfinished on this router.
	addressWindow = 65536
	// leastWindow is what every sender gets, however many there are.
	leastWindow = 8
	// pacedAbove is the number of senders from which opening or closing them
	// is done in the background, this many at a time.
	pacedAbove = 64
	// closeTicks is for how many ticks no consumer may have had credit before
	// credit is taken back from the senders: about a second.
	closeTicks = 2
	tickEvery  = 500 * time.Millisecond
)

// creditState is the part of an address that decides about credit, guarded by
// the address's mutex.
type creditState struct {
	producers []*ingress // in no order; each knows its place; in first, as long as that is enough
	first     [1]*ingress
	share     uint32 // each sender's part of addressWindow, as applied last
	spread    uint32 // the window where none is configured, as applied last
	open      bool
	idleTicks int
	seenEpoch uint64
}

// addProducer makes in a sender of the address.
func (a *address) addProducer(b *amqp.Batch, in *ingress) {
	a.mu.Lock()
	c := &a.credit
	if c.producers == nil {
		c.producers = c.first[:0]
	}
	in.place = len(c.producers)
	c.producers = append(c.producers, in)
	open := a.openTo(in)
	moved := a.reshare()
	a.mu.Unlock()
	if open {
		a.applyCredit(b, []*ingress{in})
	}
	if !open || a.front.Load() != nil {
		a.wakeParts(b)
	}
	if moved {
		a.applyToAll(b)
	}
}

// removeProducer takes in out.
func (a *address) removeProducer(b *amqp.Batch, in *ingress) {
	carried := in.carried()
	a.mu.Lock()
	if !in.peer.inside {
		a.former().countIn(in, &carried)
	}
	removeFrom(&a.credit.producers, in, func(in *ingress) *int { return &in.place })
	moved := a.reshare()
	a.mu.Unlock()
	if moved {
		a.applyToAll(b)
	}
}

// reshare computes what senders get of the address's window, and the window that
// its consumers make for those without a linkCapacity. True means that one has moved
// by a quarter since it was applied, and must be applied to all senders: so n links
// attaching cost n log n and not n². The caller holds mu.
func (a *address) reshare() bool {
	c := &a.credit
	share, spread := shareOf(len(c.producers)), spreadOf(a.consumerCount())
	if near(share, c.share) && near(spread, c.spread) {
		return false
	}
	c.share, c.spread = share, spread
	return c.open || a.front.Load() != nil
}

// shareOf is the part of an address's window that each of n senders gets.
func shareOf(n int) uint32 { return max(addressWindow/uint32(max(n, 1)), leastWindow) }

// spreadOf is the window that n consumers make for a sender without a linkCapacity.
func spreadOf(n int) uint32 { return min(consumerWindow*uint32(max(n, 1)), largestWindow) }

// near says that a is within a quarter of b.
func near(a, b uint32) bool { return a*5 > b*4 && a*4 < b*5 }

// consumersChanged is called when a consumer has come or gone.
func (a *address) consumersChanged(b *amqp.Batch) {
	a.mu.Lock()
	moved := a.reshare()
	if f := a.front.Load(); f != nil && f.fallback != nil { // which of the two counts may have changed
		moved = true
	}
	fronts := a.fronts
	a.mu.Unlock()
	if moved {
		a.applyToAll(b)
	}
	for _, f := range fronts {
		f.addr.consumersChanged(b)
	}
	if a.treated().sticky {
		a.reportShard()
	}
}

// windowOf is the sender's window while the address is open. The caller holds mu.
func (a *address) windowOf(in *ingress) uint32 {
	w := in.peer.capacity
	if w == 0 {
		w = a.credit.spread
	}
	return min(w, a.credit.share)
}

// consumerAble is called when a consumer has credit: the first one opens the
// address.
func (a *address) consumerAble(b *amqp.Batch) {
	a.mu.Lock()
	if a.credit.open {
		a.mu.Unlock()
		return
	}
	a.credit.open = true
	a.credit.idleTicks = 0
	a.opened.Store(true)
	a.mu.Unlock()
	a.applyToAll(b)
	a.tellFronts(b)
}

// closeCredit takes credit back from all senders if there is still reason to.
func (a *address) closeCredit(b *amqp.Batch, still func() bool) {
	a.mu.Lock()
	if !a.credit.open {
		a.mu.Unlock()
		return
	}
	// Closed first and asked then: a consumer that becomes able now either is
	// seen here, or sees the address closed and opens it.
	a.opened.Store(false)
	if !still() {
		a.opened.Store(true)
		a.mu.Unlock()
		return
	}
	a.credit.open = false
	a.mu.Unlock()
	a.applyToAll(b)
	a.tellFronts(b)
}

// applyToAll applies the address's state to all of its senders; to many of them a few at
// a time and off the reader.
func (a *address) applyToAll(b *amqp.Batch) {
	var few [pacedAbove]*ingress // so that most addresses cost no memory here
	a.mu.Lock()
	list := append(few[:0], a.credit.producers...)
	a.mu.Unlock()
	if len(list) <= pacedAbove {
		a.applyCredit(b, list)
		return
	}
	a.applyPaced(slices.Clone(list))
}

// applyPaced is applyCredit off the reader, and a few at a time.
func (a *address) applyPaced(list []*ingress) {
	a.router.background(func() {
		var b amqp.Batch
		for len(list) > 0 {
			n := min(pacedAbove, len(list))
			a.applyCredit(&b, list[:n])
			b.Flush()
			list = list[n:]
		}
	})
}

// applyCredit gives each sender the window that the address's state says at that
// moment, so that an opening and a closing under way at once end in the right
// state whichever comes last.
func (a *address) applyCredit(b *amqp.Batch, list []*ingress) {
	for _, in := range list {
		in.creditMu.Lock()
		a.mu.Lock()
		open, window := a.openTo(in), a.windowOf(in)
		a.mu.Unlock()
		if open {
			in.link.SetWindow(b, window)
		} else {
			in.link.Revoke(b)
		}
		in.creditMu.Unlock()
	}
}

// tickHere tells the mesh that the consumers here are closed, when they have not
// granted credit for a second.
func (a *address) tickHere() {
	if !a.openHere.Load() {
		return
	}
	if a.ableHere.Swap(false) || a.consumers.Load().hasCreditHere() {
		a.idleHere = 0
		return
	}
	if a.idleHere++; a.idleHere > closeTicks && a.openHere.CompareAndSwap(true, false) {
		a.idleHere = 0
		a.advertise()
	}
}

// tick closes the address when its consumers have not granted credit for a
// second. Credit that comes and goes in between moves the epoch.
func (a *address) tick(b *amqp.Batch) {
	a.tickHere()
	if !a.opened.Load() {
		return
	}
	idle := !a.consumers.Load().hasCredit()
	a.mu.Lock()
	c := &a.credit
	if epoch := a.epoch.Load(); !idle || epoch != c.seenEpoch {
		c.seenEpoch = epoch
		c.idleTicks = 0
	} else {
		c.idleTicks++
	}
	closing, epoch := c.idleTicks > closeTicks, c.seenEpoch
	a.mu.Unlock()
	if closing {
		a.closeCredit(b, func() bool { return a.epoch.Load() == epoch })
	}
}
