package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/meshway/meshway/internal/client"
)

func TestAHealthyMeshHasNoFindings(t *testing.T) {
	a := five().app()
	a.want(t, 0, "doctor")
	wantText(t, a.out, "5 routers asked: all is well")
}

// Each fault is put into a mesh that has none; that one is found, and nothing else.
func TestEachFaultIsFound(t *testing.T) {
	for _, c := range []struct {
		fault, where string
		broken       bool
		spoil        func(*fakeMesh)
	}{
		{"unreachable", "F", true, func(m *fakeMesh) {
			m.one(t, "A", "router.node", "id", "A")["unreachable"] = []any{"F"}
		}},
		{"no answer", "E", true, func(m *fakeMesh) { m.silent["E"] = true }},
		{"one-way adjacency", "B–E", true, func(m *fakeMesh) {
			m.connect(map[string]int{"B": 10}, "B", "E", "inter-router", nil)
		}},
		{"adjacency not in use", "B–E", false, func(m *fakeMesh) {
			m.connect(map[string]int{"B": 10}, "B", "E", "inter-router", nil)
			m.connect(map[string]int{"E": 10}, "E", "B", "inter-router", nil)
		}},
		{"costs differ", "B–C", false, func(m *fakeMesh) { m.one(t, "B", "connection", "container", "C")["cost"] = int32(7) }},
		{"no connection", "C", true, func(m *fakeMesh) {
			e := m.one(t, "C", "connector", "name", "rabbit-1")
			e["connectionStatus"], e["connectionMsg"] = "FAILED", "connection refused"
		}},
		{"no connection", "D", true, func(m *fakeMesh) {
			m.add("D", "connector", client.Entity{"name": "to-f", "role": "inter-router", "host": "f.example", "port": "55672", "connectionStatus": "CONNECTING"})
		}},
		{"shard lost", "B", true, func(m *fakeMesh) {
			m.add("B", "router.config.address", client.Entity{"prefix": "invoices", "shards": map[string]any{"key": "group-id", "connections": "rabbit-1 rabbit-2", "onLoss": "wait"}})
		}},
		{"auto-link not active", "C", true, func(m *fakeMesh) {
			e := m.one(t, "C", "router.config.autoLink", "direction", "in")
			e["operStatus"], e["lastError"] = "failed", "amqp:not-found: no queue"
		}},
		{"no consumer", "lonely", false, func(m *fakeMesh) { m.producer(map[string]int{"link A": 50}, "A", "M0lonely", 1) }},
		{"blocked link", "D", false, func(m *fakeMesh) {
			e := m.one(t, "D", "router.link", "owningAddr", "M0orders")
			e["zeroCreditSeconds"], e["undeliveredCount"] = uint32(60), uint64(9)
		}},
		{"stuck deliveries", "D", false, func(m *fakeMesh) {
			m.one(t, "D", "router.link", "owningAddr", "M0orders")["deliveriesStuck"] = uint64(3)
		}},
		{"clock skew", "B", false, func(m *fakeMesh) {
			m.at["B"]["router"][0]["time"] = fiveStart.UnixMilli() - 90_000
		}},
		{"version skew", "mesh", false, func(m *fakeMesh) { m.at["B"]["router"][0]["version"] = "1.1.0" }},
		{"draining", "E", false, func(m *fakeMesh) { m.one(t, "A", "router.node", "id", "E")["draining"] = true }},
	} {
		t.Run(c.fault+" "+c.where, func(t *testing.T) {
			m := five()
			c.spoil(m)
			a := m.app()
			code := 0
			if c.broken {
				code = 1
			}
			a.want(t, code, "doctor", "-o", "json")
			lines := strings.Split(strings.TrimSpace(a.out.String()), "\n")
			want := fmt.Sprintf(`"fault":%q,"where":%q`, c.fault, c.where)
			if len(lines) != 1 || !strings.Contains(lines[0], want) || !strings.Contains(lines[0], fmt.Sprintf(`{"broken":%v`, c.broken)) {
				t.Errorf("found\n%s\nwant one line with %s", a.out, want)
			}
			text := m.app()
			text.want(t, code, "doctor")
			wantText(t, text.out, c.where+": "+c.fault+": ")
		})
	}
}

func TestWhatIsBrokenIsSaidFirst(t *testing.T) {
	early := five()
	early.one(t, "B", "connection", "container", "C")["cost"] = int32(7) // a remark, looked for before
	early.one(t, "C", "router.config.autoLink", "direction", "in")["operStatus"] = "failed"
	first := early.app()
	first.want(t, 1, "doctor", "-o", "json")
	if !strings.HasPrefix(first.out.String(), `{"broken":true`) {
		t.Errorf("a remark comes before what is broken:\n%s", first.out)
	}
	m := five()
	m.producer(map[string]int{"link A": 50}, "A", "M0lonely", 1) // a remark
	m.one(t, "C", "router.config.autoLink", "direction", "in")["operStatus"] = "failed"
	m.one(t, "A", "router.node", "id", "E")["draining"] = true // a remark, looked for later
	a := m.app()
	a.want(t, 1, "doctor", "-o", "json")
	lines := strings.Split(strings.TrimSpace(a.out.String()), "\n")
	if len(lines) != 3 || !strings.HasPrefix(lines[0], `{"broken":true`) || !strings.Contains(lines[1], "lonely") || !strings.Contains(lines[2], "draining") {
		t.Errorf("got\n%s", a.out)
	}
	m.one(t, "C", "router.config.autoLink", "direction", "in")["operStatus"] = "active"
	conn := m.connect(map[string]int{"E": 20}, "E", "rabbit@two", "route-container", nil)
	m.producer(map[string]int{"link E": 50}, "E", "M1stock", conn) // a queue that nobody takes from
	a = m.app()
	a.want(t, 0, "doctor")
	if strings.Contains(a.out.String(), "stock") {
		t.Errorf("a broker that keeps its messages is reported:\n%s", a.out)
	}
}

func TestBlockedLinksAreManyAndStillFitAPage(t *testing.T) {
	m := five()
	for i := range 200 {
		e := m.consumer(map[string]int{"link D": 100 + i}, "D", "M0orders", 1, 0)
		e["zeroCreditSeconds"], e["undeliveredCount"] = uint32(60), uint64(9)
	}
	a := m.app()
	a.want(t, 0, "doctor")
	if n := strings.Count(a.out.String(), "blocked link"); n != 11 {
		t.Errorf("%d lines of blocked links, want 10 and one for the rest", n)
	}
	wantText(t, a.out, "190 more links")
}

func TestABrokerThatConnectedItselfIsNoLostShard(t *testing.T) {
	m := five()
	m.add("B", "router.config.address", client.Entity{"prefix": "invoices", "shards": map[string]any{"key": "group-id", "connections": "rabbit-1 rabbit-2", "onLoss": "wait"}})
	m.connect(map[string]int{"E": 30}, "E", "rabbit@two", "route-container", client.Entity{"place": "rabbit-2"}) // the listener's name
	a := m.app()
	a.want(t, 0, "doctor")
	wantText(t, a.out, "all is well")
}

func TestAConnectionThatStandsBySaysNoCost(t *testing.T) {
	m := five()
	m.connect(map[string]int{"B": 30}, "B", "C", "inter-router", client.Entity{"cost": int32(9), "active": false})
	a := m.app()
	a.want(t, 0, "doctor")
	wantText(t, a.out, "all is well")
}
