package router

import (
	"time"

	"github.com/meshway/meshway/internal/amqp"
	"github.com/meshway/meshway/internal/wire"
	"github.com/meshway/meshway/routing"
)

// A multicast message names the routers that are to hand it to their consumers. Each
// router on the way divides them among its next hops, and settles for its part.

// fanOutFar gives copies to these consumers of an address here, and to those at other
// routers.
func (x *mesh) fanOutFar(b *amqp.Batch, m *message, a *address, here []*egress) {
	set := a.consumers.Load()
	d := routingData{flags: flagMulticast, hops: maxHops, flow: m.in.flow, ingress: x.key, address: []byte(egressName(a.key, ""))}
	if a.treated().releases {
		d.flags |= flagReleases
	}
	if w := m.way; w != nil {
		d.flow, d.ingress, d.trace = w.flow, w.ingress, w.trace
	}
	m.prio = a.class(m)
	d.class = m.prio
	for _, r := range set.remotes {
		if r.traced.Load() {
			d.flags |= flagTraced
		}
	}
	d.passed(x.key)
	x.divide(set.egress, &d, func(_ bool, shares []share) {
		a.shared.Add(uint64(len(shares)))
		m.fanOut(b, here, shares)
	})
}

// fanOutOn gives copies of a multicast that came from a neighbour to the consumers here, if
// this is one of its egress routers, and to the next hops to the others.
func (x *mesh) fanOutOn(b *amqp.Batch, m *message, d *routingData) {
	set, err := routing.ParseSet(d.set)
	if err != nil || d.hops == 0 {
		m.release(b)
		return
	}
	on := *d
	on.hops--
	on.passed(x.key)
	x.divide(set, &on, func(self bool, shares []share) {
		if !self {
			m.fanOut(b, nil, shares)
			return
		}
		a := x.router.table.acquireBytes(d.address)
		m.fanOut(b, a.consumers.Load().list, shares)
		x.router.table.release(a)
	})
}

// divide divides egress routers among the next hops, and calls f with what came of that.
func (x *mesh) divide(set routing.Set, d *routingData, f func(self bool, shares []share)) {
	now := x.forwarding.Load()
	var parts routing.Parts
	now.routes.Split(&parts, set, d.flow)
	shares := make([]share, 0, len(parts.Hops)+1)
	for _, p := range parts.Hops {
		d.set = p.Egress
		shares = append(shares, share{to: now.adjacencies[p.Hop], head: d.append(nil)})
	}
	if len(parts.Lost) > 0 {
		d.set = parts.Lost
		shares = append(shares, share{lost: true, head: d.append(nil)})
	}
	f(parts.Self, shares)
}

// resplit divides a copy anew that waited for a neighbour which is lost. What has no way
// now may wait for one until then.
func (x *mesh) resplit(b *amqp.Batch, m *message, until time.Time) {
	d, err := parseRoutingData(m.set)
	set, bad := routing.ParseSet(d.set)
	if err != nil || bad != nil || d.hops == 0 {
		m.release(b)
		return
	}
	d.hops--
	x.divide(set, &d, func(_ bool, shares []share) {
		if m.stream != nil {
			m.stream.expectMore(len(shares) - 1)
		}
		fan, index := m.fan, m.index
		if fan != nil && len(shares) > 1 {
			fan = newFanout(m, m.fan, m.index, len(shares))
			defer fan.launched(b)
			if m.fan.divided(m.index, fan) {
				fan.senderState(b, true, wire.DeliveryState{})
			}
			index = 0
		}
		for i, s := range shares {
			m.sendShare(b, s, fan, index+uint32(i), until)
		}
	})
}

// expectMore says that the stream will have so many copies more, unless it is too late for
// those that have not begun.
func (s *stream) expectMore(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.late {
		s.expected += n
	}
}
