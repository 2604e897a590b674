package main

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/meshway/meshway/internal/client"
	"github.com/meshway/meshway/internal/topoview"
	"github.com/meshway/meshway/linkstate"
	"github.com/meshway/meshway/routing"
)

// survey is what routers said of themselves and of the mesh.
type survey struct {
	self  string // the router that we are connected to
	nodes []client.Entity
	ids   []string // of the routers that can be reached, in order
	said  map[string]*said
}

// said is what one router said. Err is why it did not.
type said struct {
	err error

	status      client.Entity
	connections []client.Entity
	connectors  []client.Entity
	links       []client.Entity // nil if there are too many to ask for
}

// manyLinks is beyond how many links of a router they are not asked for, unless they must be.
const manyLinks = 2000

// readNodes asks the router that we are connected to for the mesh.
func readNodes(ctx context.Context, mesh agents) (*survey, error) {
	self, err := ownID(ctx, mesh, "")
	if err != nil {
		return nil, err
	}
	nodes, err := mesh.Query(ctx, "", "router.node")
	if err != nil {
		return nil, err
	}
	s := &survey{self: self, nodes: nodes, said: map[string]*said{}}
	for _, n := range nodes {
		s.ids = append(s.ids, n.Text("id"))
	}
	if len(nodes) == 0 { // it is in no mesh
		s.ids = []string{self}
	}
	slices.Sort(s.ids)
	return s, nil
}

// via is how a router is asked.
func (s *survey) via(id string) string { return via(s.ids, s.self, id) }

// readAll asks every router that can be reached what a picture of the mesh shows.
func (s *survey) readAll(ctx context.Context, mesh agents, allLinks bool) {
	all := make([]said, len(s.ids))
	errs := each(s.ids, func(i int, id string) error { return all[i].read(ctx, mesh, s.via(id), allLinks) })
	for i, id := range s.ids {
		all[i].err = errs[i]
		s.said[id] = &all[i]
	}
}

func (d *said) read(ctx context.Context, mesh agents, router string, allLinks bool) error {
	status, err := mesh.Query(ctx, router, "router")
	if err != nil {
		return err
	}
	if len(status) > 0 {
		d.status = status[0]
	}
	if d.connections, err = mesh.Query(ctx, router, "connection"); err != nil {
		return err
	}
	if d.connectors, err = mesh.Query(ctx, router, "connector"); err != nil {
		return err
	}
	if allLinks || d.status.Number("linkCount") <= manyLinks {
		d.links, err = mesh.Query(ctx, router, "router.link")
	}
	return err
}

// picture is the mesh as it is drawn.
func (s *survey) picture() topoview.Mesh {
	m := topoview.Mesh{Self: s.self}
	for _, id := range s.ids {
		m.Routers = append(m.Routers, topoview.Router{ID: id})
	}
	for _, n := range s.nodes {
		for i := range m.Routers {
			if m.Routers[i].ID == n.Text("id") {
				m.Routers[i].Draining = n.Text("draining") == "true"
			}
		}
		for _, id := range n.List("unreachable") {
			m.Routers = append(m.Routers, topoview.Router{ID: id, Unreachable: true})
		}
	}
	for i := range m.Routers {
		s.said[m.Routers[i].ID].show(&m.Routers[i])
	}
	m.Adjacencies = s.adjacencies()
	for _, adj := range m.Adjacencies {
		for _, end := range []string{adj.A, adj.B} {
			if adj.State == topoview.Down && !slices.ContainsFunc(m.Routers, func(r topoview.Router) bool { return r.ID == end }) {
				m.Routers = append(m.Routers, topoview.Router{ID: end, Unknown: true})
			}
		}
	}
	return m
}

// show fills in what a router said of itself; a nil receiver was not asked.
func (d *said) show(r *topoview.Router) {
	switch {
	case d == nil:
		return
	case d.err != nil:
		r.Silent = true
		return
	}
	r.Version = d.status.Text("version")
	for _, c := range d.connections {
		switch c.Text("role") {
		case "normal":
			r.Clients++
		case "route-container":
			if c.Text("dir") == "in" {
				r.Brokers = append(r.Brokers, topoview.Broker{Name: c.Text("container"), Host: c.Text("host"), Up: true})
			}
		}
	}
	for _, l := range d.links {
		if l.Text("linkDir") == "out" && l.Text("linkType") == "endpoint" && strings.HasPrefix(l.Text("owningAddr"), "M") {
			r.Consumers++
		}
	}
	for _, c := range d.connectors {
		if c.Text("role") == "route-container" {
			r.Brokers = append(r.Brokers, topoview.Broker{
				Name: cmp.Or(c.Text("name"), hostPort(c)), Host: hostPort(c), Up: c.Text("connectionStatus") == "SUCCESS", Why: c.Text("connectionMsg")})
		}
	}
	slices.SortFunc(r.Brokers, func(x, y topoview.Broker) int { return cmp.Compare(x.Name, y.Name) })
}

// pair names two routers.
type pair [2]string

func pairOf(a, b string) pair { return pair{min(a, b), max(a, b)} }

// adjacencies are those in use, and those that should be.
func (s *survey) adjacencies() []topoview.Adjacency {
	list := map[pair]*topoview.Adjacency{}
	at := func(a, b string, state topoview.State) *topoview.Adjacency {
		p := pairOf(a, b)
		if list[p] == nil {
			list[p] = &topoview.Adjacency{A: p[0], B: p[1], State: state, RateAB: -1, RateBA: -1}
		}
		return list[p]
	}
	for _, n := range s.nodes {
		id, costs := n.Text("id"), n.Map("costs")
		for _, other := range n.List("linkState") {
			adj := at(id, other, topoview.Up)
			cost, _ := client.Number(costs[other])
			if adj.A == id {
				adj.CostAB = uint32(cost)
			} else {
				adj.CostBA = uint32(cost)
			}
		}
	}
	s.configured(list)
	s.unused(at)
	s.wanted(at)
	var out []topoview.Adjacency
	for _, adj := range list {
		out = append(out, *adj)
	}
	slices.SortFunc(out, func(x, y topoview.Adjacency) int { return cmp.Or(cmp.Compare(x.A, y.A), cmp.Compare(x.B, y.B)) })
	return out
}

