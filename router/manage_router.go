package router

import (
	"cmp"
	"os"
	"runtime"
	"slices"
	"time"

	"github.com/meshway/meshway/internal/amqp"
	"github.com/meshway/meshway/internal/management"
	"github.com/meshway/meshway/internal/procstat"
	"github.com/meshway/meshway/internal/wire"
)

// routerRow is the router, with all that is counted of it.
type routerRow struct {
	r         *Router
	total     [kinds]carried
	addresses int
	links     int
	peers     int
	blocked   uint32 // links without credit for a while
	stuck     uint64
}

// blockedAfter is for how many seconds a link must have no credit to count as blocked.
const blockedAfter = 10

// routerRow looks at everything once.
func (r *Router) routerRow() *routerRow {
	w := &routerRow{r: r, total: r.carried()}
	w.addresses = len(r.addressRows())
	for _, p := range r.eachPeer() {
		w.peers++
		in, out, _ := p.links.look()
		w.links += len(in) + len(out) + len(p.links.routed())
		for _, l := range in {
			_, g := l.link.Stats()
			w.look(p, g)
		}
		for _, l := range out {
			_, g := l.link.Stats()
			w.look(p, g)
		}
	}
	return w
}

func (w *routerRow) look(p *peer, g amqp.Gauge) {
	w.stuck += uint64(g.Stuck)
	if p.adj == nil && g.Dry > blockedAfter {
		w.blocked++
	}
}

// in is what all links brought.
func (w *routerRow) in() (c amqp.Count) {
	for i := range w.total {
		c.Add(&w.total[i].in)
	}
	return c
}

func (w *routerRow) others() int {
	if w.r.mesh == nil {
		return 0
	}
	return w.r.mesh.forwarding.Load().routes.Topology().Len() - 1
}

func (w *routerRow) uptime() time.Duration { return time.Since(w.r.started) }

func (r *Router) routerTable() management.Entities {
	id := func(w *routerRow) string { return w.r.cfg.Router.ID }
	columns := identified(id, func(*routerRow) string { return "1" })
	columns = append(columns, routerColumns...)
	return management.NewTable(management.Type{
		Name: "router", Base: management.BaseConfiguration, Singleton: true, Help: "this router",
		Operations: []string{"READ"},
	}, columns, func(management.Client) []*routerRow { return []*routerRow{r.routerRow()} }).
		Refuse("CREATE", "a router cannot be created").Refuse("DELETE", "a router cannot be deleted")
}

var routerColumns = []management.Column[*routerRow]{
	text("id", "the router's id, unique in the mesh", func(w *routerRow) string { return w.r.cfg.Router.ID }),
	text("mode", "standalone, interior or edge", func(w *routerRow) string { return string(w.r.cfg.Router.Mode) }),
	always[*routerRow](typeText, "area", "always 0", "0"),
	text("version", "of the program", func(*routerRow) string { return Version }),
	text("metadata", "a text of the operator's", func(w *routerRow) string { return w.r.Config().Router.Metadata }),
	text("defaultDistribution", "of addresses for which nothing is configured", func(w *routerRow) string { return string(w.r.Config().Router.DefaultDistribution) }),
	number("workerThreads", "processors that the program may use", func(*routerRow) int { return runtime.GOMAXPROCS(0) }),
	counter("addrCount", "addresses in use", func(w *routerRow) uint64 { return uint64(w.addresses) }),
	counter("linkCount", "links attached", func(w *routerRow) uint64 { return uint64(w.links) }),
	counter("nodeCount", "other routers of the mesh that are known", func(w *routerRow) uint64 { return uint64(w.others()) }),
	counter("linkRouteCount", "link routes", func(w *routerRow) uint64 { return uint64(len(w.r.Config().LinkRoutes)) }),
	counter("autoLinkCount", "auto-links", func(w *routerRow) uint64 { return uint64(len(w.r.Config().AutoLinks)) }),
	counter("connectionCount", "connections", func(w *routerRow) uint64 { return uint64(w.peers) }),
	gauge("linksBlocked", "links of clients without credit for more than 10 seconds", func(w *routerRow) uint32 { return w.blocked }),
	counter("presettledDeliveries", "deliveries that came settled", func(w *routerRow) uint64 {
		return w.total[kindClient].in.Presettled + w.total[kindContainer].in.Presettled
	}),
	counter("droppedPresettledDeliveries", "of them, those that nobody took", func(w *routerRow) uint64 {
		n := w.total[kindNeighbour].droppedIn
		for _, k := range [...]kind{kindClient, kindContainer} {
			n += w.total[k].droppedIn + w.total[k].droppedOut
		}
		return n
	}),
	counter("acceptedDeliveries", "deliveries that came and were accepted", func(w *routerRow) uint64 { return w.in().Accepted }),
	counter("rejectedDeliveries", "that were rejected", func(w *routerRow) uint64 { return w.in().Rejected }),
	counter("releasedDeliveries", "that were released", func(w *routerRow) uint64 { return w.in().Released }),
	counter("modifiedDeliveries", "that were modified", func(w *routerRow) uint64 { return w.in().Modified }),
	counter("deliveriesDelayed1Sec", "that took more than 1 second to be settled", func(w *routerRow) uint64 { return w.in().Delayed1 }),
	counter("deliveriesDelayed10Sec", "that took more than 10 seconds", func(w *routerRow) uint64 { return w.in().Delayed10 }),
	counter("deliveriesStuck", "that are unsettled for more than 10 seconds now", func(w *routerRow) uint64 { return w.stuck }),
	counter("deliveriesIngress", "deliveries that came from clients and containers", func(w *routerRow) uint64 {
		return w.total[kindClient].in.Deliveries + w.total[kindContainer].in.Deliveries
	}),
	counter("deliveriesEgress", "deliveries that went to clients and containers", func(w *routerRow) uint64 {
		return w.total[kindClient].out.Deliveries + w.total[kindContainer].out.Deliveries
	}),
	counter("deliveriesTransit", "deliveries that went to other routers", func(w *routerRow) uint64 { return w.total[kindNeighbour].out.Deliveries }),
	counter("deliveriesIngressRouteContainer", "deliveries that came from containers", func(w *routerRow) uint64 { return w.total[kindContainer].in.Deliveries }),
	counter("deliveriesEgressRouteContainer", "deliveries that went to containers", func(w *routerRow) uint64 { return w.total[kindContainer].out.Deliveries }),
	counter("deliveriesRedirectedToFallback", "deliveries that went to fallback consumers", func(w *routerRow) uint64 { return w.r.redirected.Load() }),
	column(typeNumber, "time", "by the router's clock, in milliseconds since 1970", func(w *routerRow) any { return w.r.timeOfDay().UnixMilli() }),
	gauge("uptimeSeconds", "since the start", func(w *routerRow) uint32 { return uint32(w.uptime() / time.Second) }),
	column(typeNumber, "memoryUsage", "resident memory in bytes", func(*routerRow) any { return residentMemory() }),
}

