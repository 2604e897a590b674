package router

import (
	"slices"
	"sync/atomic"

	"go.uber.org/zap"

	"github.com/meshway/meshway/internal/amqp"
	"github.com/meshway/meshway/internal/config"
	"github.com/meshway/meshway/internal/wire"
	"github.com/meshway/meshway/routing"
)

// front is what an address has when messages to it may go to other parts of it: to
// consumers behind a broker, to a fallback, to one of several shards. The parts are
// addresses with keys of their own (see phase.go): what waits, waits there, and they are
// open or closed by themselves. The front gives its senders credit as its parts are.
// Immutable after it is made, but for what it counts.
type front struct {
	addr     *address
	direct   *address // where presettled messages go; nil if they go with the others
	fallback *address // where messages go while the address has no consumer; may be nil
	local    *address // of an address that is everywhere, its part at this router
	shards   []*address
	plan     *shardPlan // of shards; nil without

	redirected atomic.Uint64 // messages that went to the fallback
}

// composite says that addresses treated so have a front.
func (t *treatment) composite() bool { return t.direct || t.fallback || t.plan != nil || t.everywhere }

// compose gives the address its front, if it is to have one. Whoever gets an address of
// the table calls it, with no lock held.
func (a *address) compose() *address {
	if a.treated().composite() {
		a.composed.Do(a.makeFront)
	}
	return a
}

func (a *address) makeFront() {
	f := &front{addr: a, plan: a.treated().plan}
	t := &a.router.table
	part := func(key string) *address {
		p := t.acquire(key)
		p.mu.Lock()
		p.fronts = append(slices.Clip(p.fronts), f)
		p.mu.Unlock()
		return p
	}
	if a.treated().direct {
		f.direct = part(phaseKey(a.key, a.treated().egressPhase))
	}
	if a.treated().fallback {
		f.fallback = part(fallbackKey(a.key))
	}
	if a.treated().everywhere {
		f.local = part(egressName(a.key, ""))
	}
	if f.plan != nil {
		for _, name := range f.plan.names {
			f.shards = append(f.shards, part(shardKey(a.key, name)))
		}
	}
	a.front.Store(f)
}

// dissolve gives the parts back. It is called when the address is out of the table.
func (f *front) dissolve() {
	f.each(func(p *address) {
		p.mu.Lock()
		p.fronts = slices.DeleteFunc(slices.Clone(p.fronts), func(o *front) bool { return o == f })
		p.mu.Unlock()
		f.addr.router.table.release(p)
	})
}

// each calls do for each part but the address itself.
func (f *front) each(do func(*address)) {
	for _, p := range [...]*address{f.direct, f.fallback, f.local} {
		if p != nil {
			do(p)
		}
	}
	for _, p := range f.shards {
		do(p)
	}
}

// pick is the part to which a message goes.
func (f *front) pick(m *message) *address {
	switch {
	case m.here: // by the mesh, to the consumers of this very part
	case f.direct != nil && (m.settled || m.settle):
		return f.direct
	case f.plan != nil:
		if i := f.plan.choose(m, f.shardHasConsumer); i >= 0 {
			return f.shards[i]
		}
	case f.fallback != nil && !m.in.kept && !f.addr.consumers.Load().any(false):
		return f.fallback
	}
	return f.addr
}

func (f *front) shardHasConsumer(i int) bool { return f.shards[i].consumers.Load().any(false) }

// openTo says whether a sender of the address may send. The caller holds the mutex of the
// address, and none of a part.
func (a *address) openTo(in *ingress) bool {
	f := a.front.Load()
	if f == nil {
		return a.credit.open
	}
	open := a.credit.open
	switch {
	case f.local != nil:
		open = open || f.local.opened.Load()
	case f.plan != nil:
		open = slices.ContainsFunc(f.shards, func(p *address) bool { return p.opened.Load() })
	case f.fallback != nil && !in.kept && !a.consumers.Load().any(false):
		open = f.fallback.opened.Load()
	}
	if f.direct == nil || in.sends == wire.SndUnsettled {
		return open
	}
	return f.direct.opened.Load() || open && in.sends != wire.SndSettled
}

// consumerCount is the number of consumers that messages to the address can reach.
func (a *address) consumerCount() int {
	n := a.consumers.Load().count()
	if f := a.front.Load(); f != nil {
		f.each(func(p *address) { n += p.consumers.Load().count() })
	}
	return n
}

// wakeParts opens what can take something and has not been told so: nobody asked before.
func (a *address) wakeParts(b *amqp.Batch) {
	wake := func(p *address) {
		if !p.opened.Load() && p.consumers.Load().hasCredit() {
			p.consumerAble(b)
		}
	}
	wake(a)
	if f := a.front.Load(); f != nil {
		f.each(wake)
	}
}

// tellFronts has the senders in front of this part get what it can take now.
func (a *address) tellFronts(b *amqp.Batch) {
	a.mu.Lock()
	fronts := a.fronts
	a.mu.Unlock()
	for _, f := range fronts {
		f.addr.applyToAll(b)
	}
}

// hasParts says that the address has parts, or is one: what waits may go to another. The
// caller holds mu.
func (a *address) hasParts() bool { return a.front.Load() != nil || len(a.fronts) > 0 }

// behind is the front that the address is a part of; the first if there are several, nil if
// there is none.
func (a *address) behind() *front {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.fronts) == 0 {
		return nil
	}
	return a.fronts[0]
}

// redirect sends a message, for which this part has no consumer any more, to another part
// that has one. False means that there is none.
func (a *address) redirect(b *amqp.Batch, m *message) bool {
	if m.abandoned() || m.here {
		return false
	}
	f := a.front.Load()
	if f == nil {
		f = a.behind()
	}
	if f == nil || f.direct == a {
		return false
	}
	to := f.pick(m)
	if to == a || !to.consumers.Load().any(false) {
		return false
	}
	f.countFallback(to)
	to.route(b, m)
	return true
}

// countFallback counts a message that goes to a part, if that is the fallback and somebody is
// there.
func (f *front) countFallback(to *address) {
	if to == f.fallback && to.consumers.Load().any(false) {
		f.redirected.Add(1)
		f.addr.router.redirected.Add(1)
	}
}

// everywhere is how an address is treated that each router has.
var everywhere = &treatment{distribution: config.Multicast, everywhere: true}

// shardPlan is how an address is divided.
type shardPlan struct {
	names  []string // of the connections behind which the shards are
	shards *routing.Shards
	key    config.ShardKind
	name   string // of the application property that is the key, if one is
	move   bool   // a lost shard's keys go to the others; else they wait for it
}

// reportShard says that a shard has lost its last consumer, or has one again.
func (a *address) reportShard() {
	f := a.behind()
	if f == nil || f.plan == nil || !a.treated().sticky {
		return
	}
	there := a.consumers.Load().any(false)
	if there == !a.shardLost.Load() || !a.shardLost.CompareAndSwap(there, !there) {
		return
	}
	i := slices.Index(f.shards, a)
	fields := []zap.Field{zap.String("address", f.addr.key), zap.String("shard", f.plan.names[i])}
	log := a.router.log
	switch {
	case there:
		log.Info("a shard is back", fields...)
	case f.plan.move:
		log.Warn("a shard is lost: its keys move to the others until it is back", fields...)
	default:
		log.Warn("a shard is lost: messages with its keys wait until it is back, each within its sender's window", fields...)
	}
}
