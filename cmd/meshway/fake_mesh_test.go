package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/meshway/meshway/internal/client"
)

// fakeMesh plays the agents of a mesh: entities by router and type.
type fakeMesh struct {
	mu      sync.Mutex // routers are asked at the same time
	self    string
	at      map[string]map[string][]client.Entity
	silent  map[string]bool
	lines   map[string][]client.LogLine
	asked   []string // changes, as they came
	answer  any      // of operations of the agent
	refuses error    // what changes are answered with
	fails   error    // what queries are answered with
	onQuery func(router, kind string)
}

func (m *fakeMesh) Close() {}

func (m *fakeMesh) ReplyTo() string { return "temp.own" }

// entities are those of a router, or why it does not answer.
func (m *fakeMesh) entities(router, kind string) ([]client.Entity, error) {
	if router == "" {
		router = m.self
	}
	if m.onQuery != nil {
		m.onQuery(router, kind)
	}
	switch {
	case m.fails != nil:
		return nil, m.fails
	case m.silent[router]:
		return nil, &client.SilentError{Router: router, After: 5 * time.Second}
	case m.at[router] == nil:
		return nil, &client.UnreachableError{Router: router}
	}
	return m.at[router][kind], nil
}

func (m *fakeMesh) Query(_ context.Context, router, kind string, attributes ...string) ([]client.Entity, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	rows, err := m.entities(router, kind)
	var out []client.Entity
	for _, e := range rows {
		e = maps.Clone(e)
		if len(attributes) > 0 {
			maps.DeleteFunc(e, func(name string, _ any) bool { return !slices.Contains(attributes, name) })
		}
		out = append(out, e)
	}
	return out, err
}

func (m *fakeMesh) Read(_ context.Context, router, kind string, key client.Key) (client.Entity, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	rows, err := m.entities(router, kind)
	if err != nil {
		return nil, err
	}
	for _, e := range rows {
		if e.Text("identity") == key.Identity {
			return e, nil
		}
	}
	return nil, &client.StatusError{Router: router, Operation: "READ", Code: client.StatusNotFound, Description: "Not Found"}
}

func (m *fakeMesh) changed(format string, args ...any) (client.Entity, error) {
	m.asked = append(m.asked, fmt.Sprintf(format, args...))
	return client.Entity{"name": "done"}, m.refuses
}

func (m *fakeMesh) Create(_ context.Context, router, kind, name string, attributes map[string]any) (client.Entity, error) {
	return m.changed("create %s %s %s %v", router, kind, name, attributes)
}

func (m *fakeMesh) Update(_ context.Context, router, kind string, key client.Key, attributes map[string]any) (client.Entity, error) {
	return m.changed("update %s %s %s %v", router, kind, key.Identity, attributes)
}

func (m *fakeMesh) Delete(_ context.Context, router, kind string, key client.Key) error {
	_, err := m.changed("delete %s %s %s", router, kind, key.Identity)
	return err
}

func (m *fakeMesh) Node(_ context.Context, router, operation string, properties map[string]any) (any, error) {
	_, err := m.changed("node %s %s %v", router, operation, properties)
	return m.answer, err
}

func (m *fakeMesh) Routers(context.Context, string) ([]string, error) {
	var ids []string
	for _, n := range m.at[m.self]["router.node"] {
		ids = append(ids, n.Text("id"))
	}
	return ids, nil
}

func (m *fakeMesh) Log(_ context.Context, router string, limit int) ([]client.LogLine, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, err := m.entities(router, "log"); err != nil {
		return nil, err
	}
	if router == "" {
		router = m.self
	}
	lines := m.lines[router]
	if limit > 0 && len(lines) > limit {
		lines = lines[len(lines)-limit:]
	}
	return lines, nil
}

// add adds an entity to a router.
func (m *fakeMesh) add(router, kind string, e client.Entity) client.Entity {
	if m.at[router] == nil {
		m.at[router] = map[string][]client.Entity{}
	}
	m.at[router][kind] = append(m.at[router][kind], e)
	return e
}

// one finds an entity of the fixture, to spoil it.
func (m *fakeMesh) one(t *testing.T, router, kind, attribute, value string) client.Entity {
	t.Helper()
	for _, e := range m.at[router][kind] {
		if e.Text(attribute) == value {
			return e
		}
	}
	t.Fatalf("%s has no %s with %s %s", router, kind, attribute, value)
	return nil
}

// fiveStart is when all clocks of the mesh of five stand.
var fiveStart = time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)

