package router

import (
	"fmt"
	"reflect"
	"slices"
)

// Residue lists what the router still holds that belongs to links and deliveries:
// nothing, when all of them are over. It is for a router at rest.
func (r *Router) Residue() []string {
	var left []string
	note := func(format string, args ...any) { left = append(left, fmt.Sprintf(format, args...)) }
	r.table.each(func(a *address) {
		a.mu.Lock()
		defer a.mu.Unlock()
		foreign := slices.ContainsFunc(a.credit.producers, func(in *ingress) bool { return !in.peer.inside })
		if (isManagement(a.key) || len(a.credit.producers) > 0) && !foreign && a.users <= 1+len(a.fronts) && a.waitingNow() == 0 {
			return // the agent stays
		}
		if a.users == len(a.fronts) && !slices.ContainsFunc(a.consumers.Load().remotes, func(m *remote) bool { return m.used.Load() != 0 }) {
			return // it lingers
		}
		note("address %q: %d users, %d consumers, %d producers, %d waiting, busy %d, draining %v",
			a.key, a.users, len(a.consumers.Load().list), len(a.credit.producers), a.waitingNow(), a.busy.Load(), a.draining)
	})
	r.streams.mu.Lock()
	if n := len(r.streams.set); n > 0 {
		note("%d streams are known", n)
	}
	r.streams.mu.Unlock()
	if n := r.budget.Held(); n != 0 {
		note("%d bytes of the budget", n)
	}
	r.linkRoutes.routedResidue(note)
	if r.mesh != nil {
		r.mesh.meshResidue(note)
	}
	for _, p := range r.eachPeer() {
		if n := p.conn.Unsettled(); n != 0 {
			note("connection %v: %d unsettled", p.conn.RemoteAddr(), n)
		}
		left = append(left, engineResidue(fmt.Sprintf("connection %v", p.conn.RemoteAddr()), reflect.ValueOf(&p.conn).Elem())...)
		p.conn.Unsettled() // by its lock: what the connection does from now on comes after this look
	}
	return left
}

// engineResidue looks into a connection of the engine, whose fields are not ours
// to see.
func engineResidue(name string, c reflect.Value) (left []string) {
	if held := c.FieldByName("held").Int(); held != 0 {
		left = append(left, fmt.Sprintf("%s: %d bytes held", name, held))
	}
	sessions := c.FieldByName("sessions").FieldByName("low")
	for i := range sessions.Len() {
		if sessions.Index(i).IsNil() {
			continue
		}
		s := sessions.Index(i).Elem()
		if held := s.FieldByName("held").Int(); held != 0 {
			left = append(left, fmt.Sprintf("%s: session %d: %d bytes held", name, i, held))
		}
		for _, ring := range []string{"incoming", "outgoing"} {
			if n := s.FieldByName(ring).FieldByName("live").Int(); n != 0 {
				left = append(left, fmt.Sprintf("%s: session %d: %d records %s", name, i, n, ring))
			}
		}
	}
	return left
}

// Consumers describes every consumer and what stands in its way, for a failure's
// report.
func (r *Router) Consumers() []string {
	var list []string
	r.table.each(func(a *address) {
		for _, e := range a.consumers.Load().list {
			v := reflect.ValueOf(e.link).Elem()
			s := v.FieldByName("link").FieldByName("session").Elem()
			list = append(list, fmt.Sprintf("%q of %v: credit %d, in the middle of a delivery %v, stream %v, waits for window %v, for room %v; its session takes %d frames, its connection writes %v, %d waiting in its backlog",
				e.link.Name(), a.key, v.FieldByName("limit").Uint()-v.FieldByName("deliveryCount").Uint(), v.FieldByName("mid").Bool(), e.stream.Load() != nil,
				v.FieldByName("isStalled").Bool(), v.FieldByName("isBlocked").Bool(), s.FieldByName("remoteWindow").Uint(),
				s.FieldByName("conn").Elem().FieldByName("writing").Bool(), len(e.backlog.items)))
		}
	})
	return list
}

// Peers is how many connections there are.
func (r *Router) Peers() int { return len(r.eachPeer()) }

// MeshState says what the router knows of the mesh.
func (r *Router) MeshState() string {
	x := r.mesh
	f := x.forwarding.Load()
	s := fmt.Sprintf("%s:", x.identity.ID)
	t := f.routes.Topology()
	for i := range t.Len() {
		cost, ok := f.routes.Cost(i)
		s += fmt.Sprintf(" %s=%d/%v/%v(adj %v)", t.Node(i).ID, cost, ok, f.routes.NextHops(i), f.adjacencies != nil && f.adjacencies[i] != nil)
	}
	for _, st := range x.tables.Status() {
		s += fmt.Sprintf("\n   %+v", st)
	}
	r.table.each(func(a *address) {
		s += fmt.Sprintf("\n   %q busy %d opened %v openHere %v", a.key, a.busy.Load(), a.opened.Load(), a.openHere.Load())
		for _, m := range a.consumers.Load().remotes {
			s += fmt.Sprintf(" [%s open %v cost %d window %d used %d]", m.id, m.open.Load(), m.cost.Load(), m.window.Load(), m.used.Load())
		}
	})
	return s
}

// AutoLinks is how many auto-links are in each state.
func (r *Router) AutoLinks() map[string]int {
	m := make(map[string]int)
	for _, l := range r.autoLinks.list {
		m[l.status().State.String()]++
	}
	return m
}

// Waiting is how many bytes wait in the router, its agent's answers included.
func (r *Router) Waiting() int {
	return int(r.budget.Held()) + r.agent.endpoint.Waiting()
}
