package router

import (
	"slices"
	"sync"
	"sync/atomic"

	"github.com/meshway/meshway/internal/amqp"
	"github.com/meshway/meshway/internal/wire"
	"github.com/meshway/meshway/routing"
)

// remote is the consumers of an address at another router, its egress: to the
// forwarder here one more consumer, which takes as much as that router has granted.
// A window is counted in units of 16 KiB of what was sent there and is not settled.
type remote struct {
	// Immutable after it is made.
	addr *address
	key  routing.Key
	id   string

	open   atomic.Bool   // its consumers have had credit lately
	traced atomic.Bool   // one of them wants to know the way of its messages
	cost   atomic.Uint32 // of the path; unreachable if there is none

	window   atomic.Int32 // in units
	used     atomic.Int32 // units that are out
	answered atomic.Bool  // the window is what the egress said
	sent     atomic.Uint64
	asked    atomic.Int64 // when the window was asked for last, by elapsed; 0 never

	mu   sync.Mutex
	hops map[*hop]struct{} // that are kept by links; guarded by mu
}

const (
	unitSize      = 16 << 10
	defaultWindow = 64 // until the egress has granted one
	streamUnits   = 8  // what a long message counts, however long it is
	unreachable   = 1<<32 - 1
)

// unitsOf is how many units of a window the message takes.
func unitsOf(m *message) int32 {
	if m.stream != nil {
		return streamUnits
	}
	return max(int32((len(m.payload)+unitSize-1)/unitSize), 1)
}

// room says whether the egress takes more, as far as it has told.
func (r *remote) room() bool {
	return r.open.Load() && r.used.Load() < r.window.Load() && r.cost.Load() != unreachable
}

// reachable says that there is a path to the egress, and consumers there that are open.
func (r *remote) reachable() bool { return r.open.Load() && r.cost.Load() != unreachable }

// take reserves units of the window. One message may go beyond it, so that none is
// too large for ever.
func (r *remote) take(units int32) bool {
	for {
		used := r.used.Load()
		if used >= r.window.Load() {
			return false
		}
		if r.used.CompareAndSwap(used, used+units) {
			return true
		}
	}
}

// give returns units, and has sent what waited for them.
func (r *remote) give(b *amqp.Batch, units int32) {
	r.used.Add(-units)
	a := r.addr
	a.epoch.Add(1)
	if a.busy.Load() > 0 {
		a.drain(b)
	}
}

// hop is what messages of one link to one egress have in common: the routing data in
// front of them, and who hears of their outcome.
type hop struct {
	// Immutable after it is made.
	in     *ingress
	remote *remote
	units  int32
	data   routingData // its slices are the hop's own
	head   []byte      // data, encoded

	origins [3]hopOrigin
	onward  atomic.Pointer[onward] // the last one, to be used again
	out     atomic.Int32           // messages that are on their way
	owes    atomic.Int32           // of them, presettled ones that have left: their sender's credit is to follow
	excused atomic.Bool            // its path was lost: what is on its way counts no more
}

// sent counts a message as on its way.
func (h *hop) sent() { h.out.Add(1) }

// done counts n messages as over, and gives back their units, unless they were excused.
func (h *hop) done(b *amqp.Batch, n int) {
	if counted := lower(&h.out, int32(n)); counted > 0 {
		h.remote.give(b, h.units*counted)
	}
}

// unsent takes back that a message is on its way. Nothing is tried again for that: it
// was this message that could not go.
func (h *hop) unsent() { h.remote.used.Add(-h.units * lower(&h.out, 1)) }

// owe counts a presettled message that is about to leave, if its sender's credit is to
// follow its outcome. It says whether it does.
func (m *message) owe() bool {
	if m.hop == nil || !m.settled || m.counted {
		return false
	}
	m.hop.owes.Add(1)
	return true
}

// unowe takes back owe for a message that could not leave.
func (m *message) unowe() {
	if lower(&m.hop.owes, 1) == 0 {
		m.counted = true // it was excused meanwhile
	}
}

// lower counts n less, or as many as there are, and returns how many that was.
func lower(count *atomic.Int32, n int32) int32 {
	for {
		there := count.Load()
		n = min(n, there)
		if count.CompareAndSwap(there, there-n) {
			return n
		}
	}
}

// excuse gives back what the messages on their way hold, of the egress's window and of
// the sender's credit: their path was lost, and it may take a while until they hear of it.
func (h *hop) excuse(b *amqp.Batch) {
	h.excused.Store(true)
	n := h.out.Swap(0)
	if n == 0 {
		return
	}
	h.remote.give(b, h.units*n)
	if h.data.flags&flagPresettled != 0 {
		for range h.owes.Swap(0) {
			h.in.link.Finish(b, 0)
		}
		return
	}
	h.in.link.Excuse(b, func(context any) bool {
		o, ok := context.(*onward)
		return ok && o.hop == h
	})
}

// excuse excuses all that is on its way to the egress.
func (r *remote) excuse(b *amqp.Batch) {
	r.mu.Lock()
	hops := r.hops
	r.hops = nil
	r.mu.Unlock()
	for h := range hops {
		h.excuse(b)
	}
}