// five is a mesh of five routers, a broker at C, senders and receivers:
//
//	A --1-- B --2-- C --1-- D        and A --10-- C, D --3-- E
func five() *fakeMesh {
	m := &fakeMesh{self: "A", at: map[string]map[string][]client.Entity{}, silent: map[string]bool{}, lines: map[string][]client.LogLine{}}
	next := map[string]int{}
	for i, id := range []string{"A", "B", "C", "D", "E"} {
		m.add(id, "router", client.Entity{"id": id, "identity": "1", "name": id, "mode": "interior", "version": "1.2.0", "uptimeSeconds": uint32(90061 + i), "connectionCount": uint64(3),
			"linkCount": uint64(4), "addrCount": uint64(5), "deliveriesIngress": uint64(1000 * i), "deliveriesEgress": uint64(10 * i), "deliveriesTransit": uint64(i),
			"deliveriesStuck": uint64(0), "linksBlocked": uint32(0), "defaultDistribution": "balanced", "time": fiveStart.UnixMilli(), "acceptedDeliveries": uint64(7)})
		m.add(id, "listener", client.Entity{"name": "clients", "identity": "listener/127.0.0.1:5672:clients", "host": "127.0.0.1", "port": "5672", "role": "normal",
			"saslMechanisms": "ANONYMOUS", "authenticatePeer": false, "management": "full", "cost": int32(1), "linkCapacity": int32(250)})
		m.add(id, "router.config.address", client.Entity{"name": "alarms", "identity": "1", "pattern": "alarms/#", "distribution": "multicast", "waypoint": false})
		m.add(id, "router.config.address", client.Entity{"name": "orders", "identity": "2", "prefix": "orders", "distribution": "closest", "waypoint": false})
		m.add(id, "router.config.address", client.Entity{"name": "queue", "identity": "3", "prefix": "queue", "distribution": "balanced", "waypoint": true, "ingressPhase": int32(0), "egressPhase": int32(1)})
		m.add(id, "router.config.address", client.Entity{"name": "closed", "identity": "4", "prefix": "closed", "distribution": "unavailable", "waypoint": false})
		m.add(id, "router.config.linkRoute", client.Entity{"name": "tx-in", "identity": "1", "prefix": "tx", "direction": "in", "connection": "rabbit-1", "operStatus": map[bool]string{true: "active", false: "inactive"}[id == "C"]})
		m.add(id, "log", client.Entity{"name": "log/MESH", "identity": "log/MESH", "module": "MESH", "enable": "info+"})
	}
	edges := []struct {
		a, b string
		cost int32
	}{{"A", "B", 1}, {"B", "C", 2}, {"C", "D", 1}, {"A", "C", 10}, {"D", "E", 3}}
	neighbours, costs := map[string][]any{}, map[string]map[string]any{}
	for _, e := range edges {
		for _, w := range [][2]string{{e.a, e.b}, {e.b, e.a}} {
			neighbours[w[0]] = append(neighbours[w[0]], w[1])
			if costs[w[0]] == nil {
				costs[w[0]] = map[string]any{}
			}
			costs[w[0]][w[1]] = e.cost
			m.connect(next, w[0], w[1], "inter-router", client.Entity{"cost": e.cost, "dir": map[bool]string{true: "out", false: "in"}[w[0] == e.a]})
		}
	}
	for i, id := range []string{"A", "B", "C", "D", "E"} {
		for at := range m.at {
			n := m.add(at, "router.node", client.Entity{"id": id, "name": "router.node/" + id, "identity": "router.node/" + id, "index": int32(i), "linkState": neighbours[id], "costs": costs[id],
				"draining": false, "address": "amqp:/_topo/0/" + id, "protocolVersion": int32(1)})
			if at == id {
				n["nextHop"], n["unreachable"] = "(self)", []any{}
			} else if !slices.Contains(neighbours[at], any(id)) {
				n["nextHop"] = "B"
			}
			n["cost"] = int32(i)
		}
	}
	m.broker(next)
	m.traffic(next)
	return m
}

// connect adds a connection to a router.
func (m *fakeMesh) connect(next map[string]int, at, container, role string, more client.Entity) string {
	next[at]++
	id := fmt.Sprint(next[at])
	e := client.Entity{"identity": id, "name": "connection/" + id, "host": strings.ToLower(container) + ".example:5672", "container": container, "role": role, "dir": "in", "user": "anonymous",
		"sasl": "ANONYMOUS", "isEncrypted": false, "active": true, "operStatus": "up", "uptimeSeconds": uint32(100 * next[at]), "deliveriesIn": uint64(0), "deliveriesOut": uint64(0)}
	maps.Copy(e, more)
	m.add(at, "connection", e)
	return id
}

