package router

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/meshway/meshway/internal/amqp"
	"github.com/meshway/meshway/internal/config"
	"github.com/meshway/meshway/internal/management"
	"github.com/meshway/meshway/internal/wire"
	"github.com/meshway/meshway/linkstate/addrtable"
)

// Link routes as management shows them, and those that a client makes for itself: they lead
// to its own connection, and end with it.

// ownRoutes are the link routes that a client has made for its connection. By the first one
// it becomes a container.
type ownRoutes struct {
	mu        sync.Mutex // guards all below
	container *container // nil until there is a link route
	list      []*ownRoute
	over      bool // the connection is
}

// ownRoute is one of them.
type ownRoute struct {
	peer    *peer
	route   *linkRoute
	id      uint64
	pattern string
}

// scope is by which name of a connection the link routes of a client mean its own.
func (p *peer) scope() string { return fmt.Sprintf("%cconnection.%d", partMark, p.id) }

// addRoute makes a link route to the connection.
func (p *peer) addRoute(name, pattern string, receives bool) (*ownRoute, error) {
	o := &p.routes
	o.mu.Lock()
	if o.over {
		o.mu.Unlock()
		return nil, management.BadRequest("the connection is over")
	}
	if slices.ContainsFunc(o.list, func(r *ownRoute) bool { return r.route.name == name }) {
		o.mu.Unlock()
		return nil, management.BadRequest("there is a link route %q of this connection already", name)
	}
	id := p.router.linkID.Add(1)
	r := &ownRoute{peer: p, id: id, pattern: pattern, route: &linkRoute{name: name, pattern: pattern, receives: receives, connection: p.scope()}}
	o.list = append(o.list, r)
	first := o.container == nil
	if first {
		o.container = &container{peer: p, connection: p.scope()}
	}
	c := o.container
	o.mu.Unlock()
	if first {
		var b amqp.Batch
		p.router.containers.up(&b, c)
		b.Flush()
	}
	p.router.linkRoutes.insert(r.route)
	return r, nil
}

// removeRoute ends a link route of the connection.
func (p *peer) removeRoute(r *ownRoute) {
	o := &p.routes
	o.mu.Lock()
	o.list = slices.DeleteFunc(o.list, func(other *ownRoute) bool { return other == r })
	o.mu.Unlock()
	p.router.linkRoutes.remove(r.route)
}

// endRoutes ends all link routes of a connection that is over.
func (p *peer) endRoutes() {
	o := &p.routes
	o.mu.Lock()
	o.over = true
	list, c := o.list, o.container
	o.list, o.container = nil, nil
	o.mu.Unlock()
	for _, r := range list {
		p.router.linkRoutes.remove(r.route)
	}
	if c != nil {
		p.router.containers.down(c)
	}
}

// ownRouteEntities are the link routes of the connection that asks.
type ownRouteEntities struct {
	*management.Table[*ownRoute]
	r *Router
}

func (r *Router) ownRouteTable() management.Entities {
	name := text("name", "what it is called", func(o *ownRoute) string { return o.route.name })
	name.Create, name.Unique = true, true
	pattern := text("pattern", "which addresses it is for", func(o *ownRoute) string { return o.pattern })
	direction := text("direction", "in is for links by which messages come from the client, out for those by which they go there", func(o *ownRoute) string {
		if o.route.receives {
			return string(config.DirectionOut)
		}
		return string(config.DirectionIn)
	})
	direction.Values = []string{string(config.DirectionIn), string(config.DirectionOut)}
	pattern.Create, pattern.Required, direction.Create, direction.Required = true, true, true, true
	t := management.NewTable(management.Type{
		Name: "router.connection.linkRoute", Base: management.BaseConfiguration,
		Help:       "a link route to the connection by which the request comes; it ends with that, and is visible on it alone",
		Operations: []string{"CREATE", "READ", "DELETE"},
	}, []management.Column[*ownRoute]{
		name, text("identity", "by which it is found", func(o *ownRoute) string { return decimal(o.id) }), pattern, direction,
		text("containerId", "of the client", func(o *ownRoute) string { return o.peer.conn.Peer().ContainerID }),
	}, func(c management.Client) []*ownRoute {
		p := r.peerByID(c.Connection)
		if p == nil {
			return nil
		}
		p.routes.mu.Lock()
		defer p.routes.mu.Unlock()
		return slices.Clone(p.routes.list)
	})
	return &ownRouteEntities{t, r}
}

// peerByID finds a connection by its number; nil if it is none of this router.
func (r *Router) peerByID(id uint64) *peer {
	for _, p := range r.eachPeer() {
		if p.id == id {
			return p
		}
	}
	return nil
}

