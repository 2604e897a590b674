package router

import (
	"encoding/binary"
	"errors"
	"time"

	"go.uber.org/zap"

	"github.com/meshway/meshway/internal/amqp"
	"github.com/meshway/meshway/routing"
)

// An ingress that has senders for an address asks each egress for a window, and asks
// again now and then; the egress answers, and tells when it changes. Both messages are
// soft state: what is lost is said again.

const (
	leastGrant   = 8
	largestGrant = addressWindow
	askEvery     = 10 * time.Second // and every second until there is an answer
	grantedFor   = 30 * time.Second // an ingress that has not asked for so long is forgotten
)

// granted is what an egress has granted an ingress for one address.
type granted struct {
	window uint32
	asked  time.Time
}

// Control messages to a router further away have the keys of where they go and where they
// come from, the hops that are left, and a kind; in them follow addresses, each with its
// length in 2 bytes in front, and in grants the window in 4 bytes behind.
const (
	routedHeader = 18

	routedAsk   = 1
	routedGrant = 2
)

var errRouted = errors.New("a control message between routers is cut off")

// onRouted takes a control message for this router, or passes it on.
func (x *mesh) onRouted(b *amqp.Batch, j *adjacency, msg []byte) {
	if len(msg) < routedHeader {
		j.peer.log(zap.WarnLevel, "bad control message", zap.Error(errRouted))
		return
	}
	if to := routing.Key(binary.BigEndian.Uint64(msg)); to != x.key {
		if msg[16] > 0 {
			msg[16]--
			x.sendRouted(b, to, msg)
		}
		return
	}
	from := routing.Key(binary.BigEndian.Uint64(msg[8:]))
	var err error
	switch body := msg[routedHeader:]; msg[17] {
	case routedAsk:
		err = x.onAsk(b, from, body)
	case routedGrant:
		err = x.onGrant(b, from, body)
	}
	if err != nil {
		j.peer.log(zap.WarnLevel, "bad control message", zap.Error(err), zap.String("router", x.nameOf(from)))
	}
}

// sendRouted sends a control message on its way; it may be lost.
func (x *mesh) sendRouted(b *amqp.Batch, to routing.Key, msg []byte) {
	f := x.forwarding.Load()
	i, ok := f.routes.ByKey(to)
	if !ok {
		return
	}
	if hop, ok := f.routes.NextHop(i, 0); ok && f.adjacencies[hop] != nil {
		f.adjacencies[hop].send(b, controlRouted, true, msg)
	}
}

// routedMessage collects addresses for one router.
type routedMessage struct {
	mesh *mesh
	to   routing.Key
	kind byte
	buf  []byte
}

// add adds an address and what follows it, and sends what is full.
func (m *routedMessage) add(b *amqp.Batch, addr string, behind []byte) {
	const room = 16 << 10
	if len(m.buf)+2+len(addr)+len(behind) > room {
		m.send(b)
	}
	if len(m.buf) == 0 {
		m.buf = binary.BigEndian.AppendUint64(m.buf, uint64(m.to))
		m.buf = binary.BigEndian.AppendUint64(m.buf, uint64(m.mesh.key))
		m.buf = append(m.buf, maxHops, m.kind)
	}
	m.buf = binary.BigEndian.AppendUint16(m.buf, uint16(len(addr)))
	m.buf = append(append(m.buf, addr...), behind...)
}

func (m *routedMessage) send(b *amqp.Batch) {
	if len(m.buf) > 0 {
		m.mesh.sendRouted(b, m.to, m.buf)
		m.buf = m.buf[:0]
	}
}

// eachAddress goes through a message's addresses; behind is how much follows each.
func eachAddress(body []byte, behind int, f func(addr, rest []byte)) error {
	for len(body) > 0 {
		if len(body) < 2 {
			return errRouted
		}
		n := int(binary.BigEndian.Uint16(body))
		if len(body) < 2+n+behind {
			return errRouted
		}
		f(body[2:2+n], body[2+n:2+n+behind])
		body = body[2+n+behind:]
	}
	return nil
}

