package interop

import (
	"fmt"
	"strings"
	"testing"
)

// Stories of requests that are wrong, too large or too many.

func wrongRequestsAreAnswered(m *manager) {
	for _, row := range []struct {
		codes     []int
		says      string
		operation any
		p         properties
		body      any
	}{
		{[]int{400}, "operation", nil, nil, nil},
		{[]int{400}, "operation", number{"int", 7}, nil, nil},
		{[]int{400}, "operation", "", nil, nil},
		{[]int{501}, "DANCE", "DANCE", nil, nil},
		{[]int{501}, "DANCE", "DANCE", properties{"type": "listener"}, nil},
		{[]int{404}, "nonsense", "QUERY", properties{"entityType": "nonsense"}, nil},
		{[]int{400}, "entityType", "QUERY", properties{"entityType": number{"int", 1}}, nil},
		{[]int{400}, "map", "QUERY", properties{"entityType": "log"}, "text"},
		{[]int{400}, "map", "QUERY", properties{"entityType": "log"}, []any{"module"}},
		{[]int{400}, "attributeNames", "QUERY", properties{"entityType": "log"}, map[string]any{"attributeNames": "module"}},
		{[]int{400}, "strings", "QUERY", properties{"entityType": "log"}, map[string]any{"attributeNames": []any{number{"ulong", 1}}}},
		{[]int{404}, "nonsense", "QUERY", properties{"entityType": "log"}, map[string]any{"attributeNames": []any{"nonsense"}}},
		{[]int{400}, "offset", "QUERY", properties{"entityType": "log", "offset": number{"long", -1}}, nil},
		{[]int{400}, "count", "QUERY", properties{"entityType": "log", "count": true}, nil},
		{[]int{400}, "limit", "GET-LOG", properties{"limit": "many"}, nil},
		{[]int{400}, "indent", "GET-JSON-SCHEMA", properties{"indent": false}, nil},
		{[]int{404}, "nonsense", "GET-ATTRIBUTES", properties{"entityType": "nonsense"}, nil},
		{[]int{400}, "identity", "READ", nil, nil},
		{[]int{400}, "name", "READ", properties{"name": true}, nil},
		{[]int{404}, "nobody", "READ", properties{"name": "nobody"}, nil},
		{[]int{400}, "type", "CREATE", nil, map[string]any{}},
		{[]int{404}, "nonsense", "CREATE", properties{"type": "nonsense"}, map[string]any{}},
		{[]int{400}, "map", "CREATE", properties{"type": "listener"}, "port=1"},
		{[]int{400}, "type", "CREATE", properties{"type": "listener"}, map[string]any{"type": "connector"}},
		{[]int{400}, "name", "CREATE", properties{"type": "listener", "name": "x"}, map[string]any{"name": "y"}},
		{[]int{403}, "router", "CREATE", properties{"type": "router"}, map[string]any{}},
		{[]int{403}, "adminStatus", "DELETE", properties{"type": "connection", "identity": "1"}, nil},
	} {
		p := properties{"operation": row.operation}
		for k, v := range row.p {
			p[k] = v
		}
		if row.operation == nil {
			delete(p, "operation")
		}
		m.refused(row.codes, row.says, "", p, row.body)
	}
}

// hostileManagers: whoever asks for too much, or reads nothing, harms nobody.
func hostileManagers(t *testing.T, a *router, k kind) {
	tell := func(name string, story func(s *stage, m *manager)) {
		t.Run(name, func(t *testing.T) {
			s := newStage(t, a, "hostile "+name, k, k)
			m := s.sendingSide().manager("$management")
			story(s, m)
			m.wants(200, "GET-TYPES", nil, nil)
			s.receivingSide().manager("$management").wants(200, "GET-TYPES", nil, nil)
		})
	}
	tell("requests that cannot be answered", func(_ *stage, m *manager) {
		m.to.send(message{Value: "x"}, message{Value: map[string]any{}, Application: map[string]any{"operation": "QUERY"}})
		for i, o := range m.to.outcomes(0, 2) {
			m.equal(fmt.Sprintf("outcome %d", i), o.State, "rejected")
			if !strings.Contains(o.Description, "reply-to") {
				m.Errorf("rejected with %q, which does not name the reply-to", o.Description)
			}
		}
	})
	tell("a long request and a huge one", func(_ *stage, m *manager) {
		long := map[string]any{"attributeNames": []any{"module"}, "x": strings.Repeat("x", 900<<10)}
		m.wants(200, "QUERY", properties{"entityType": "log"}, long)
		huge := map[string]any{"x": strings.Repeat("x", 3<<20)}
		m.to.send(m.request("QUERY", properties{"entityType": "log"}, huge))
		m.equal("outcome of the huge one", m.to.outcomes(1, 1)[0].Condition, "amqp:link:message-size-exceeded")
	})
	tell("answers that nobody takes", func(s *stage, m *manager) {
		const many = 10000
		silent := s.sendingSide().manager("$management")
		for range many / 1000 {
			var batch []message
			for range 1000 {
				batch = append(batch, silent.request("GET-TYPES", nil, nil))
			}
			silent.to.send(batch...)
		}
		for i, o := range silent.to.outcomes(0, many) {
			if o.State != "accepted" {
				m.Fatalf("request %d ended as %s", i, o.State)
			}
		}
		m.wants(200, "GET-TYPES", nil, nil) // all before it have been handled
		memory := amount(m.rows("router")[0]["memoryUsage"])
		if memory > 1<<30 {
			m.Errorf("the router has %.0f bytes of memory", memory)
		}
		// What was kept comes in order when it is read.
		silent.answers.credit(100)
		for i := range int64(100) {
			silent.answer(i + 1)
		}
	})
}