// configured replaces the costs that count by those that each end has configured, where they
// are known.
func (s *survey) configured(list map[pair]*topoview.Adjacency) {
	for id, d := range s.said {
		for _, c := range d.connections {
			adj := list[pairOf(id, c.Text("container"))]
			if adj == nil || c.Text("role") != "inter-router" || !c.Has("cost") || c.Text("active") != "true" {
				continue
			}
			if adj.A == id {
				adj.CostAB = uint32(c.Number("cost"))
			} else {
				adj.CostBA = uint32(c.Number("cost"))
			}
		}
	}
}

// unused finds connections between routers by which no messages go: those that one end only
// has, and those that both have and do not trust yet.
func (s *survey) unused(at func(a, b string, state topoview.State) *topoview.Adjacency) {
	has := map[[2]string]bool{} // from, to
	for id, d := range s.said {
		for _, c := range d.connections {
			if c.Text("role") == "inter-router" {
				has[[2]string{id, c.Text("container")}] = true
			}
		}
	}
	for ends := range has {
		from, to := ends[0], ends[1]
		other := s.said[to]
		adj := at(from, to, topoview.Suspect)
		switch {
		case adj.State == topoview.Up:
		case other == nil || other.err != nil:
			adj.State, adj.Why = topoview.Down, "only "+from+" is connected, and "+to+" does not answer"
		case !has[[2]string{to, from}]:
			adj.State, adj.Why = topoview.OneWay, from+" has a connection, "+to+" has none"
		default:
			adj.Why = "connected, and not in use: silent lately, or not agreed yet"
		}
	}
}

// wanted finds connectors to routers that have no connection. Whom they would reach nobody
// knows but by host and port.
func (s *survey) wanted(at func(a, b string, state topoview.State) *topoview.Adjacency) {
	for id, d := range s.said {
		for _, c := range d.connectors {
			if c.Text("role") == "inter-router" && c.Text("connectionStatus") != "SUCCESS" {
				at(id, hostPort(c), topoview.Down).Why = cmp.Or(c.Text("connectionMsg"), strings.ToLower(c.Text("connectionStatus")))
			}
		}
	}
}

// topology is the mesh as routers compute their ways from it, and the place of each router.
func topology(m topoview.Mesh) *linkstate.Topology {
	index := map[string]int{}
	var nodes []linkstate.Node
	for _, r := range m.Routers {
		if !r.Unreachable {
			index[r.ID] = len(nodes)
			nodes = append(nodes, linkstate.Node{ID: r.ID, Draining: r.Draining})
		}
	}
	for _, adj := range m.Adjacencies {
		a, ok1 := index[adj.A]
		b, ok2 := index[adj.B]
		if !ok1 || !ok2 || adj.State != topoview.Up {
			continue
		}
		cost := max(adj.Cost(), 1)
		nodes[a].Edges = append(nodes[a].Edges, linkstate.Edge{To: b, Cost: cost})
		nodes[b].Edges = append(nodes[b].Edges, linkstate.Edge{To: a, Cost: cost})
	}
	return linkstate.NewTopology(nodes)
}

// realCost is a cost without what draining adds to it.
func realCost(cost uint32) uint32 { return cost % linkstate.InfiniteCost }

// pathBetween is the way from one router to another, as each router on it would choose.
func pathBetween(m topoview.Mesh, from, to string) topoview.Path {
	p := topoview.Path{From: from, To: to}
	t := topology(m)
	at, ok := t.Index(from)
	end, ok2 := t.Index(to)
	if !ok || !ok2 {
		lost := to
		if !ok {
			lost = from
		}
		p.Why = notReachable(m, lost)
		return p
	}
	for range t.Len() {
		routes := routing.Compute(t, t.Node(at).ID)
		left, reached := routes.Cost(end)
		if at == end {
			p.Hops = append(p.Hops, topoview.Hop{Router: t.Node(at).ID})
			return p
		}
		hops := routes.NextHops(end)
		if !reached || len(hops) == 0 {
			return topoview.Path{From: from, To: to, Why: "the mesh is split between them"}
		}
		h := topoview.Hop{Router: t.Node(at).ID, Left: realCost(left)}
		for _, e := range t.Node(at).Edges {
			if e.To == hops[0] {
				h.Next = e.Cost
			}
		}
		for _, other := range hops[1:] {
			h.Equal = append(h.Equal, t.Node(other).ID)
		}
		for _, alt := range routes.Alternates(end) {
			h.Alternates = append(h.Alternates, topoview.Alternate{Via: t.Node(alt.Hop).ID, Cost: realCost(alt.Cost), LoopFree: alt.LoopFree})
		}
		if len(p.Hops) == 0 {
			p.Cost = h.Left
		}
		p.Hops = append(p.Hops, h)
		at = hops[0]
	}
	return p
}

// notReachable says why no path begins or ends at a router.
func notReachable(m topoview.Mesh, id string) string {
	var ids []string
	for _, r := range m.Routers {
		if r.ID == id {
			return id + " is unreachable"
		}
		ids = append(ids, r.ID)
	}
	return "there is no router " + strconv.Quote(id) + meant(id, ids)
}
