package router

import (
	"slices"

	"github.com/meshway/meshway/internal/wire"
	"github.com/meshway/meshway/linkstate/addrtable"
)

// condNoRoute and condLinkLost are what clients of the field's routers know.
const (
	condNoRoute  wire.Symbol = "qd:no-route-to-dest"
	condLinkLost wire.Symbol = "qd:routed-link-lost"
)

// linkWay is where a routed link goes next: to a container of this router, or to a neighbour
// on the way to another router.
type linkWay struct {
	server            // of this router; its container is nil if the way leads elsewhere
	egress string     // id of the router whose container it is
	by     *adjacency // nil if the container is here
}

// peer is whose connection the way leads by.
func (w *linkWay) peer() *peer {
	if w.by != nil {
		return w.by.peer
	}
	return w.container.peer
}

// choose finds a way for a link route: to a container here, else to the nearest routers
// that have one, in turns. egress is the router that was chosen before; "" if it is for
// this one to choose. from is the adjacency that the attach came by, if it did.
func (t *linkRoutes) choose(key, egress string, from *adjacency) (linkWay, *wire.Error) {
	id := t.router.cfg.Router.ID
	if egress == "" || egress == id {
		t.mu.Lock()
		here := t.serving(key)
		t.mu.Unlock()
		if len(here) > 0 {
			s := here[t.turn(key, len(here))]
			return linkWay{server: s, egress: id}, nil
		}
		if egress == id {
			return linkWay{}, noRoute(key, "no container that serves the link route is connected to router "+id)
		}
	}
	if egress == "" {
		nearest := t.nearest(key)
		if len(nearest) == 0 {
			return linkWay{}, noRoute(key, "no container that serves the link route is connected to any router that can be reached")
		}
		egress = nearest[t.turn(key, len(nearest))]
	}
	j := t.router.mesh.linkHop(egress, from)
	if j == nil {
		return linkWay{}, noRoute(key, "router "+id+" has no way to router "+egress)
	}
	return linkWay{egress: egress, by: j}, nil
}

// noRoute refuses a link for which no way is found now, in words that clients of the field
// know; the rest is in the error's map.
func noRoute(key, reason string) *wire.Error {
	return &wire.Error{Condition: condNoRoute, Description: "No route to the destination node", Info: wire.Map{
		{Key: wire.Symbol("linkRoute"), Value: key[2:]},
		{Key: wire.Symbol("reason"), Value: reason},
	}}
}

// nearest is the other routers of the least cost that have a container for a link route.
func (t *linkRoutes) nearest(key string) (list []string) {
	x := t.router.mesh
	if x == nil {
		return nil
	}
	routes := x.forwarding.Load().routes
	least := uint32(0)
	for _, o := range x.openOwners(key) {
		i, ok := routes.Topology().Index(o)
		if !ok {
			continue
		}
		cost, ok := routes.Cost(i)
		switch {
		case !ok || len(list) > 0 && cost > least:
			continue
		case cost < least:
			list = list[:0]
		}
		list, least = append(list, o), cost
	}
	slices.Sort(list)
	return list
}

// openOwners is the other routers that have a container for a link route.
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

// serves says whether a mirror leads to a container for a link route, and by which of its
// entries if that is one of this router.
func (t *linkRoutes) serves(m *mirror, key string) (*linkRoute, bool) {
	if m.container == nil {
		return nil, slices.Contains(t.router.mesh.openOwners(key), m.egress)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, l := range t.own[key] {
		if m.container.answersTo(l.connection, l.container) {
			return l, true
		}
	}
	return nil, false
}
