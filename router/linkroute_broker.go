package router

import (
	"slices"
	"strings"
)

// The brokers of a link route have names, by which all routers tell them apart: those of
// the connections, or the container ids, that link routes say. So a durable subscription
// can be found again, wherever its client connects: it is the same broker's at every
// router. The mesh is told of the brokers of each link route, and which of them are there.

// linkRouteBroker is the class of the keys that tell of brokers: behind it come the
// broker's name, a mark, and the key of the link route without its own.
const linkRouteBroker = 'B'

// broker is the name of the link route's broker; empty if it has none that other routers
// could know it by: it is behind another router, or it is a client that asked for links
// to itself.
func (l *linkRoute) broker() string {
	if strings.IndexByte(l.connection, partMark) >= 0 {
		return ""
	}
	return l.connection + l.container
}

// brokerKey is the key by which the mesh is told of a broker of a link route.
func brokerKey(broker, key string) string {
	return string([]byte{partMark, linkRouteBroker}) + broker + key
}

func isLinkRouteBroker(key string) bool { return strings.HasPrefix(key, linkRoutePrefixes[2]) }

// brokerOf is the broker that a key tells of, and the key of its link route.
func brokerOf(key string) (broker, of string, ok bool) {
	rest, ok := strings.CutPrefix(key, linkRoutePrefixes[2])
	i := strings.IndexByte(rest, partMark)
	if !ok || i < 1 || !isLinkRouteKey(rest[i:]) {
		return "", "", false
	}
	return rest[:i], rest[i:], true
}

// tellBrokers tells the mesh of the brokers of a key. The caller holds telling.
func (t *linkRoutes) tellBrokers(key string) {
	up := make(map[string]bool)
	t.mu.Lock()
	for _, l := range t.own[key] {
		if name := l.broker(); name != "" {
			up[name] = up[name] || len(t.router.containers.find(l.connection, l.container)) > 0
		}
	}
	t.mu.Unlock()
	for _, name := range t.told[key] {
		if _, ok := up[name]; !ok {
			t.tell(brokerKey(name, key), false, false)
		}
	}
	delete(t.told, key)
	for name, open := range up {
		t.told[key] = append(t.told[key], name)
		t.tell(brokerKey(name, key), true, open)
	}
}

// farBroker notes whether other routers know a broker of a key. The caller holds mu.
func (t *linkRoutes) farBroker(name, key string, known bool) {
	list := t.brokers[key]
	i, was := slices.BinarySearch(list, name)
	switch {
	case known && !was:
		t.brokers[key] = slices.Insert(list, i, name)
	case !known && was && len(list) == 1:
		delete(t.brokers, key)
	case !known && was:
		t.brokers[key] = slices.Delete(list, i, i+1)
	}
}

// brokersOf is the names of all brokers of a key that are known in the mesh, whether they
// are there or not.
func (t *linkRoutes) brokersOf(key string) (list []string) {
	t.mu.Lock()
	far := slices.Clone(t.brokers[key])
	for _, l := range t.own[key] {
		if name := l.broker(); name != "" && !slices.Contains(list, name) {
			list = append(list, name)
		}
	}
	t.mu.Unlock()
	for _, name := range far {
		if slices.Contains(list, name) {
			continue
		}
		if k := brokerKey(name, key); t.router.mesh.tables.Known(k, owner(t.router.cfg.Router.ID)) {
			list = append(list, name)
		} else {
			t.farChanged(k) // nobody is told when a router has been away for too long
		}
	}
	return list
}
