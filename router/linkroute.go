package router

import (
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"go.uber.org/zap"

	"github.com/meshway/meshway/internal/amqp"
	"github.com/meshway/meshway/internal/config"
	"github.com/meshway/meshway/linkstate/addrtable"
	"github.com/meshway/meshway/routing"
)

// linkRoute says that links of clients to the addresses that match it are attached at a
// container instead of here.
type linkRoute struct {
	// Immutable after it is added. One of connection and container is set, or neither if
	// only other routers have such containers.
	name       string
	pattern    string // as routing.Patterns has it; a prefix ends in "#"
	receives   bool   // it is for clients that receive; else for those that send
	connection string // name of the listener or connector that the container came by
	container  string // its container-id
	add, del   string // put in front of the address for the container, and taken off

	links atomic.Int64 // links that go by it now, at this router
}

// Link routes have keys in the address tables, by which other routers learn of them: a
// mark and a class, as other parts have, and the tokens of the pattern.
const (
	linkRouteIn  = 'C' // for clients that send
	linkRouteOut = 'D' // for clients that receive
)

func newLinkRoute(c *config.LinkRoute) *linkRoute {
	l := &linkRoute{
		name: c.Name, pattern: c.Pattern, receives: c.Direction == config.DirectionOut,
		connection: c.Connection, container: c.ContainerID, add: c.AddExternalPrefix, del: c.DelExternalPrefix,
	}
	if c.Prefix != "" {
		l.pattern = strings.TrimRight(c.Prefix, "./") + "/#"
	}
	return l
}

func linkRouteKey(pattern string, receives bool) string {
	class := byte(linkRouteIn)
	if receives {
		class = linkRouteOut
	}
	return string([]byte{partMark, class}) + strings.Join(routing.Tokens(pattern), "/")
}

// linkRoutePrefixes begin the keys of link routes, and of their brokers.
var linkRoutePrefixes = []string{
	string([]byte{partMark, linkRouteIn}), string([]byte{partMark, linkRouteOut}), string([]byte{partMark, linkRouteBroker}),
}

func isLinkRouteKey(key string) bool {
	return len(key) > 2 && key[0] == partMark && (key[1] == linkRouteIn || key[1] == linkRouteOut)
}

func (l *linkRoute) key() string { return linkRouteKey(l.pattern, l.receives) }

// linkRoutes is the link routes that this router knows: those configured here, and the
// keys of those that other routers have told of.
type linkRoutes struct {
	router *Router

	telling sync.Mutex          // orders those who tell the mesh, and guards told; before mu
	told    map[string][]string // the brokers of each key that the mesh was told of

	mu       sync.Mutex // guards all below
	own      map[string][]*linkRoute
	far      map[string]struct{}
	brokers  map[string][]string // of those of other routers, by key; see linkroute_broker.go
	turns    map[string]int      // of round robin, by key and where else the choice is made
	matcher  *linkRouteMatcher   // nil when it is to be made anew
	sessions map[*routedSession]struct{}
	names    map[routedName]*routedLink // of links at containers here
}

func newLinkRoutes(r *Router) *linkRoutes {
	return &linkRoutes{
		router: r, own: make(map[string][]*linkRoute), far: make(map[string]struct{}), turns: make(map[string]int),
		brokers: make(map[string][]string), told: make(map[string][]string),
		sessions: make(map[*routedSession]struct{}), names: make(map[routedName]*routedLink),
	}
}

// insert adds a link route: from configuration, or at run time.
func (t *linkRoutes) insert(l *linkRoute) {
	key := l.key()
	t.mu.Lock()
	t.own[key] = append(t.own[key], l)
	t.matcher = nil
	t.mu.Unlock()
	t.advertise(key)
}

// remove takes one out. Links that go by it stay.
func (t *linkRoutes) remove(l *linkRoute) {
	key := l.key()
	t.mu.Lock()
	t.own[key] = slices.DeleteFunc(t.own[key], func(o *linkRoute) bool { return o == l })
	if len(t.own[key]) == 0 {
		delete(t.own, key)
	}
	t.matcher = nil
	t.mu.Unlock()
	t.advertise(key)
}

// advertise tells the mesh of the link routes of a key, and whether a container for one of
// them is up.
func (t *linkRoutes) advertise(key string) {
	if t.router.mesh == nil {
		return
	}
	t.telling.Lock() // what is told last is what was seen last
	defer t.telling.Unlock()
	t.mu.Lock()
	known, up := len(t.own[key]) > 0, len(t.serving(key)) > 0
	t.mu.Unlock()
	t.tellBrokers(key)
	t.tell(key, known, up)
}