// keep remembers a hop that the link will use again, in the place of the oldest if there
// are too many. before is what it remembered when it had no such hop.
func (in *ingress) keep(h *hop, before *[]*hop) {
	var list []*hop
	if before != nil {
		list = slices.DeleteFunc(slices.Clone(*before), func(o *hop) bool { return o.excused.Load() })
	}
	list = append(list, h)
	var oldest *hop
	if len(list) > keptHops {
		oldest, list = list[0], list[1:]
	}
	if !in.hops.CompareAndSwap(before, &list) {
		return // another goroutine was faster, and this one will not be found again
	}
	if oldest != nil {
		oldest.forget()
	}
	r := h.remote
	r.mu.Lock()
	if r.hops == nil {
		r.hops = make(map[*hop]struct{})
	}
	r.hops[h] = struct{}{}
	r.mu.Unlock()
	if in.over.Load() {
		in.forgetHops() // what waited goes on, and nobody else comes back to this
	}
}

// forget ends keep at the remote.
func (h *hop) forget() {
	h.remote.mu.Lock()
	defer h.remote.mu.Unlock()
	delete(h.remote.hops, h)
}

// forgetHops forgets the hops of a link that is over.
func (in *ingress) forgetHops() {
	if p := in.hops.Load(); p != nil {
		for _, h := range *p {
			h.forget()
		}
	}
}

// hopOrigin hears what became of deliveries at the egress.
type hopOrigin struct {
	hop  *hop
	mode uint8
}

const (
	hopUnsettled  = iota
	hopPresettled // the sender's credit follows the outcome
	hopForgotten  // nobody waits for the outcome
)

// onward is where an unsettled delivery went: what OnSenderState needs to know.
type onward struct {
	hop  *hop
	link *amqp.Sender
}

// hopTo finds or makes the hop for a message to an egress.
func (in *ingress) hopTo(r *remote, m *message, units int32) *hop {
	flags := uint8(0)
	if m.settled {
		flags |= flagPresettled
	}
	if r.addr.treated().releases {
		flags |= flagReleases
	}
	if r.traced.Load() {
		flags |= flagTraced
	}
	class := r.addr.class(m)
	if units > 1 || m.way != nil {
		return newHop(in, r, m, units, flags, class)
	}
	known := in.hops.Load()
	if known != nil {
		for _, h := range *known {
			if h.remote == r && h.data.flags == flags && h.data.class == class && !h.excused.Load() {
				return h
			}
		}
	}
	h := newHop(in, r, m, units, flags, class)
	in.keep(h, known)
	return h
}

// keptHops is how many hops a link keeps at most.
const keptHops = 64

func newHop(in *ingress, r *remote, m *message, units int32, flags, class uint8) *hop {
	h := &hop{in: in, remote: r, units: units}
	for i := range h.origins {
		h.origins[i] = hopOrigin{h, uint8(i)}
	}
	here := in.peer.router.mesh.key
	h.data = routingData{
		flags: flags, class: class, hops: maxHops, flow: in.flow, ingress: here, egress: r.key,
		address: []byte(egressName(r.addr.key, r.id)),
	}
	if w := m.way; w != nil { // it came by the mesh, and moves on
		h.data.flags |= flagMoved
		if m.settle {
			h.data.flags |= flagPresettled
		}
		h.data.flow, h.data.ingress, h.data.trace = w.flow, w.ingress, w.trace
	}
	h.data.passed(here)
	h.head = h.data.append(nil)
	return h
}

// origin is who hears of the message's outcome.
func (h *hop) origin(m *message) amqp.Origin {
	switch {
	case m.settled && m.counted:
		return &h.origins[hopForgotten]
	case m.settled:
		return &h.origins[hopPresettled]
	}
	return &h.origins[hopUnsettled]
}

// OnOutcome gives back the window of the egress, and tells the sender.
func (o *hopOrigin) OnOutcome(b *amqp.Batch, ids []uint32, out amqp.Outcome) {
	h := o.hop
	if out.Settled || out.Lost {
		h.done(b, len(ids))
	}
	switch o.mode {
	case hopUnsettled:
		var origin amqp.Origin = h.in
		if h.remote.addr.treated().releases {
			origin = releasedIfLost{h.in}
		}
		origin.OnOutcome(b, ids, out)
	case hopPresettled:
		if out.Settled || out.Lost {
			for range lower(&h.owes, int32(len(ids))) {
				h.in.link.Finish(b, 0)
			}
		}
	}
}

// onwardBy is the pair of the hop and the link by which a delivery left.
func (h *hop) onwardBy(link *amqp.Sender) *onward {
	if o := h.onward.Load(); o != nil && o.link == link {
		return o
	}
	o := &onward{h, link}
	h.onward.Store(o)
	return o
}

// senderState passes on what the sender says of a delivery that went to another router.
func (o *onward) senderState(b *amqp.Batch, id uint32, settled bool, state wire.DeliveryState) {
	if o.link.Update(b, id, settled, state) && settled {
		o.hop.done(b, 1)
	}
}

// way is what a message that came by the mesh says of its way. Messages of one
// flow share it.
type way struct {
	ingress routing.Key
	flow    uint32
	trace   []byte
	moved   bool
}