// Create makes a link route to the client.
func (t *ownRouteEntities) Create(c management.Client, values wire.Map) (any, error) {
	p := t.r.peerByID(c.Connection)
	if p == nil {
		return nil, management.BadRequest("such a link route is for a connection to the very router that is asked")
	}
	get := func(key string) string { v, _ := values.Get(key); s, _ := v.(string); return s }
	if get("pattern") == "" {
		return nil, management.BadRequest("pattern is empty")
	}
	return p.addRoute(get("name"), get("pattern"), get("direction") == string(config.DirectionOut))
}

// Delete ends a link route.
func (t *ownRouteEntities) Delete(_ management.Client, entity any) error {
	o := entity.(*ownRoute)
	o.peer.removeRoute(o)
	return nil
}

// routeRow is what is known here of the link routes of one pattern and direction, or of an
// address that only other routers have.
type routeRow struct {
	key        string // as it is shown
	containers int    // here
	remotes    []any  // other routers with containers
	treatment  string // its distribution
}

// routeRows are the patterns of all link routes that are known here.
func (r *Router) routeRows() (rows []*routeRow) {
	t := r.linkRoutes
	t.mu.Lock()
	keys := make(map[string]string)
	for key := range t.far {
		keys[key] = strings.ReplaceAll(key[2:], "/", ".")
	}
	for key, own := range t.own {
		keys[key] = own[0].pattern
	}
	servers := make(map[string]int)
	for key := range keys {
		servers[key] = len(t.serving(key))
	}
	t.mu.Unlock()
	for key, pattern := range keys {
		row := &routeRow{key: shownRoute(key, pattern), containers: servers[key], treatment: "linkBalanced"}
		if r.mesh != nil {
			for _, o := range r.mesh.openOwners(key) {
				row.remotes = append(row.remotes, o)
			}
		}
		rows = append(rows, row)
	}
	slices.SortFunc(rows, func(a, b *routeRow) int { return cmp.Compare(a.key, b.key) })
	return rows
}

// farRows are the addresses that have consumers at other routers, and that nobody uses here.
func (r *Router) farRows(used map[string]bool) (rows []*routeRow) {
	if r.mesh == nil {
		return nil
	}
	id := r.cfg.Router.ID
	r.mesh.tables.Each(func(addr string, owners []addrtable.OwnerRef) bool {
		if used[addr] || isLinkRouteKey(addr) || isLinkRouteBroker(addr) {
			return true
		}
		row := &routeRow{key: shownKey(addr), treatment: string(r.treatmentOf(addr).distribution)}
		for _, o := range owners {
			if o.Owner.Kind == addrtable.Router && o.Owner.ID != id {
				row.remotes = append(row.remotes, o.Owner.ID)
			}
		}
		if len(row.remotes) > 0 {
			rows = append(rows, row)
		}
		return true
	})
	return rows
}

// shownRoute is the key of a link route as the field's tools know it: C and D are prefixes
// for clients that send and receive, E and F patterns.
func shownRoute(key, pattern string) string {
	class := key[1]
	for _, rest := range [...]string{"/#", ".#"} {
		if prefix, ok := strings.CutSuffix(pattern, rest); ok && !strings.ContainsAny(prefix, "*#") {
			return string(class) + prefix
		}
	}
	return string(class-linkRouteIn+'E') + pattern
}

// routeStatus is how a configured link route stands.
func (c *configured) routeStatus() string {
	for _, s := range c.r.LinkRoutes() {
		if s.Name == c.name && s.Active {
			return "active"
		}
	}
	return "inactive"
}

// applyLinkRoutes takes over which link routes are configured. Links that go by one that is
// removed stay.
func (r *Router) applyLinkRoutes(changes []config.Change, cfg *config.Config) {
	for _, c := range changes {
		if c.Entity != "linkRoute" {
			continue
		}
		if c.Kind != config.Added {
			if l := r.linkRoutes.named(c.Name); l != nil {
				r.linkRoutes.remove(l)
			}
		}
		i := slices.IndexFunc(cfg.LinkRoutes, func(n config.LinkRoute) bool { return n.Name == c.Name })
		if i >= 0 {
			r.linkRoutes.insert(newLinkRoute(&cfg.LinkRoutes[i]))
		}
	}
}

// named is the configured link route of that name; nil if there is none.
func (t *linkRoutes) named(name string) *linkRoute {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, routes := range t.own {
		for _, l := range routes {
			if l.name == name && (l.connection == "" || l.connection[0] != partMark) {
				return l
			}
		}
	}
	return nil
}