// onAsk answers an ingress that wants to send to consumers here.
func (x *mesh) onAsk(b *amqp.Batch, from routing.Key, body []byte) error {
	if _, ok := x.forwarding.Load().routes.ByKey(from); !ok {
		return nil // nobody of that name could hear the answer
	}
	answer := routedMessage{mesh: x, to: from, kind: routedGrant}
	now := time.Now()
	err := eachAddress(body, 0, func(addr, _ []byte) {
		a := x.router.table.find(addr)
		if a == nil {
			return
		}
		a.mu.Lock()
		if a.ingresses == nil {
			a.ingresses = make(map[routing.Key]*granted)
		}
		a.attend()
		g := a.ingresses[from]
		if g == nil {
			g = new(granted)
			a.ingresses[from] = g
		}
		g.asked = now
		g.window = a.grant()
		window := g.window
		a.mu.Unlock()
		x.router.table.release(a)
		answer.add(b, string(addr), binary.BigEndian.AppendUint32(nil, window))
	})
	answer.send(b)
	return err
}

// grant is each ingress's window: its part of what the consumers here take. The caller
// holds mu.
func (a *address) grant() uint32 {
	total := uint64(0)
	for _, e := range a.consumers.Load().list {
		unsettled, credit := e.link.Load()
		total += min(uint64(unsettled)+uint64(credit), largestGrant)
	}
	least := uint64(leastGrant)
	if a.router.budget.Held() >= waitingLimit/2 {
		least = 1
		if a.busy.Load() > 0 { // these consumers are among those that are behind
			total = 0
		}
	}
	return uint32(min(max(total/uint64(max(len(a.ingresses), 1)), least), largestGrant))
}

// onGrant takes over windows.
func (x *mesh) onGrant(b *amqp.Batch, from routing.Key, body []byte) error {
	return eachAddress(body, 4, func(addr, window []byte) {
		a := x.router.table.find(addr)
		if a == nil {
			return
		}
		for _, r := range a.consumers.Load().remotes {
			if r.key == from {
				r.window.Store(int32(min(binary.BigEndian.Uint32(window), largestGrant)))
				r.answered.Store(true)
				r.give(b, 0)
			}
		}
		x.router.table.release(a)
	})
}

// tendWindows asks for windows, and tells of those that have changed.
func (x *mesh) tendWindows(b *amqp.Batch, now time.Time) {
	asks := make(map[routing.Key]*routedMessage)
	grants := make(map[routing.Key]*routedMessage)
	to := func(m map[routing.Key]*routedMessage, k routing.Key, kind byte) *routedMessage {
		if m[k] == nil {
			m[k] = &routedMessage{mesh: x, to: k, kind: kind}
		}
		return m[k]
	}
	x.router.table.eachAttended(func(a *address) {
		a.mu.Lock()
		wanted := len(a.credit.producers)+len(a.fronts) > 0
		a.tendGrants(now, func(k routing.Key, window uint32) {
			to(grants, k, routedGrant).add(b, a.key, binary.BigEndian.AppendUint32(nil, window))
		})
		a.mu.Unlock()
		for _, r := range a.consumers.Load().remotes {
			if (wanted || r.used.Load() > 0) && r.asks() {
				to(asks, r.key, routedAsk).add(b, egressName(a.key, r.id), nil)
			}
		}
	})
	for _, m := range asks {
		m.send(b)
	}
	for _, m := range grants {
		m.send(b)
	}
}

// asks says whether it is time to ask the egress for a window.
func (r *remote) asks() bool {
	every := askEvery
	if !r.answered.Load() {
		every = time.Second
	}
	now := r.addr.router.elapsed()
	if last := r.asked.Load(); last != 0 && now-last < int64(every) {
		return false
	}
	r.asked.Store(now)
	return true
}

// tendGrants tells of windows that have changed by much, and forgets those who ask no
// more. The caller holds mu.
func (a *address) tendGrants(now time.Time, tell func(routing.Key, uint32)) {
	if len(a.ingresses) == 0 {
		return
	}
	for k, g := range a.ingresses {
		if now.Sub(g.asked) > grantedFor {
			delete(a.ingresses, k)
		}
	}
	window := a.grant()
	for k, g := range a.ingresses {
		if !near(g.window, window) {
			g.window = window
			tell(k, window)
		}
	}
}
