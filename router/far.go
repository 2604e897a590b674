package router

import (
	"bytes"
	"slices"
	"strings"

	"go.uber.org/zap"

	"github.com/meshway/meshway/internal/amqp"
	"github.com/meshway/meshway/linkstate/addrtable"
	"github.com/meshway/meshway/routing"
)

// What this router tells others of its addresses, and what it makes of what they tell.

// flagTrace in an address table says that a consumer wants to know the way of its messages.
const flagTrace addrtable.Flags = 1 << 7

// isMobile says that other routers are told of consumers of the address.
func isMobile(key string) bool {
	return !strings.HasPrefix(key, localPrefix) && !strings.HasPrefix(key, topoPrefix) && len(key) <= addrtable.MaxAddress
}

// egressName is by which name the egress knows the address.
func egressName(key, egress string) string {
	if rest, ok := strings.CutPrefix(key, topoPrefix+"0/"+egress+"/"); ok {
		return localPrefix + rest
	}
	if rest, ok := strings.CutPrefix(key, everywherePrefix); ok {
		return localPrefix + rest
	}
	return key
}

// topoRouter is the router that a topological address names; "" for other addresses.
func topoRouter(key string) string {
	rest, ok := strings.CutPrefix(key, topoPrefix+"0/")
	if !ok {
		return ""
	}
	id, _, ok := strings.Cut(rest, "/")
	if !ok {
		return ""
	}
	return id
}

// knows says whether the address has consumers at other routers, as far as they can be
// reached. A nil mesh knows nothing.
func (x *mesh) knows(key string) bool {
	if x == nil {
		return false
	}
	if strings.HasPrefix(key, everywherePrefix) {
		return true
	}
	if id := topoRouter(key); id != "" {
		_, ok := x.forwarding.Load().routes.Topology().Index(id)
		return ok
	}
	var buf [16]addrtable.OwnerRef
	return isMobile(key) && len(x.tables.Owners(key, buf[:0])) > 0
}

// advertise tells the mesh what the consumers of the address here can do.
func (a *address) advertise() {
	x := a.router.mesh
	if x == nil || a.trunk != nil || !isMobile(a.key) {
		return
	}
	a.telling.Lock() // what is told last is what was seen last
	defer a.telling.Unlock()
	set := a.consumers.Load()
	if len(set.list) == 0 || x.leaving.Load() {
		x.own.Delete(a.key)
		return
	}
	var e addrtable.Entry
	if a.openHere.Load() {
		e.Flags |= addrtable.Open
	}
	if slices.ContainsFunc(set.list, func(e *egress) bool { return e.annotate }) {
		e.Flags |= flagTrace
	}
	if err := x.own.Set(a.key, e); err != nil && !x.withheld.Swap(true) {
		x.log.Error("too many addresses have consumers at this router: some are not announced to others until there are fewer; connect part of the consumers elsewhere",
			zap.String("first", a.key), zap.Error(err))
	}
}

// onOwnersChanged is called when the routers have changed that have consumers of an
// address which is in use here.
func (x *mesh) onOwnersChanged(addr string) {
	if isLinkRouteKey(addr) || isLinkRouteBroker(addr) {
		x.router.linkRoutes.farChanged(addr)
		return
	}
	a := x.router.table.find([]byte(addr))
	if a == nil {
		return
	}
	var b amqp.Batch
	a.remotesChanged(&b)
	b.Flush()
	x.router.table.release(a)
}

// remotesChanged takes over which routers have consumers of the address now.
func (a *address) remotesChanged(b *amqp.Batch) {
	had := len(a.consumers.Load().remotes) > 0
	for _, r := range a.findRemotes() {
		r.excuse(b)
	}
	set := a.consumers.Load()
	a.consumersChanged(b)
	if had && !set.any(false) {
		a.closeCredit(b, func() bool { return !a.consumers.Load().any(false) })
	}
	a.resume(b)
}

// resume lets go on what the ways to other routers held up.
func (a *address) resume(b *amqp.Batch) {
	if a.consumers.Load().hasCredit() {
		a.consumerAble(b)
	}
	if a.busy.Load() > 0 {
		a.drain(b)
	}
}

// findRemotes makes the address's set of remotes what the mesh knows of it. It returns
// those, also of them that it takes out, to which the path has been lost.
func (a *address) findRemotes() (lost []*remote) {
	x := a.router.mesh
	if x == nil || a.trunk != nil {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	set := a.consumers.Load()
	for _, r := range set.remotes {
		if r.costs() {
			lost = append(lost, r)
		}
	}
	remotes := x.remotesOf(a, set.remotes)
	if !slices.Equal(remotes, set.remotes) {
		a.replaceConsumers(set.list, remotes)
	} else {
		a.epoch.Add(1) // some may have opened
	}
	return lost
}

// remotesOf is the routers with consumers of an address, those in old as they are.
func (x *mesh) remotesOf(a *address, old []*remote) (list []*remote) {
	add := func(id string, flags addrtable.Flags) {
		var r *remote
		if i := slices.IndexFunc(old, func(r *remote) bool { return r.id == id }); i >= 0 {
			r = old[i]
		} else {
			r = &remote{addr: a, id: id, key: routing.KeyOf(id)}
			r.window.Store(defaultWindow)
			r.costs()
		}
		r.open.Store(flags&addrtable.Open != 0)
		r.traced.Store(flags&flagTrace != 0)
		list = append(list, r)
	}
	switch id := topoRouter(a.key); {
	case a.treated().everywhere:
		t := x.forwarding.Load().routes.Topology()
		for i := range t.Len() {
			if id := t.Node(i).ID; id != x.identity.ID {
				add(id, addrtable.Open)
			}
		}
		return list
	case id != "":
		if _, there := x.forwarding.Load().routes.Topology().Index(id); there {
			add(id, addrtable.Open)
		}
		return list
	}
	if !isMobile(a.key) {
		return nil
	}
	var buf [16]addrtable.OwnerRef
	for _, o := range x.tables.Owners(a.key, buf[:0]) {
		if o.Owner.Kind == addrtable.Router && o.Owner.ID != x.identity.ID {
			add(o.Owner.ID, o.Entry.Flags)
		}
	}
	slices.SortFunc(list, func(r, s *remote) int { return strings.Compare(r.id, s.id) })
	return list
}

// egressSet is the keys of the remotes, as multicast messages carry them.
func egressSet(remotes []*remote) routing.Set {
	if len(remotes) == 0 {
		return nil
	}
	keys := make([]routing.Key, 0, len(remotes))
	for _, r := range remotes[:min(len(remotes), maxEgress)] {
		keys = append(keys, r.key)
	}
	b, _ := routing.AppendSet(nil, keys) // fewer than it takes
	return routing.Set(bytes.Clone(b))
}