// managedConnections: link routes that a client makes to itself, and connections that
// management closes.
func managedConnections(t *testing.T, a *router, k kind) {
	s := newStage(t, a, "containers", k, k)
	service := s.sendingSide().manager("$management")
	other := s.receivingSide()
	near, far := other.manager("$management"), other.manager("_topo/0/B/$management")
	pattern := "own." + strings.Fields(string(k))[0] + ".#"
	for _, direction := range []string{"in", "out"} {
		service.wants(201, "CREATE", properties{"type": "router.connection.linkRoute", "name": direction}, map[string]any{"pattern": pattern, "direction": direction})
	}
	s.equal("link routes that their client sees", len(service.rows("router.connection.linkRoute")), 2)
	s.equal("link routes that others see", len(near.rows("router.connection.linkRoute")), 0)
	knows := func(m *manager, attribute string, count float64) func() bool {
		return func() bool {
			found := 0.0
			for _, row := range m.rows("router.address") {
				if key := row["key"].(string); key[1:] == strings.TrimSuffix(pattern, ".#") && amount(row[attribute]) == 1 {
					found++
				}
			}
			return found == count
		}
	}
	s.await("A to lead to the container", knows(near, "containerCount", 2))
	s.await("B to know that A leads there", knows(far, "remoteCount", 2))

	closed := near.only("connection", "container", service.name)["identity"]
	for _, row := range near.rows("connection") {
		if row["role"] == "inter-router" {
			near.refused([]int{403}, "between routers", "UPDATE", properties{"type": "connection", "identity": row["identity"]}, map[string]any{"adminStatus": "deleted"})
		}
	}
	got := near.wants(200, "UPDATE", properties{"type": "connection", "identity": closed}, map[string]any{"adminStatus": "deleted"}).(map[string]any)
	s.equal("adminStatus", got["adminStatus"], "deleted")
	s.equal("operStatus", got["operStatus"], "closing")
	s.equal("why the connection is closed", service.closed().Condition, "amqp:connection:forced")
	s.await("the connection to go", func() bool { return !listed(near, closed) })
	s.await("A to forget the container", knows(near, "containerCount", 0))
	s.await("B to forget the container", knows(far, "remoteCount", 0))
}

func listed(m *manager, identity any) bool {
	for _, row := range m.rows("connection") {
		if row["identity"] == identity {
			return true
		}
	}
	return false
}

// await asks until it is so: each look is a request, and its answer the event.
func (s *stage) await(what string, is func() bool) {
	s.Helper()
	for !is() {
		if s.ctx.Err() != nil {
			s.Fatalf("in vain: %s", what)
		}
	}
}

// drainedByManagement: B ends in good order because somebody at A says so who may, and only
// then.
func drainedByManagement(t *testing.T, a, b *router) {
	s := newStage(t, a, "drain", goAMQP, goAMQP)
	looker := s.sendingSide(s.listener(lookListener)).manager("_topo/0/B/$management")
	for _, operation := range []string{"DRAIN", "RELOAD", "SAVE-CONFIG"} {
		looker.refused([]int{403}, "management: read", operation, nil, nil)
	}
	s.receivingSide().manager("_topo/0/B/$management").wants(200, "DRAIN", nil, nil)
	select {
	case <-b.exited:
	case <-s.ctx.Done():
		t.Fatal("B was drained and does not end")
	}
}
