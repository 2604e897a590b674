package router

import (
	"sync"
	"time"

	"github.com/meshway/meshway/internal/amqp"
	"github.com/meshway/meshway/internal/wire"
)

// pipe is what goes one way between the two sessions of a mirror and must keep its order:
// transfers, and what their senders say. It goes on at once while nothing waits, else it
// waits for the window of the session that it leaves by; what waits narrows the window of
// the session that it came by.
type pipe struct {
	mu     sync.Mutex // guards all below
	items  []pipeItem // from next on
	next   int
	unsent map[uint32]unsent // by their id: deliveries of which something is said behind them
	excess map[*routedEnd]*excess
	over   bool        // nothing passes any more
	timer  *time.Timer // until what waits is given up
}

// pipeItem is something that waits.
type pipeItem struct {
	kind    pipeKind
	end     *routedEnd  // that it came by
	frame   amqp.RawOut // transfer: what is left of it
	held    int         // bytes that count
	flow    wire.Flow
	id      uint32 // state: of the delivery that came, if it is unsent
	ref     uint32 // state: of the delivery that left, else
	unsent  bool   // state: it waits in front of it
	settled bool
	state   wire.DeliveryState
	closed  bool // detach
	err     *wire.Error
	session *amqp.Session // end
}

// unsent is a delivery that waits, while what its sender has said of it waits behind it.
type unsent struct {
	ref  uint32 // its id in the session that it leaves by, once it has left
	said int    // how many items wait for that
}

type pipeKind uint8

const (
	pipeTransfer pipeKind = iota
	pipeFlow
	pipeState
	pipeDetach
	pipeEnd
)

const (
	// pipeItemSize is what an item counts beside its payload, in bytes.
	pipeItemSize = 256
	// pipeKeeps is how many places of items that have gone are kept for the next ones.
	pipeKeeps = 64
	// pipePatience is how long what waits is kept for a session whose other side has
	// ended in good order.
	pipePatience = 5 * time.Second
)

// transfer takes a frame that has come.
func (p *pipe) transfer(b *amqp.Batch, e *routedEnd, f *amqp.RawFrame) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.over {
		return
	}
	out := amqp.RawOut{Transfer: *f.Transfer, First: f.First, Ref: f.ID, Payload: f.Payload, In: f.In}
	excessive := p.excessive(e, f)
	if !excessive && p.idle() && p.send(b, e, &out) {
		return
	}
	// What it points to belongs to the reader.
	out.Payload, out.In = append([]byte(nil), out.Payload...), nil
	out.Transfer.DeliveryTag = append([]byte(nil), out.Transfer.DeliveryTag...)
	out.Transfer.State = out.Transfer.State.Clone()
	it := pipeItem{kind: pipeTransfer, frame: out, held: len(out.Payload) + pipeItemSize}
	if excessive {
		p.putAside(e, -1, it)
		p.credited(b, e)
	} else {
		p.add(e, it)
	}
}

// idle says that nothing waits. The caller holds mu.
func (p *pipe) idle() bool { return p.next == len(p.items) }

// add appends something that waits. The caller holds mu.
func (p *pipe) add(e *routedEnd, it pipeItem) {
	it.end = e
	p.trim()
	p.items = append(p.items, it)
	if it.held > 0 {
		e.raw.Hold(it.held)
	}
}

// trim takes away the places of items that have gone, if they are many. The caller holds mu.
func (p *pipe) trim() {
	if p.next > pipeKeeps && p.next >= len(p.items)/2 {
		n := copy(p.items, p.items[p.next:])
		clear(p.items[n:])
		p.items, p.next = p.items[:n], 0
	}
}

// send sends what can be sent of a frame; false means that something is left. The caller
// holds mu.
func (p *pipe) send(b *amqp.Batch, e *routedEnd, f *amqp.RawOut) bool {
	first := f.First
	if !first {
		f.ID = e.sending
	}
	more := f.Transfer.More && !f.Transfer.Aborted
	res := e.other().raw.Transfer(b, f)
	e.partial = more || res != amqp.Sent
	if first && !f.First {
		e.sending = f.ID
		if !f.Transfer.Settled.V {
			e.raw.SetRef(f.Ref, f.ID)
			if u, ok := p.unsent[f.Ref]; ok {
				u.ref = f.ID
				p.unsent[f.Ref] = u
			}
		}
	}
	return res == amqp.Sent || res == amqp.Gone
}

// flow takes what a sender says of its link, behind what it has sent.
func (p *pipe) flow(b *amqp.Batch, e *routedEnd, f *wire.Flow) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.credited(b, e)
	f = p.withoutExcess(e, f)
	if p.idle() {
		e.other().raw.Flow(b, f)
		return
	}
	it := pipeItem{kind: pipeFlow, flow: *f}
	it.flow.Properties = append(wire.Raw(nil), f.Properties...)
	if last := &p.items[len(p.items)-1]; last.kind == pipeFlow && last.end == e {
		it.flow.Echo = it.flow.Echo || last.flow.Echo
		last.flow = it.flow
		return
	}
	it.held = pipeItemSize
	p.add(e, it)
}

