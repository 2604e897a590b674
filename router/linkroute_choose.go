package router

import (
	"cmp"
	"slices"

	"github.com/meshway/meshway/internal/wire"
	"github.com/meshway/meshway/linkstate/addrtable"
	"github.com/meshway/meshway/routing"
)

// condNoRoute and condLinkLost are what clients of the field's routers know.
const (
	condNoRoute  wire.Symbol = "qd:no-route-to-dest"
	condLinkLost wire.Symbol = "qd:routed-link-lost"
)

// place is where a link route leads: a broker, at a router that is connected to it.
type place struct {
	router string
	broker string // empty if it has no name
}

// linkWay is where a routed link goes next: to a container of this router, or to a neighbour
// on the way to another router.
type linkWay struct {
	place
	server            // of this router; its container is nil if the way leads elsewhere
	by     *adjacency // nil if the container is here, or there is no way
}

// peer is whose connection the way leads by; nil if there is none.
func (w *linkWay) peer() *peer {
	switch {
	case w.container != nil:
		return w.container.peer
	case w.by != nil:
		return w.by.peer
	}
	return nil
}

// choose finds a way for a link: to the place that was chosen for it before it came to this
// router, else to one that is chosen now. An error says that no place is left.
func (t *linkRoutes) choose(l *routedLink) (linkWay, *wire.Error) {
	id, at := t.router.cfg.Router.ID, place{l.to.egress, l.to.broker}
	if at.router == "" {
		var err *wire.Error
		if at, err = t.choosePlace(l); err != nil {
			return linkWay{}, err
		}
	}
	switch {
	case at.router != id && l.tries.had(at):
		return linkWay{}, noRoute(l.to.key, "router "+id+" has no way to router "+at.router)
	case at.router != id:
		return linkWay{place: at, by: t.router.mesh.linkHop(at.router, l.rs.peer.adj)}, nil
	}
	s := t.chooseServer(l, at.broker)
	if s.container == nil {
		return linkWay{}, noRoute(l.to.key, "no container that serves the link route is connected to router "+id)
	}
	return linkWay{place: at, server: s}, nil
}

// choosePlace chooses among the nearest places where the link was not refused yet, in turns.
// A link that must be found again has one place only, however far; and a coordinator goes
// where such links of its client go, if a broker that is as near as others has them.
func (t *linkRoutes) choosePlace(l *routedLink) (place, *wire.Error) {
	key := l.to.key
	if keeper := t.keeper(l); keeper != "" {
		if at, ok := t.kept(l, keeper); ok {
			return at, nil
		}
		reason := "the subscription is kept by the broker " + keeper + ", which no router that can be reached is connected to; one made at another broker would be a second one, and empty"
		why := noRoute(key, reason)
		why.Description += ": " + reason // a case that those clients do not know
		return place{}, why
	}
	places := t.nearest(t.places(l, ""))
	if len(places) == 0 {
		return place{}, noRoute(key, "no container that serves the link route is connected to any router that can be reached")
	}
	if l.coordinates() {
		broker := rendezvous(l.client, places, func(p place) string { return p.broker })
		if at, ok := t.kept(l, broker); ok && broker != "" {
			return at, nil
		}
		places = slices.DeleteFunc(places, func(p place) bool { return p.broker != broker })
	}
	return places[t.turn(key, len(places))], nil
}

// kept is the place by which a client's links go to a broker that keeps something for them,
// among those that can be reached: the same wherever the client connects. A broker knows a
// subscription by the container that it was made for as well, and that is the router which is
// connected to it. [2.6.1]
func (t *linkRoutes) kept(l *routedLink, keeper string) (place, bool) {
	places := slices.DeleteFunc(t.places(l, keeper), func(p place) bool {
		_, reached := t.costTo(p.router)
		return !reached
	})
	if len(places) == 0 {
		return place{}, false
	}
	return place{rendezvous(l.client, places, func(p place) string { return p.router }), keeper}, true
}

// rendezvous is the name that a client's links keep to, among those of a list that is not
// empty: the same at every router that knows the same names.
func rendezvous[E any](client string, list []E, name func(E) string) string {
	var names []string
	for _, e := range list {
		names = append(names, name(e))
	}
	return names[routing.NewShards(names).Choose([]byte(client), nil)]
}

// keeper is the broker that keeps what a durable link needs when it comes back; empty for
// other links, or if no broker has a name.
func (t *linkRoutes) keeper(l *routedLink) string {
	if !l.lasting() || l.to.egress != "" {
		return ""
	}
	names := t.brokersOf(l.to.key)
	if len(names) == 0 {
		return ""
	}
	return rendezvous(l.client, names, func(name string) string { return name })
}

// places is where a link may go that was not refused there: sorted, those of this router
// first. keeper is the broker that is meant; any if it is empty.
func (t *linkRoutes) places(l *routedLink, keeper string) (list []place) {
	key, id := l.to.key, t.router.cfg.Router.ID
	for _, s := range t.servers(l, keeper) {
		if p := (place{id, s.route.broker()}); !slices.Contains(list, p) {
			list = append(list, p)
		}
	}
	x := t.router.mesh
	if x == nil {
		return list
	}
	var far []place
	for _, name := range t.brokersOf(key) {
		for _, o := range x.openOwners(brokerKey(name, key)) {
			far = append(far, place{o, name})
		}
	}
	for _, o := range x.openOwners(key) {
		if !slices.ContainsFunc(far, func(p place) bool { return p.router == o }) {
			far = append(far, place{o, ""})
		}
	}
	far = slices.DeleteFunc(far, func(p place) bool { return l.tries.had(p) || keeper != "" && p.broker != keeper })
	slices.SortFunc(far, func(a, b place) int {
		return cmp.Or(cmp.Compare(a.router, b.router), cmp.Compare(a.broker, b.broker))
	})
	return append(list, far...)
}

