package router

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/meshway/meshway/internal/amqp"
	"github.com/meshway/meshway/internal/wire"
)

// coordinatorAddress is the address by which link routes name transaction coordinators.
const coordinatorAddress = "$coordinator"

// propertyRoutedAddress is the address by which a dynamic terminus is routed: among the
// properties of its node or of the link.
const propertyRoutedAddress = "x-opt-qd.address"

// propertyLinkRoute is the property of a routed link between routers that says where it
// goes: a list of the router, the key of the link route, the hops that are left, and the
// broker, if it has a name.
const propertyLinkRoute = "x-opt-meshway.route"

// linkDestination is where a routed attach goes.
type linkDestination struct {
	key    string // of the link route
	egress string // router at which it was chosen to leave; "" if it was not chosen yet
	broker string // there; "" if that has no name
	hops   uint8
}

// routedName is a link's name at a container, where no two links have it.
type routedName struct {
	container *container
	name      string
	receives  bool // the container does
}

// routeLink takes the attach if its address matches a link route, or if a neighbour carries
// it on. It runs on the reader.
func (p *peer) routeLink(b *amqp.Batch, r *amqp.AttachRequest) (taken bool, err *wire.Error) {
	if p.adj != nil {
		return p.adj.routeLink(b, r)
	}
	key := p.linkRouteOf(r.Attach)
	if key == "" {
		return false, nil
	}
	who := p.conn.Peer().ContainerID
	if who == "" {
		who = p.router.cfg.Router.ID + ":" + strconv.FormatUint(p.id, 10)
	}
	l := p.newRoutedLink(r, who+"/"+r.Attach.Name, linkDestination{key: key, hops: maxHops})
	l.client = who
	return true, l.accept(b, r)
}

// linkRouteOf is the key of the link route that an attach matches; "" if it matches none.
func (p *peer) linkRouteOf(a *wire.Attach) string {
	receives := a.Role == wire.RoleReceiver
	address := ""
	switch {
	case !receives && a.Target != nil && a.Target.Coordinator:
		return p.router.linkRoutes.match(coordinatorAddress, false)
	case !receives && a.Target != nil:
		address = routedAddress(a.Target.Address.V, a.Target.Dynamic, a.Target.DynamicNodeProperties, a.Properties)
	case receives && a.Source != nil:
		address = routedAddress(a.Source.Address.V, a.Source.Dynamic, a.Source.DynamicNodeProperties, a.Properties)
	}
	if address == "" {
		return ""
	}
	name := p.router.normalize(address)
	for _, own := range []string{meshPrefix, localPrefix, topoPrefix} {
		if strings.HasPrefix(name, own) {
			return ""
		}
	}
	return p.router.linkRoutes.match(name, receives)
}

// routedAddress is the address by which a terminus is routed.
func routedAddress(address string, dynamic bool, node wire.Raw, link wire.Map) string {
	if !dynamic {
		return address
	}
	if v, _, err := wire.DecodeValue(node); err == nil {
		if m, ok := v.(wire.Map); ok {
			if text := routedBy(m); text != "" {
				return text
			}
		}
	}
	return routedBy(link)
}

// routedBy is the address that properties name.
func routedBy(m wire.Map) string {
	v, _ := m.Get(propertyRoutedAddress)
	text, _ := v.(string)
	return text
}

// routeLink takes the attach of a neighbour if it is that of a routed link.
func (j *adjacency) routeLink(b *amqp.Batch, r *amqp.AttachRequest) (taken bool, err *wire.Error) {
	v, ok := r.Attach.Properties.Get(propertyLinkRoute)
	if !ok {
		return false, nil
	}
	d, ok := parseDestination(v)
	receives := r.Attach.Role == wire.RoleReceiver
	switch {
	case !ok || !isLinkRouteKey(d.key) || (d.key[1] == linkRouteOut) != receives:
		return true, refusal(wire.CondInvalidField, "attach %q: %s is malformed", r.Attach.Name, propertyLinkRoute)
	case d.hops == 0:
		return true, refusal(condNoRoute, "the way to router %s has too many hops", d.egress)
	}
	d.hops--
	return true, j.peer.newRoutedLink(r, r.Attach.Name, d).accept(b, r)
}

func parseDestination(v any) (d linkDestination, ok bool) {
	list, ok := v.([]any)
	if !ok || len(list) < 3 {
		return d, false
	}
	egress, ok1 := list[0].(string)
	key, ok2 := list[1].([]byte)
	hops, ok3 := list[2].(uint8)
	broker := ""
	if len(list) > 3 {
		broker, _ = list[3].(string)
	}
	return linkDestination{key: string(key), egress: egress, broker: broker, hops: hops}, ok1 && ok2 && ok3 && egress != ""
}

// value is the property for a link that goes to a place.
func (d *linkDestination) value(p place) []any {
	return []any{p.router, []byte(d.key), d.hops, p.broker}
}

// newRoutedLink is a link for an attach. name is that at the container.
func (p *peer) newRoutedLink(r *amqp.AttachRequest, name string, d linkDestination) *routedLink {
	ask := r.Attach.Clone()
	ask.Name, ask.Properties = name, withoutDestination(ask.Properties)
	l := &routedLink{rs: p.routedSessionOf(r.Session), ask: ask, to: d, sends: sideUp}
	if ask.Role == wire.RoleReceiver {
		l.sends = sideDown
	}
	l.ends[sideUp] = newRoutedEnd(l, sideUp, nil)
	return l
}