// state takes what a sender says of a delivery, behind what it has sent. Whether the delivery
// has left is asked for with the mutex held, under which it leaves.
func (p *pipe) state(b *amqp.Batch, e *routedEnd, id uint32, settled bool, state wire.DeliveryState) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.over {
		return
	}
	ref, left := e.raw.Ref(id)
	aside := 0
	if !left {
		aside = p.excess[e].behind(id)
	}
	if p.idle() && aside == 0 {
		if left {
			e.other().raw.Tell(b, []uint32{ref}, settled, state)
		}
		return
	}
	if old := p.said(e, id, aside); old != nil && !old.settled && !(settled && state.Kind == wire.StateNone) {
		// Who keeps on saying things has the newest of them wait, which no window bounds.
		if !settled && state.Kind == wire.StateNone {
			return
		}
		e.raw.Hold(len(state.Fields))
		e.raw.Unhold(b, len(old.state.Fields))
		old.held += len(state.Fields) - len(old.state.Fields)
		old.settled, old.state = settled, state.Clone()
		return
	}
	if !left {
		if p.unsent == nil {
			p.unsent = make(map[uint32]unsent)
		}
		u := p.unsent[id]
		u.said++
		p.unsent[id] = u
	}
	it := pipeItem{kind: pipeState, id: id, ref: ref, unsent: !left, settled: settled, state: state.Clone(), held: pipeItemSize + len(state.Fields)}
	if aside > 0 {
		p.putAside(e, aside, it)
	} else {
		p.add(e, it)
	}
}

// said is what was last said of a delivery, if it waits with nothing of the delivery behind it;
// nil if there is none. What comes next of the delivery waits at the place aside in the excess
// of its link, or with 0 not there. The caller holds mu.
func (p *pipe) said(e *routedEnd, id uint32, aside int) *pipeItem {
	items, place := p.items[p.next:], aside
	if aside > 0 {
		items = p.excess[e].items
	} else {
		place = behind(items, id)
	}
	if place == 0 || items[place-1].kind != pipeState {
		return nil
	}
	return &items[place-1]
}

// behind is the place behind the last of a delivery in items that came by one session, which are
// frames of it and what was said of it; 0 if there is nothing of it.
func behind(items []pipeItem, id uint32) int {
	for i := len(items) - 1; i >= 0; i-- {
		it := &items[i]
		if it.kind == pipeTransfer && it.frame.Ref == id || it.kind == pipeState && it.id == id {
			return i + 1
		}
	}
	return 0
}

// detach detaches the other end of a link behind what was sent by it.
func (p *pipe) detach(b *amqp.Batch, e *routedEnd, closed bool, err *wire.Error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dropExcess(b, e)
	if p.idle() {
		e.leave(b, closed, err)
		return
	}
	p.add(e, pipeItem{kind: pipeDetach, closed: closed, err: err})
}

// leave detaches the other end. A delivery that was broken off is aborted, since not every
// receiver takes it from the detach; without a window the detach alone says so. The caller
// holds the pipe's mutex.
func (e *routedEnd) leave(b *amqp.Batch, closed bool, err *wire.Error) {
	raw := e.other().raw
	if e.partial {
		raw.Transfer(b, &amqp.RawOut{Transfer: wire.Transfer{Aborted: true}, ID: e.sending})
	}
	raw.Detach(b, closed, err)
}

// end ends a session behind all that goes by it. What its peer does not take in time is
// given up.
func (p *pipe) end(b *amqp.Batch, s *amqp.Session, err *wire.Error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dropAllExcess(b)
	if p.over || p.idle() {
		p.over = true
		s.End(b, err)
		return
	}
	p.items = append(p.items, pipeItem{kind: pipeEnd, session: s, err: err})
	p.timer = time.AfterFunc(pipePatience, func() {
		var b amqp.Batch
		p.cut(&b)
		s.End(&b, err)
		b.Flush()
	})
}

// drain sends what waits, as far as it can be sent.
func (p *pipe) drain(b *amqp.Batch) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.drainItems(b)
}

// drainItems is drain for who holds mu.
func (p *pipe) drainItems(b *amqp.Batch) {
	for !p.idle() {
		it := &p.items[p.next]
		if !p.emit(b, it) {
			return
		}
		p.release(b, it)
		p.next++
		if p.next == len(p.items) {
			p.items, p.next = nil, 0
			return
		}
	}
}

// emit sends the item; false means that something of it is left. The caller holds mu.
func (p *pipe) emit(b *amqp.Batch, it *pipeItem) bool {
	switch it.kind {
	case pipeTransfer:
		return p.send(b, it.end, &it.frame)
	case pipeFlow:
		it.end.other().raw.Flow(b, &it.flow)
	case pipeState:
		if it.unsent {
			it.ref = p.leftAs(it.id)
		}
		it.end.other().raw.Tell(b, []uint32{it.ref}, it.settled, it.state)
	case pipeDetach:
		it.end.leave(b, it.closed, it.err)
	case pipeEnd:
		p.over = true
		p.timer.Stop()
		it.session.End(b, it.err)
	}
	return true
}

// leftAs is the id by which a delivery has left that was unsent when something was said of it.
// The caller holds mu.
func (p *pipe) leftAs(id uint32) uint32 {
	u := p.unsent[id]
	if u.said--; u.said == 0 {
		delete(p.unsent, id)
	} else {
		p.unsent[id] = u
	}
	return u.ref
}

// release gives back what an item held. The caller holds mu.
func (p *pipe) release(b *amqp.Batch, it *pipeItem) {
	if it.held > 0 {
		it.end.raw.Unhold(b, it.held)
	}
	*it = pipeItem{}
}

// cut drops what waits, and all that comes.
func (p *pipe) cut(b *amqp.Batch) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.over = true
	for ; !p.idle(); p.next++ {
		p.release(b, &p.items[p.next])
	}
	p.dropAllExcess(b)
	p.items, p.next, p.unsent = nil, 0, nil
	if p.timer != nil {
		p.timer.Stop()
	}
}
