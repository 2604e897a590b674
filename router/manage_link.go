package router

import (
	"cmp"
	"slices"
	"strings"

	"github.com/meshway/meshway/internal/amqp"
	"github.com/meshway/meshway/internal/management"
	"github.com/meshway/meshway/internal/wire"
)

// linkRow is a link: one of the three.
type linkRow struct {
	in  *ingress
	out *egress
	raw *routedEnd
	now *linkNow // what it has carried, and how it is; looked at once
}

type linkNow struct {
	amqp.Count
	amqp.Gauge
	undelivered int
}

func (l *linkRow) peer() *peer {
	switch {
	case l.in != nil:
		return l.in.peer
	case l.out != nil:
		return l.out.peer
	}
	return l.raw.peer()
}

func (l *linkRow) tally() *tally {
	switch {
	case l.in != nil:
		return &l.in.tally
	case l.out != nil:
		return &l.out.tally
	}
	return &l.raw.tally
}

// look is what the link has carried, and how it is.
func (l *linkRow) look() *linkNow {
	if l.now != nil {
		return l.now
	}
	n := new(linkNow)
	switch {
	case l.in != nil:
		n.Count, n.Gauge = l.in.link.Stats()
		l.in.asPresettled(&n.Count)
		n.undelivered = l.in.undelivered()
	case l.out != nil:
		n.Count, n.Gauge = l.out.link.Stats()
		n.undelivered = l.out.undelivered()
	default:
		n.Count, n.Gauge = l.raw.raw.Stats()
	}
	l.now = n
	return n
}

// undelivered is how many messages of the link wait for a consumer.
func (in *ingress) undelivered() (n int) {
	in.waiting.each(func(q *queue) {
		for i := range q.count {
			if m := &q.items[(q.head+i)&(len(q.items)-1)]; m.in == in {
				n++
			}
		}
	})
	return n
}

// undelivered is how many messages wait for the link alone.
func (e *egress) undelivered() int {
	if e.trunk != nil {
		return int(e.addr.busy.Load())
	}
	e.backlog.mu.Lock()
	defer e.backlog.mu.Unlock()
	return len(e.backlog.items)
}

func (l *linkRow) name() string {
	switch {
	case l.in != nil:
		return l.in.link.Name()
	case l.out != nil:
		return l.out.link.Name()
	}
	return l.raw.raw.Name()
}

func (l *linkRow) linkType() string {
	if l.peer().adj != nil {
		return "inter-router"
	}
	return "endpoint"
}

func (l *linkRow) direction() string {
	if l.in != nil || l.raw != nil && l.raw.side == l.raw.link.sends {
		return "in"
	}
	return "out"
}

// address is the key of the link's address, in the form of the field.
func (l *linkRow) address() string {
	switch {
	case l.in != nil && l.in.addr != nil:
		return l.in.addr.shownKey()
	case l.out != nil && l.out.trunk == nil:
		return l.out.addr.shownKey()
	case l.raw != nil:
		if address := l.raw.link.asked(); address != "" {
			return shownKey(l.peer().router.normalize(address))
		}
	}
	return ""
}

// priority is the class of a link between routers; none has one otherwise.
func (l *linkRow) priority() uint32 {
	if l.out != nil && l.out.trunk != nil {
		for class, t := range l.out.trunk.adj.trunks {
			if t == l.out.trunk {
				return uint32(class)
			}
		}
	}
	return 0
}

// undeliveredCapacity is the window of a link into the router, and 250 for the others, as
// the field has it.
func (l *linkRow) capacity() uint32 {
	if l.in != nil {
		if w := l.in.link.Window(); w > 0 {
			return w
		}
	}
	if c := l.peer().capacity; c > 0 {
		return c
	}
	return consumerWindow
}

func (r *Router) linkRows() (rows []*linkRow) {
	for _, p := range r.eachPeer() {
		in, out, _ := p.links.look()
		for _, l := range in {
			rows = append(rows, &linkRow{in: l})
		}
		for _, l := range out {
			rows = append(rows, &linkRow{out: l})
		}
		for _, e := range p.links.routed() {
			rows = append(rows, &linkRow{raw: e})
		}
	}
	slices.SortFunc(rows, func(a, b *linkRow) int { return cmp.Compare(a.tally().id, b.tally().id) })
	return rows
}

// linkTable is the links of all connections.
func (r *Router) linkTable() management.Entities {
	t := management.NewTable(management.Type{
		Name: "router.link", Base: management.BaseOperational, Help: "a link to the router", Operations: []string{"READ", "UPDATE"},
	}, linkColumns, func(management.Client) []*linkRow { return r.linkRows() })
	return &linkEntities{t}
}

// linkEntities are links, which can be closed.
type linkEntities struct{ *management.Table[*linkRow] }