// broker adds rabbit-1 at C, with a queue.
func (m *fakeMesh) broker(next map[string]int) {
	m.add("C", "connector", client.Entity{"name": "rabbit-1", "identity": "connector/rabbit-1.example:5672:rabbit-1", "host": "rabbit-1.example", "port": "5672", "role": "route-container",
		"connectionStatus": "SUCCESS", "saslUsername": "mesh", "maxInFlight": int32(1000)})
	m.connect(next, "C", "rabbit@one", "route-container", client.Entity{"dir": "out", "place": "rabbit-1"})
	for i, dir := range []string{"in", "out"} {
		m.add("C", "router.config.autoLink", client.Entity{"name": "queue-" + dir, "identity": fmt.Sprint(i + 1), "address": "queue", "direction": dir, "phase": int32(1 - i), "connection": "rabbit-1", "operStatus": "active"})
	}
	m.consumer(next, "C", "M0queue", 3, 1000)
	for at := range m.at {
		row := m.address(at, "Ctx")
		row["distribution"], row["remoteHostRouters"] = "linkBalanced", []any{"C"}
		if at == "C" {
			row["containerCount"], row["remoteHostRouters"] = uint32(1), []any{}
		}
	}
}

// consumer adds a link by which an application receives.
func (m *fakeMesh) consumer(next map[string]int, at, key string, conn any, credit uint32) client.Entity {
	next["link "+at]++
	id := fmt.Sprint(next["link "+at])
	for router := range m.at {
		row := m.address(router, key)
		if router == at {
			row["subscriberCount"] = uint32(row.Number("subscriberCount") + 1)
			continue
		}
		if list := row["remoteHostRouters"].([]any); !slices.Contains(list, any(at)) {
			row["remoteHostRouters"], row["remoteCount"] = append(list, at), uint32(len(list)+1)
		}
	}
	return m.add(at, "router.link", client.Entity{"identity": id, "name": "receiver-" + id, "linkName": "receiver-" + id, "linkType": "endpoint", "linkDir": "out", "connectionId": fmt.Sprint(conn), "owningAddr": key,
		"creditAvailable": credit, "undeliveredCount": uint64(0), "unsettledCount": uint64(2), "deliveryCount": uint64(42), "settleRate": uint64(3), "deliveriesStuck": uint64(0), "zeroCreditSeconds": uint32(0)})
}

// address is the row of an address at a router; it is made if it is not there.
func (m *fakeMesh) address(at, key string) client.Entity {
	for _, e := range m.at[at]["router.address"] {
		if e.Text("key") == key {
			return e
		}
	}
	return m.add(at, "router.address", client.Entity{"key": key, "name": key, "identity": key, "distribution": "balanced", "subscriberCount": uint32(0), "remoteCount": uint32(0), "inProcess": uint32(0),
		"containerCount": uint32(0), "remoteHostRouters": []any{}, "deliveriesIngress": uint64(42), "deliveriesEgress": uint64(40), "deliveriesTransit": uint64(2), "priority": int32(-1)})
}

// producer adds a link by which an application sends.
func (m *fakeMesh) producer(next map[string]int, at, key string, conn any) client.Entity {
	next["link "+at]++
	id := fmt.Sprint(next["link "+at])
	m.address(at, key)
	return m.add(at, "router.link", client.Entity{"identity": id, "name": "sender-" + id, "linkName": "sender-" + id, "linkType": "endpoint", "linkDir": "in", "connectionId": fmt.Sprint(conn), "owningAddr": key,
		"creditAvailable": uint32(250), "undeliveredCount": uint64(0), "unsettledCount": uint64(0), "deliveryCount": uint64(42), "settleRate": uint64(3), "deliveriesStuck": uint64(0), "zeroCreditSeconds": uint32(0)})
}

// traffic adds applications.
func (m *fakeMesh) traffic(next map[string]int) {
	sender := m.connect(next, "A", "sensor-1", "normal", nil)
	m.producer(next, "A", "M0orders", sender)
	m.producer(next, "A", "M0queue", sender)
	m.producer(next, "A", "M0alarms/fire", sender)
	for _, at := range []string{"D", "E"} {
		conn := m.connect(next, at, "worker-"+at, "normal", nil)
		m.consumer(next, at, "M0orders", conn, 100)
		m.consumer(next, at, "M0alarms/fire", conn, 10)
		m.consumer(next, at, "M1queue", conn, 50)
	}
}

// app is the program with the mesh.
func (m *fakeMesh) app() *testApp {
	a := newTestApp("")
	a.manage = func(context.Context, target, time.Duration) (agents, error) { return m, nil }
	a.now = func() time.Time { return fiveStart }
	return a
}
