package router

import (
	"slices"
	"sync"
	"sync/atomic"

	"github.com/meshway/meshway/internal/amqp"
	"github.com/meshway/meshway/internal/config"
)

// What links have carried is counted by the engine, under a lock that it holds anyway, and
// summed when somebody asks. What links leave behind goes to their connection and address,
// and from connections to the router, so that no sum ever falls.

// tally is what is counted of a link besides, and by which number it is known.
type tally struct {
	id         uint64        // immutable once it is attached
	dropped    atomic.Uint64 // presettled deliveries that nobody took
	presettled atomic.Uint64 // that came from a neighbour, where they travel unsettled
}

// carried is what links have carried together.
type carried struct {
	in, out               amqp.Count
	droppedIn, droppedOut uint64
}

func (c *carried) add(o *carried) {
	c.in.Add(&o.in)
	c.out.Add(&o.out)
	c.droppedIn += o.droppedIn
	c.droppedOut += o.droppedOut
}

// linkSet is the links of a connection, and what those have carried that are gone.
type linkSet struct {
	mu   sync.Mutex // guards all below
	in   []*ingress
	out  []*egress
	raw  []*routedEnd
	past *carried // nil until then

	// Most connections have one of each: here is room for them.
	firstIn  [1]*ingress
	firstOut [1]*egress
}

// former is what links have carried that are gone. The caller holds mu.
func (s *linkSet) former() *carried {
	if s.past == nil {
		s.past = new(carried)
	}
	return s.past
}

func (s *linkSet) addIn(in *ingress) {
	in.tally.id = in.peer.router.linkID.Add(1)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.in == nil {
		s.in = s.firstIn[:0]
	}
	in.among = len(s.in)
	s.in = append(s.in, in)
}

func (s *linkSet) addOut(e *egress) {
	e.tally.id = e.peer.router.linkID.Add(1)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.out == nil {
		s.out = s.firstOut[:0]
	}
	e.among = len(s.out)
	s.out = append(s.out, e)
}

// removeIn takes out a link that is over.
func (s *linkSet) removeIn(in *ingress) {
	count := in.carried()
	s.mu.Lock()
	defer s.mu.Unlock()
	if !removeFrom(&s.in, in, func(in *ingress) *int { return &in.among }) {
		return
	}
	past := s.former()
	past.in.Add(&count)
	past.droppedIn += in.tally.dropped.Load()
}

// removeOut takes out a link that is over.
func (s *linkSet) removeOut(e *egress) {
	count, _ := e.link.Look()
	s.mu.Lock()
	defer s.mu.Unlock()
	if !removeFrom(&s.out, e, func(e *egress) *int { return &e.among }) {
		return
	}
	past := s.former()
	past.out.Add(&count)
	past.droppedOut += e.tally.dropped.Load()
}

// removeFrom takes x out of a list of those that know their place in it, however long that is:
// the last one gets its place. False means that it is not there.
func removeFrom[T any](list *[]*T, x *T, place func(*T) *int) bool {
	l, at := *list, *place(x)
	last := len(l) - 1
	if at > last || l[at] != x {
		return false
	}
	l[at] = l[last]
	*place(l[at]) = at
	l[last] = nil
	*list = l[:last]
	return true
}

// addRaw adds the end of a routed link that has been attached.
func (s *linkSet) addRaw(e *routedEnd) {
	e.tally.id = e.peer().router.linkID.Add(1)
	s.mu.Lock()
	defer s.mu.Unlock()
	e.among = len(s.raw)
	s.raw = append(s.raw, e)
}

// removeRaw takes it out, if it is there.
func (s *linkSet) removeRaw(e *routedEnd) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if removeFrom(&s.raw, e, func(e *routedEnd) *int { return &e.among }) {
		s.former().addRaw(e)
	}
}

// addRaw adds what a routed link has carried by one of its ends.
func (c *carried) addRaw(e *routedEnd) {
	count, _ := e.raw.Stats()
	if e.side == e.link.sends {
		c.in.Add(&count)
	} else {
		c.out.Add(&count)
	}
}

// routed is the ends of routed links on the connection.
func (s *linkSet) routed() []*routedEnd {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.raw)
}

// peer is the connection that the end is on.
func (e *routedEnd) peer() *peer {
	if e.side == sideUp {
		return e.link.rs.peer
	}
	return e.mirror.peer
}

// look is the links that there are, and what the others have carried.
func (s *linkSet) look() (in []*ingress, out []*egress, past carried) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.past != nil {
		past = *s.past
	}
	return slices.Clone(s.in), slices.Clone(s.out), past
}

// carried is what the link has carried.
func (in *ingress) carried() amqp.Count {
	c, _ := in.link.Look()
	in.asPresettled(&c)
	return c
}

// countPresettled counts a message that its sender had settled.
func (in *ingress) countPresettled(d *routingData) {
	if d.flags&flagPresettled != 0 {
		in.tally.presettled.Add(1)
	}
}