// residentMemory is how many bytes of memory the process has; nil if that is not known.
func residentMemory() any {
	n, err := procstat.Resident(os.Getpid())
	if err != nil {
		return nil
	}
	return uint64(n)
}

// node is a router of the mesh, as this one sees it.
type node struct {
	r          *Router
	id         string
	index      int
	next       string
	cost       any
	link       any
	neighbours []any
	costs      wire.Map
	draining   bool
	self       bool
	origins    []any
}

func (r *Router) nodes() (list []node) {
	if r.mesh == nil {
		return nil
	}
	f := r.mesh.forwarding.Load()
	t := f.routes.Topology()
	for i := range t.Len() {
		n := node{r: r, id: t.Node(i).ID, index: i, self: i == f.routes.Self(), draining: t.Node(i).Draining, neighbours: []any{}, costs: wire.Map{}, origins: []any{}}
		for _, e := range t.Node(i).Edges {
			n.neighbours = append(n.neighbours, t.Node(e.To).ID)
			n.costs = append(n.costs, wire.Pair{Key: t.Node(e.To).ID, Value: int32(e.Cost)})
		}
		switch hops := f.routes.NextHops(i); {
		case n.self:
			n.next = "(self)"
		case len(hops) == 0:
			continue // messages do not get there
		default:
			if c, ok := f.routes.Cost(i); ok {
				n.cost = int32(min(c, 1<<31-1))
			}
			if first := hops[0]; first != i {
				n.next = t.Node(first).ID
			} else if j := f.adjacencies[i]; j != nil {
				n.link = int32(j.peer.id)
			}
		}
		list = append(list, n)
	}
	slices.SortFunc(list, func(a, b node) int { return cmp.Compare(a.id, b.id) })
	return list
}

func (r *Router) nodeTable() management.Entities {
	name := func(n node) string { return "router.node/" + n.id }
	columns := append(identified(name, name),
		text("id", "the router's id", func(n node) string { return n.id }),
		number("index", "its place among the routers known here", func(n node) int { return n.index }),
		always[node](typeNumber, "protocolVersion", "of the protocol between routers", int32(interRouterVersion)),
		always[node](typeNumber, "instance", "always 0", int32(0)),
		column(typeList, "linkState", "its neighbours", func(n node) any { return n.neighbours }),
		column(typeMap, "costs", "of the adjacencies to its neighbours, by their ids", func(n node) any { return n.costs }),
		truth("draining", "it is about to leave, or has just begun: messages go through it only where there is no other way", func(n node) bool { return n.draining }),
		column(typeList, "unreachable", "the ids of routers that are known and cannot be reached, on this router's own row", func(n node) any { return n.lost() }),
		text("nextHop", "the neighbour by which it is reached; (self) for this router, none for a neighbour", func(n node) string { return n.next }),
		column(typeList, "validOrigins", "always empty", func(n node) any { return n.origins }),
		text("address", "its address", func(n node) string { return "amqp:/" + topoPrefix + "0/" + n.id }),
		column(typeNumber, "routerLink", "the connection to a neighbour", func(n node) any { return n.link }),
		column(typeNumber, "cost", "of the way there", func(n node) any { return n.cost }),
		column(typeNumber, "lastTopoChange", "when the mesh changed last, in seconds since 1970, on this router's own row", func(n node) any {
			if !n.self {
				return nil
			}
			return n.r.mesh.changedAt()
		}))
	return management.NewTable(management.Type{
		Name: "router.node", Base: management.BaseOperational, Help: "a router of the mesh that can be reached", Operations: []string{"READ"},
	}, columns, func(management.Client) []node { return r.nodes() })
}

// lost are the routers that cannot be reached; nil on the rows of others.
func (n node) lost() any {
	if !n.self {
		return nil
	}
	list := []any{}
	for _, id := range n.r.mesh.forwarding.Load().routes.Topology().Unreachable() {
		list = append(list, id)
	}
	return list
}

// changedAt is when the routes changed last, in seconds since 1970.
func (x *mesh) changedAt() any { return int32(x.changed.Load()) }