// nearest is those places that are reached at the least cost.
func (t *linkRoutes) nearest(places []place) (list []place) {
	least := uint32(0)
	for _, p := range places {
		cost, ok := t.costTo(p.router)
		switch {
		case !ok || len(list) > 0 && cost > least:
			continue
		case cost < least:
			list = list[:0]
		}
		list, least = append(list, p), cost
	}
	return list
}

// costTo is the cost of the way to a router; 0 to this one.
func (t *linkRoutes) costTo(id string) (uint32, bool) {
	if id == t.router.cfg.Router.ID {
		return 0, true
	}
	routes := t.router.mesh.forwarding.Load().routes
	i, ok := routes.Topology().Index(id)
	if !ok {
		return 0, false
	}
	return routes.Cost(i)
}

// chooseServer chooses among the containers of this router that serve a link, and have not
// refused it: in turns, or, for a link that must be found again, by its name. broker is that
// which is meant; any if it is empty.
func (t *linkRoutes) chooseServer(l *routedLink, broker string) server {
	list := t.servers(l, broker)
	switch {
	case len(list) == 0:
		return server{}
	case len(list) == 1:
		return list[0]
	case l.lasting():
		id := rendezvous(l.ask.Name, list, func(s server) string { return s.container.id })
		return list[slices.IndexFunc(list, func(s server) bool { return s.container.id == id })]
	}
	return list[t.turn(brokerKey(broker, l.to.key), len(list))]
}

// servers are the containers of this router that serve a link, and have not refused it.
func (t *linkRoutes) servers(l *routedLink, broker string) []server {
	t.mu.Lock()
	list := t.serving(l.to.key)
	t.mu.Unlock()
	return slices.DeleteFunc(list, func(s server) bool {
		return broker != "" && s.route.broker() != broker || slices.Contains(l.tries.containers, s.container)
	})
}

// turn is whose turn it is among n that serve a key.
func (t *linkRoutes) turn(key string, n int) int {
	if n == 1 {
		return 0
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	i := t.turns[key]
	t.turns[key] = i + 1
	return i % n
}

// noRoute refuses a link for which no way is found now, in words that clients of the field
// know; the rest is in the error's map.
func noRoute(key, reason string) *wire.Error {
	return &wire.Error{Condition: condNoRoute, Description: "No route to the destination node", Info: wire.Map{
		{Key: wire.Symbol("linkRoute"), Value: key[2:]},
		{Key: wire.Symbol("reason"), Value: reason},
	}}
}

// openOwners is the other routers that have a container for a link route, or for one of its
// brokers.
func (x *mesh) openOwners(key string) (list []string) {
	for _, o := range x.tables.Owners(key, nil) {
		if o.Owner.Kind == addrtable.Router && o.Owner.ID != x.identity.ID && o.Entry.Flags&addrtable.Open != 0 {
			list = append(list, o.Owner.ID)
		}
	}
	return list
}

// linkHop is the neighbour on the way to a router for routed links; nil if there is none.
func (x *mesh) linkHop(egress string, from *adjacency) *adjacency {
	if x == nil {
		return nil
	}
	f := x.forwarding.Load()
	to, ok := f.routes.Topology().Index(egress)
	if !ok {
		return nil
	}
	hop, ok := f.routes.NextHopExcept(to, 0, f.place(from))
	if !ok {
		return nil
	}
	j := f.adjacencies[hop]
	if j == nil || j.down.Load() {
		return nil
	}
	return j
}

// leads says whether a mirror leads to where a link may go, and by which link route if that
// is a container of this router.
func (t *linkRoutes) leads(m *mirror, l *routedLink) (*linkRoute, bool) {
	id, chosen, keeper := t.router.cfg.Router.ID, place{l.to.egress, l.to.broker}, t.keeper(l)
	if m.container == nil {
		if chosen.router != "" {
			return nil, chosen == m.place
		}
		if keeper != "" {
			at, _ := t.kept(l, keeper)
			return nil, at == m.place
		}
		return nil, slices.Contains(t.places(l, ""), m.place)
	}
	if chosen.router != "" && chosen.router != id {
		return nil, false
	}
	if keeper != "" {
		if at, _ := t.kept(l, keeper); at.router != id {
			return nil, false
		}
	}
	broker := cmp.Or(l.to.broker, keeper)
	if l.lasting() {
		s := t.chooseServer(l, broker)
		return s.route, s.container == m.container
	}
	for _, s := range t.servers(l, broker) {
		if s.container == m.container {
			return s.route, true
		}
	}
	return nil, false
}

// left says whether there is a place for a link that was not tried.
func (t *linkRoutes) left(l *routedLink) bool {
	switch l.to.egress {
	case "":
		return len(t.nearest(t.places(l, t.keeper(l)))) > 0
	case t.router.cfg.Router.ID:
		return len(t.servers(l, l.to.broker)) > 0
	}
	return false
}
