package router

import (
	"slices"

	"github.com/meshway/meshway/internal/amqp"
	"github.com/meshway/meshway/internal/wire"
)

// excess is what a broker has sent on a link beyond the credit that the client gave, and what
// came behind that. Some brokers do so, see amqp.Config.Overrun. It waits until the client gives
// credit for it, and meanwhile narrows the window of the session that it came by. Other links of
// the session go on.
type excess struct {
	items      []pipeItem
	deliveries int // that begin in items
}

// excessive says whether a frame is beyond credit, or behind what is. The caller holds mu.
func (p *pipe) excessive(e *routedEnd, f *amqp.RawFrame) bool {
	return p.excess[e] != nil || f.Excess
}

// behind is the place behind the frames of a delivery, 0 if that does not wait.
func (x *excess) behind(id uint32) int {
	if x == nil {
		return 0
	}
	return behind(x.items, id)
}

// putAside has something wait for credit, at a place or, with -1, behind all else. The caller
// holds mu.
func (p *pipe) putAside(e *routedEnd, place int, it pipeItem) {
	x := p.excess[e]
	if x == nil {
		x = new(excess)
		if p.excess == nil {
			p.excess = make(map[*routedEnd]*excess)
		}
		p.excess[e] = x
	}
	it.end = e
	if it.kind == pipeTransfer && it.frame.First {
		x.deliveries++
	}
	if place < 0 {
		place = len(x.items)
	}
	x.items = slices.Insert(x.items, place, it)
	e.raw.Hold(it.held)
}

// granted is called when the client has given credit: what waits for that goes on.
func (p *pipe) granted(b *amqp.Batch, e *routedEnd) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.credited(b, e)
}

// credited has what the client has given credit for go on. Credit may come between the moment in
// which the engine counts a delivery and the one in which that is put aside, and is asked for
// behind that, too. The caller holds mu.
func (p *pipe) credited(b *amqp.Batch, e *routedEnd) {
	x := p.excess[e]
	if x == nil {
		return
	}
	n := 0
	for beyond := e.raw.Excess(); n < len(x.items); n++ {
		if it := &x.items[n]; it.kind == pipeTransfer && it.frame.First {
			if x.deliveries <= beyond {
				break
			}
			x.deliveries--
		}
	}
	p.trim()
	p.items = append(p.items, x.items[:n]...)
	clear(x.items[:n])
	if x.items = x.items[n:]; len(x.items) == 0 {
		delete(p.excess, e)
	}
	p.drainItems(b)
}

// withoutExcess is what a broker says of its link to a client that is to have no more than its
// credit for now: its count is without what waits here. The caller holds mu.
func (p *pipe) withoutExcess(e *routedEnd, f *wire.Flow) *wire.Flow {
	x := p.excess[e]
	if x == nil {
		return f
	}
	told := *f
	told.DeliveryCount.V -= uint32(x.deliveries)
	return &told
}

// discard drops what waits for credit at an end that has been detached.
func (p *pipe) discard(b *amqp.Batch, e *routedEnd) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dropExcess(b, e)
}

// dropExcess is called when a link ends: nobody will give credit for what waits any more. Its
// broker has it back, as what was not settled. The caller holds mu.
func (p *pipe) dropExcess(b *amqp.Batch, e *routedEnd) {
	x := p.excess[e]
	if x == nil {
		return
	}
	for i := range x.items {
		it := &x.items[i]
		if it.unsent {
			p.leftAs(it.id)
		}
		p.release(b, it)
	}
	delete(p.excess, e)
}

// dropAllExcess is dropExcess for all links. The caller holds mu.
func (p *pipe) dropAllExcess(b *amqp.Batch) {
	for e := range p.excess {
		p.dropExcess(b, e)
	}
}