// asPresettled counts what came presettled into the mesh as that: between routers it travels
// unsettled, and is accepted by its egress.
func (in *ingress) asPresettled(c *amqp.Count) {
	if in.trunk {
		n := in.tally.presettled.Load()
		c.Presettled += n
		c.Accepted -= min(n, c.Accepted)
	}
}

// sum is what the links of a connection have carried.
func (s *linkSet) sum() carried {
	in, out, total := s.look()
	for _, l := range in {
		c := l.carried()
		total.in.Add(&c)
		total.droppedIn += l.tally.dropped.Load()
	}
	for _, l := range out {
		c, _ := l.link.Look()
		total.out.Add(&c)
		total.droppedOut += l.tally.dropped.Load()
	}
	for _, e := range s.routed() {
		total.addRaw(e)
	}
	return total
}

// kind is what a peer is to the counters.
type kind uint8

const (
	kindClient kind = iota
	kindContainer
	kindNeighbour
	kinds
)

// kindOf is what the peers are that connect to a listener which is not for routers.
func kindOf(r config.Role) kind {
	if r == config.RoleRouteContainer {
		return kindContainer
	}
	return kindClient
}

func (p *peer) kind() kind {
	switch {
	case p.adj != nil:
		return kindNeighbour
	case p.container != nil:
		return kindContainer
	}
	return kindClient
}

// carried is what the router has carried, by kind of peer.
func (r *Router) carried() (total [kinds]carried) {
	past, peers := r.lookAtPeers()
	for at, c := range past {
		total[at.kind].add(&c.carried)
	}
	for _, p := range peers {
		c := p.links.sum()
		total[p.kind()].add(&c)
	}
	return total
}

// at is where peers come from: a listener or connector, and what they are.
type at struct {
	place string
	kind  kind
}

// past is what there was at a place.
type past struct {
	carried        // by the links of peers that have left
	joined  uint64 // peers that have come
}

// lookAtPeers is the peers that there are, and what there was at each place.
func (r *Router) lookAtPeers() (map[at]past, []*peer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	peers := make([]*peer, 0, len(r.peers))
	for p := range r.peers {
		peers = append(peers, p)
	}
	places := make(map[at]past, len(r.past))
	for k, v := range r.past {
		places[k] = *v
	}
	return places, peers
}

// pastAt is what there was where a peer comes from. The caller holds mu.
func (r *Router) pastAt(p *peer) *past {
	k := at{p.place, p.kind()}
	if r.past[k] == nil {
		r.past[k] = new(past)
	}
	return r.past[k]
}

// traffic is what went through an address.
type traffic struct {
	in, out           uint64
	inCont, outCont   uint64 // of them, from and to containers
	transit           uint64 // sent on to other routers
	toAgent, fallback uint64
	ins, outs         amqp.Count // what senders and consumers here have sent and got
}

// former is what went through the address by those who are gone: most addresses that are at
// rest have lost nobody, and there may be very many of them. The caller holds mu.
func (a *address) former() *traffic {
	if a.past == nil {
		a.past = new(traffic)
	}
	return a.past
}

// countIn counts what a link of a sender has carried.
func (t *traffic) countIn(in *ingress, c *amqp.Count) {
	t.in += c.Deliveries
	t.ins.Add(c)
	if in.peer.container != nil {
		t.inCont += c.Deliveries
	}
}

// countOut counts what a link of a consumer has carried.
func (t *traffic) countOut(e *egress, c *amqp.Count) {
	switch {
	case e.peer.inside:
		t.toAgent += c.Deliveries
		return
	case e.peer.container != nil:
		t.outCont += c.Deliveries
	}
	t.out += c.Deliveries
	t.outs.Add(c)
}

// add adds o.
func (t *traffic) add(o *traffic) {
	t.in += o.in
	t.out += o.out
	t.inCont += o.inCont
	t.outCont += o.outCont
	t.transit += o.transit
	t.toAgent += o.toAgent
	t.fallback += o.fallback
	t.ins.Add(&o.ins)
	t.outs.Add(&o.outs)
}

// traffic is what went through the address since it is in use.
func (a *address) traffic() traffic {
	a.mu.Lock()
	var t traffic
	if a.past != nil {
		t = *a.past
	}
	producers := slices.Clone(a.credit.producers)
	set := a.consumers.Load()
	a.mu.Unlock()
	t.in += a.anonymous.Load()
	t.transit += a.shared.Load()
	if f := a.front.Load(); f != nil {
		t.fallback += f.redirected.Load()
	}
	for _, in := range producers {
		if !in.peer.inside {
			c := in.carried()
			t.countIn(in, &c)
		}
	}
	for _, e := range set.list {
		c, _ := e.link.Look()
		t.countOut(e, &c)
	}
	for _, r := range set.remotes {
		t.transit += r.sent.Load()
	}
	return t
}
