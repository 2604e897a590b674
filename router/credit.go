package router

import (
	"time"

	"github.com/meshway/meshway/internal/amqp"
)

// Senders of an address get credit while some consumer could take what they
// send. Each may have a window of deliveries unfinished: its listener's
// linkCapacity, as long as all of them together stay within a bound.

const (
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
	producers []*ingress // in no order; each knows its place
	share     uint32     // the window that was applied last
	open      bool
	idleTicks int
	seenEpoch uint64
}

// addProducer makes in a sender of the address.
func (a *address) addProducer(b *amqp.Batch, in *ingress) {
	a.mu.Lock()
	c := &a.credit
	in.place = len(c.producers)
	c.producers = append(c.producers, in)
	open := c.open
	others := a.reshare()
	a.mu.Unlock()
	if open {
		a.applyCredit(b, []*ingress{in})
	}
	a.applyPaced(b, others)
}

// removeProducer takes in out.
func (a *address) removeProducer(b *amqp.Batch, in *ingress) {
	a.mu.Lock()
	c := &a.credit
	last := len(c.producers) - 1
	if in.place <= last && c.producers[in.place] == in {
		c.producers[in.place] = c.producers[last]
		c.producers[in.place].place = in.place
		c.producers[last] = nil
		c.producers = c.producers[:last]
	}
	others := a.reshare()
	a.mu.Unlock()
	a.applyPaced(b, others)
}

// reshare computes each sender's share of the address's window. When it has
// moved by a quarter since it was applied, it returns those to whom it must be
// applied; nil otherwise, so that n senders attaching cost n log n and not n².
// The caller holds mu.
func (a *address) reshare() []*ingress {
	c := &a.credit
	share := uint32(addressWindow)
	if n := len(c.producers); n > 0 {
		share = max(addressWindow/uint32(n), leastWindow)
	}
	if old := c.share; old != 0 && share*5 > old*4 && share*4 < old*5 {
		return nil
	}
	old := c.share
	c.share = share
	if !c.open || old >= maxLinkCapacity && share >= maxLinkCapacity {
		return nil // nobody's window is that large
	}
	return append([]*ingress(nil), c.producers...)
}

// maxLinkCapacity is a window that no sender has.
const maxLinkCapacity = 1 << 15

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
	all := append([]*ingress(nil), a.credit.producers...)
	a.mu.Unlock()
	a.applyPaced(b, all)
}

// closeCredit takes credit back from all senders.
func (a *address) closeCredit(b *amqp.Batch) {
	a.mu.Lock()
	if !a.credit.open {
		a.mu.Unlock()
		return
	}
	a.credit.open = false
	a.opened.Store(false)
	all := append([]*ingress(nil), a.credit.producers...)
	a.mu.Unlock()
	a.applyPaced(b, all)
}

// applyPaced applies the address's state to many senders, a few at a time and
// off the reader.
func (a *address) applyPaced(b *amqp.Batch, list []*ingress) {
	if len(list) <= pacedAbove {
		a.applyCredit(b, list)
		return
	}
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
		open, share := a.credit.open, a.credit.share
		a.mu.Unlock()
		if open {
			in.link.SetWindow(b, min(share, in.peer.capacity))
		} else {
			in.link.Revoke(b)
		}
		in.creditMu.Unlock()
	}
}

// tick closes the address when its consumers have not granted credit for a
// second. Credit that comes and goes in between moves the epoch.
func (a *address) tick(b *amqp.Batch) {
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
	closing := c.idleTicks > closeTicks
	a.mu.Unlock()
	if closing {
		a.closeCredit(b)
	}
}