// accept carries the attach on.
func (l *routedLink) accept(b *amqp.Batch, r *amqp.AttachRequest) *wire.Error {
	rs := l.rs
	p := rs.peer
	if p.router.draining.Load() {
		return refusal(wire.CondConnectionForced, "router %s is shutting down", p.router.cfg.Router.ID)
	}
	rs.mu.Lock()
	m, route, err := rs.mirrorFor(b, l)
	rs.mu.Unlock()
	if err != nil {
		return err
	}
	largest := uint64(0)
	if p.adj == nil {
		largest = p.largest
	}
	if r.AcceptRaw(b, l.ends[sideUp].raw, largest) != nil {
		return nil // the engine has answered
	}
	rs.mu.Lock()
	p.links.addRaw(l.ends[sideUp])
	l.timer = time.AfterFunc(attachTime, l.unanswered)
	old := l.join(m, route)
	rs.mu.Unlock()
	old.stolen(b)
	l.enter(b, m)
	return nil
}

// withoutDestination is properties of a link without those that are for routers.
func withoutDestination(m wire.Map) wire.Map {
	out := make(wire.Map, 0, len(m)+1)
	for _, p := range m {
		if key, ok := p.Key.(wire.Symbol); !ok || key != propertyLinkRoute {
			out = append(out, p)
		}
	}
	return out
}

// register takes the link's name at its container, and returns the link that had it and is to
// be cut. [2.6.1]
func (l *routedLink) register() (old *routedLink) {
	if l.name.container == nil {
		return nil
	}
	t := l.name.container.peer.router.linkRoutes
	t.mu.Lock()
	defer t.mu.Unlock()
	old = t.names[l.name]
	t.names[l.name] = l
	return old
}

func (l *routedLink) unregister() {
	if l.name.container == nil {
		return
	}
	t := l.name.container.peer.router.linkRoutes
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.names[l.name] == l {
		delete(t.names, l.name)
	}
}

// count counts the link with its link route.
func (l *routedLink) count(n int64) {
	if l.route != nil {
		l.route.links.Add(n)
	}
}

// downward is the attach as the next hop gets it.
func (l *routedLink) downward() *wire.Attach {
	p := *l.ask
	if m := l.mirror; m.container == nil {
		p.Properties = append(slices.Clip(p.Properties), wire.Pair{Key: wire.Symbol(propertyLinkRoute), Value: l.to.value(m.place)})
	}
	if l.route == nil || l.route.add == "" && l.route.del == "" {
		return &p
	}
	if p.Role == wire.RoleSender && p.Target != nil && !p.Target.Coordinator {
		t := *p.Target
		l.route.outside(&t.Address, &t.DynamicNodeProperties)
		p.Target = &t
	} else if p.Role == wire.RoleReceiver && p.Source != nil {
		s := *p.Source
		l.route.outside(&s.Address, &s.DynamicNodeProperties)
		p.Source = &s
	}
	return &p
}

// upward is the answer as the one who asked gets it.
func (l *routedLink) upward(p *wire.Attach) *wire.Attach {
	a := *p
	a.Properties = withoutDestination(a.Properties)
	if n := l.rs.peer.largest; n > 0 && l.sends == sideUp && l.rs.peer.adj == nil && (a.MaxMessageSize.V == 0 || a.MaxMessageSize.V > n) {
		a.MaxMessageSize = wire.Some(n)
	}
	if l.route == nil || l.route.add == "" && l.route.del == "" {
		return &a
	}
	if l.sends == sideUp && a.Target != nil && !a.Target.Coordinator {
		t := *a.Target
		t.Address = l.route.inside(t.Address)
		a.Target = &t
	} else if l.sends == sideDown && a.Source != nil {
		s := *a.Source
		s.Address = l.route.inside(s.Address)
		a.Source = &s
	}
	return &a
}

// outside makes an address that of the container: its own, or that by which a dynamic
// terminus is routed.
func (l *linkRoute) outside(address *wire.Opt[string], node *wire.Raw) {
	if address.V != "" {
		address.V = l.external(address.V)
		return
	}
	v, _, err := wire.DecodeValue(*node)
	m, ok := v.(wire.Map)
	if err != nil || !ok {
		return
	}
	for i := range m {
		if text, ok := m[i].Value.(string); ok && m[i].Key == any(wire.Symbol(propertyRoutedAddress)) {
			m[i].Value = l.external(text)
			if b, err := wire.AppendValue(nil, m); err == nil {
				*node = b
			}
		}
	}
}

// external is an address as the container knows it.
func (l *linkRoute) external(address string) string {
	return l.add + strings.TrimPrefix(address, l.del)
}

// inside is an address of the container as clients know it.
func (l *linkRoute) inside(address wire.Opt[string]) wire.Opt[string] {
	if rest, ok := strings.CutPrefix(address.V, l.add); ok && address.V != "" {
		address.V = l.del + rest
	}
	return address
}