// tell tells the mesh that this router has a key of link routes, and whether anything is
// behind it; or that it has it no more. A router that leaves has them still: who wants to
// use them is to hear that they lead nowhere just now.
func (t *linkRoutes) tell(key string, known, open bool) {
	x := t.router.mesh
	if !known {
		x.own.Delete(key)
		return
	}
	var e addrtable.Entry
	if open && !x.leaving.Load() {
		e.Flags |= addrtable.Open
	}
	if err := x.own.Set(key, e); err != nil {
		x.log.Error("a link route is not announced to other routers", zap.String("pattern", key[2:]), zap.Error(err))
	}
}

// withdraw tells the mesh that no link route leads here any more.
func (t *linkRoutes) withdraw() {
	for _, key := range t.keys(func(*linkRoute) bool { return true }) {
		t.advertise(key)
	}
}

// keys is those under which a link route is that which picks.
func (t *linkRoutes) keys(which func(*linkRoute) bool) (list []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for key, routes := range t.own {
		if slices.ContainsFunc(routes, which) {
			list = append(list, key)
		}
	}
	return list
}

// containerUp announces the link routes for a container.
func (t *linkRoutes) containerUp(_ *amqp.Batch, c *container) { t.containerDown(c) }

// containerDown takes back what nobody serves any more.
func (t *linkRoutes) containerDown(c *container) {
	for _, key := range t.keys(func(l *linkRoute) bool { return c.answersTo(l.connection, l.container) }) {
		t.advertise(key)
	}
}

// farChanged is called when what other routers say of a key has changed. One that cannot
// be reached for a while has its link routes all the same: links to them must not become
// links to addresses meanwhile, nor durable ones go to other brokers.
func (t *linkRoutes) farChanged(key string) {
	known := t.router.mesh.tables.Known(key, owner(t.router.cfg.Router.ID))
	t.mu.Lock()
	defer t.mu.Unlock()
	if broker, of, ok := brokerOf(key); ok {
		t.farBroker(broker, of, known)
		return
	}
	if _, was := t.far[key]; was == known {
		return
	}
	if known {
		t.far[key] = struct{}{}
	} else {
		delete(t.far, key)
	}
	t.matcher = nil
}

// linkRouteMatcher finds the key of the most specific pattern that matches. It is immutable.
type linkRouteMatcher struct{ in, out routing.Patterns[string] }

// match finds the key of the link route for an address; "" if there is none.
func (t *linkRoutes) match(address string, receives bool) string {
	for {
		key := t.lookUp(address, receives)
		if key == "" || !t.forgotten(key) {
			return key
		}
	}
}

// forgotten drops a key that only routers had which nobody knows any more.
func (t *linkRoutes) forgotten(key string) bool {
	t.mu.Lock()
	_, far := t.far[key]
	own := len(t.own[key]) > 0
	t.mu.Unlock()
	if own || t.router.mesh.tables.Known(key, owner(t.router.cfg.Router.ID)) {
		return false
	}
	t.farChanged(key)
	return far
}

func (t *linkRoutes) lookUp(address string, receives bool) string {
	t.mu.Lock()
	if t.matcher == nil {
		t.matcher = t.newMatcher()
	}
	m := t.matcher
	t.mu.Unlock()
	patterns := &m.in
	if receives {
		patterns = &m.out
	}
	key, _ := patterns.Match(address)
	return key
}

// newMatcher makes a matcher of what is known now. The caller holds mu.
func (t *linkRoutes) newMatcher() *linkRouteMatcher {
	m := new(linkRouteMatcher)
	add := func(key string) {
		patterns := &m.in
		if key[1] == linkRouteOut {
			patterns = &m.out
		}
		_ = patterns.AddPattern(key[2:], key) // one that is known here and elsewhere is the same
	}
	for key := range t.own {
		add(key)
	}
	for key := range t.far {
		add(key)
	}
	return m
}

// server is a container that serves a link route.
type server struct {
	route     *linkRoute
	container *container
}

// serving is the containers here that serve the link routes of a key. The caller holds mu.
func (t *linkRoutes) serving(key string) (list []server) {
	for _, l := range t.own[key] {
		for _, c := range t.router.containers.find(l.connection, l.container) {
			list = append(list, server{l, c})
		}
	}
	return list
}

// LinkRouteStatus is the state of a link route, for management.
type LinkRouteStatus struct {
	Name     string
	Pattern  string
	Receives bool // for clients that receive
	Active   bool // a container that serves it is connected here
	Links    int  // that go by it now
}

// LinkRoutes is the state of the link routes that are configured here.
func (r *Router) LinkRoutes() (list []LinkRouteStatus) {
	t := r.linkRoutes
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, routes := range t.own {
		for _, l := range routes {
			list = append(list, LinkRouteStatus{
				Name: l.name, Pattern: l.pattern, Receives: l.receives,
				Active: len(r.containers.find(l.connection, l.container)) > 0, Links: int(l.links.Load()),
			})
		}
	}
	slices.SortFunc(list, func(a, b LinkRouteStatus) int { return strings.Compare(a.Name+a.Pattern, b.Name+b.Pattern) })
	return list
}