// Update closes a link, or leaves it alone.
func (*linkEntities) Update(_ management.Client, entity any, values wire.Map) (any, error) {
	l := entity.(*linkRow)
	if status, _ := values.Get("adminStatus"); status != adminDeleted {
		return l, nil
	}
	if l.peer().adj != nil {
		return nil, management.Forbidden("link %d is one between routers", l.tally().id)
	}
	forced := &wire.Error{Condition: wire.CondDetachForced, Description: "Link forced-closed by management request"}
	var b amqp.Batch
	if l.in != nil {
		l.in.link.Detach(&b, forced)
	} else if l.out != nil {
		l.out.link.Detach(&b, forced)
	} else {
		l.raw.raw.Detach(&b, true, forced)
	}
	b.Flush()
	return l, nil
}

func linkCounter(name, help string, get func(*linkNow) uint64) management.Column[*linkRow] {
	return counter(name, help, func(l *linkRow) uint64 { return get(l.look()) })
}

var linkColumns = append(
	identified((*linkRow).name, func(l *linkRow) string { return decimal(l.tally().id) }),
	text("linkName", "the link's name", (*linkRow).name),
	text("linkType", "endpoint, or inter-router", (*linkRow).linkType),
	text("linkDir", "in if messages come in by it, out if they go out", (*linkRow).direction),
	text("owningAddr", "the key of its address; none for senders without a target", (*linkRow).address),
	gauge("capacity", "deliveries that may be in flight", (*linkRow).capacity),
	always[*linkRow](typeText, "peer", "the link at the other end of a routed one", nil),
	counter("undeliveredCount", "deliveries that wait for a consumer", func(l *linkRow) uint64 { return uint64(l.look().undelivered) }),
	counter("unsettledCount", "deliveries that went on and are not settled", func(l *linkRow) uint64 {
		n := l.look()
		if l.in == nil {
			return uint64(n.Unsettled) // nothing of it waits
		}
		return uint64(max(int(n.Unsettled)-n.undelivered, 0))
	}),
	linkCounter("deliveryCount", "deliveries", func(n *linkNow) uint64 { return n.Deliveries }),
	text("connectionId", "the connection's identity", func(l *linkRow) string { return decimal(l.peer().id) }),
	changeable(text("adminStatus", "deleted closes the link", func(*linkRow) string { return adminEnabled }), adminEnabled, adminDeleted),
	text("operStatus", "up", func(*linkRow) string { return "up" }),
	linkCounter("presettledCount", "deliveries that came settled", func(n *linkNow) uint64 { return n.Presettled }),
	counter("droppedPresettledCount", "of them, those that nobody took", func(l *linkRow) uint64 { return l.tally().dropped.Load() }),
	linkCounter("acceptedCount", "deliveries that were accepted", func(n *linkNow) uint64 { return n.Accepted }),
	linkCounter("rejectedCount", "that were rejected", func(n *linkNow) uint64 { return n.Rejected }),
	linkCounter("releasedCount", "that were released", func(n *linkNow) uint64 { return n.Released }),
	linkCounter("modifiedCount", "that were modified", func(n *linkNow) uint64 { return n.Modified }),
	linkCounter("deliveriesDelayed1Sec", "that took more than 1 second to be settled", func(n *linkNow) uint64 { return n.Delayed1 }),
	linkCounter("deliveriesDelayed10Sec", "that took more than 10 seconds", func(n *linkNow) uint64 { return n.Delayed10 }),
	linkCounter("deliveriesStuck", "that are unsettled for more than 10 seconds now", func(n *linkNow) uint64 { return uint64(n.Stuck) }),
	always[*linkRow](typeList, "ingressHistogram", "always none", nil),
	gauge("priority", "the class of priority of a link between routers", (*linkRow).priority),
	gauge("settleRate", "deliveries settled a second, lately", func(l *linkRow) uint32 { return l.look().Rate }),
	gauge("creditAvailable", "deliveries that may be sent by it now", func(l *linkRow) uint32 { return l.look().Credit }),
	gauge("zeroCreditSeconds", "since its credit was used up; 0 while there is some", func(l *linkRow) uint32 { return l.look().Dry }),
)

// shownKey is the key of an address as the field's tools know it: a letter for what it is,
// the phase of one that all routers may have, and the name.
func (a *address) shownKey() string { return shownKey(a.key) }

func shownKey(key string) string {
	if rest, ok := strings.CutPrefix(key, localPrefix); ok {
		return "L" + rest
	}
	if rest, ok := strings.CutPrefix(key, topoPrefix); ok {
		if id := topoRouter(key); id != "" && strings.HasSuffix(key, id+"/") {
			return "R" + id
		}
		return "T" + rest
	}
	name, class := part(key)
	switch class {
	case fallbackClass:
		return "M1" + name // the field keeps fallback consumers in phase 1
	case shardClass:
		return "S" + name + "@" + shardConnection(key)
	}
	return "M" + string(class) + name
}
