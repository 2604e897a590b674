package router_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/meshway/meshway/internal/config"
	"github.com/meshway/meshway/internal/meshtest"
	"github.com/meshway/meshway/internal/wire"
)

// Stories of requests that are wrong, too large, too many, or not allowed.

func TestARequestThatCannotBeAnsweredIsRejected(t *testing.T) {
	play(t, nil, func(s *stage) {
		m := s.app("manager").manager("$management")
		for what, payload := range map[string][]byte{
			"garbage":        {0xff, 1, 2},
			"nothing":        {},
			"no properties":  wire.AppendData(nil, []byte("x")),
			"no reply-to":    addressed("$management", "x"),
			"half a section": {0, 0x53, 0x74, 0xd1, 0, 0},
		} {
			o := m.to.send(payload)
			ended(s, what, o, wire.StateRejected)
		}
		equal(s, "answers", len(m.replies.got), 0)
		equal(s, "the next one is answered", m.ask(nil, "GET-TYPES").code, 200)
	})
}

func TestEveryWrongRequestIsAnsweredWithWhatIsWrong(t *testing.T) {
	const node, name = "org.apache.qpid.dispatch.router.node", "$management"
	names := func(list ...any) any { return wire.Map{{Key: "attributeNames", Value: list}} }
	for _, row := range []struct {
		operation  string
		properties []any
		body       any
		code       int32
		says       string
	}{
		{"", nil, nil, 400, "operation"},
		{"DANCE", nil, nil, 501, "DANCE"},
		{"DANCE", []any{"type", node}, nil, 501, "DANCE"},
		{"DANCE", []any{"type", "nonsense"}, nil, 404, "nonsense"},
		{"QUERY", []any{"entityType", "nonsense"}, nil, 404, "nonsense"},
		{"QUERY", []any{"entityType", uint64(1)}, nil, 400, "entityType"},
		{"QUERY", []any{"entityType", node}, "text", 400, "map"},
		{"QUERY", []any{"entityType", node}, wire.Map{{Key: "attributeNames", Value: "id"}}, 400, "attributeNames"},
		{"QUERY", []any{"entityType", node}, wire.Map{{Key: uint64(1), Value: "id"}}, 400, "keys"},
		{"QUERY", []any{"entityType", node}, names(uint64(1)), 400, "strings"},
		{"QUERY", []any{"entityType", node}, names("nonsense"), 404, "nonsense"},
		{"QUERY", []any{"entityType", node, "offset", int32(-1)}, nil, 400, "offset"},
		{"QUERY", []any{"entityType", node, "count", "many"}, nil, 400, "count"},
		{"READ", nil, nil, 400, "name"},
		{"READ", []any{"name", true}, nil, 400, "name"},
		{"READ", []any{"name", "nobody"}, nil, 404, "nobody"},
		{"READ", []any{"type", node, "identity", "nobody"}, nil, 404, "nobody"},
		{"READ", []any{"type", "nonsense", "name", "nobody"}, nil, 404, "nonsense"},
		{"CREATE", nil, wire.Map{}, 400, "type"},
		{"CREATE", []any{"type", "nonsense"}, wire.Map{}, 404, "nonsense"},
		{"CREATE", []any{"type", node}, wire.Map{}, 501, "CREATE"},
		{"CREATE", []any{"type", "router"}, wire.Map{}, 403, "router"},
		{"CREATE", []any{"type", "connection"}, wire.Map{}, 403, "connect"},
		{"CREATE", []any{"type", "router.link"}, wire.Map{}, 501, "CREATE"},
		{"DELETE", []any{"type", "router.address", "name", "Lx"}, nil, 501, "DELETE"},
		{"DELETE", []any{"type", "router", "name", "R"}, nil, 403, "router"},
		{"UPDATE", []any{"type", "router.address", "name", "Lx"}, wire.Map{}, 501, "UPDATE"},
		{"UPDATE", []any{"type", "connection", "identity", "1"}, wire.Map{{Key: "nonsense", Value: 1}}, 400, "nonsense"},
		{"UPDATE", []any{"type", "connection", "identity", "1"}, wire.Map{{Key: "adminStatus", Value: "asleep"}}, 400, "asleep"},
		{"UPDATE", []any{"type", "connection", "identity", "1"}, wire.Map{{Key: "host", Value: "elsewhere"}}, 400, "host"},
	} {
		play(t, nil, func(s *stage) {
			m := s.app("manager").manager(name)
			r := m.ask(row.body, row.operation, row.properties...)
			if r.code != row.code || !strings.Contains(r.text, row.says) {
				t.Errorf("%s %v %v: got %d %q, want %d and something of %q", row.operation, row.properties, row.body, r.code, r.text, row.code, row.says)
			}
		})
	}
}

func TestAHugeRequestIsRejectedAndALongOneIsNot(t *testing.T) {
	play(t, nil, func(s *stage) {
		m := s.app("manager").manager("$management")
		for size, want := range map[int]wire.StateKind{900 << 10: wire.StateAccepted, 3 << 20: wire.StateRejected} {
			had := len(m.replies.got)
			msg := m.request(wire.Map{{Key: "attributeNames", Value: []any{}}, {Key: "x", Value: strings.Repeat("x", size)}}, "QUERY", "entityType", "org.apache.qpid.dispatch.router")
			ended(s, fmt.Sprint(size), m.send(msg), want)
			equal(s, fmt.Sprint(size, ": answered"), len(m.replies.got) > had, want == wire.StateAccepted)
		}
	})
}

func TestAClientThatReadsNoAnswersHarmsNobody(t *testing.T) {
	play(t, nil, func(s *stage) {
		rude := s.app("rude").manager("$management")
		rude.replies.grant(0)
		payload, err := rude.request(nil, "GET-SCHEMA").Append(nil)
		if err != nil {
			t.Fatal(err)
		}
		for range 100 {
			list := make([][]byte, 100)
			for i := range list {
				list[i] = payload
			}
			rude.to.send(list...)
		}
		s.advance(time.Second)
		m := s.app("manager").manager("$management")
		equal(s, "another client is answered", m.ask(nil, "GET-TYPES").code, 200)
		if held := s.router.Waiting(); held > 64<<20 {
			t.Errorf("%d bytes wait in the router", held)
		}
		s.advance(time.Minute)
		if held := s.router.Waiting(); held > 2<<20 {
			t.Errorf("%d bytes wait in the router after a minute", held)
		}
		rude.replies.grant(1000)
		equal(s, "the rude client is answered when it reads", rude.ask(nil, "GET-TYPES").code, 200)
	})
}

func TestAnAnswerToNobodyIsDropped(t *testing.T) {
	play(t, nil, func(s *stage) {
		m := s.app("manager").manager("$management")
		for _, to := range []string{"nobody", "$management", "unavailable/x", "_topo/0/nowhere/x", strings.Repeat("x", 300)} {
			msg := m.request(nil, "GET-TYPES")
			msg.Properties.ReplyTo = wire.Some(to)
			ended(s, to, m.send(msg), wire.StateAccepted)
		}
		equal(s, "the next one is answered", m.ask(nil, "GET-TYPES").code, 200)
		said := s.logs.FilterMessage("answers to management requests are dropped")
		if n := said.FilterField(zap.String("reply-to", "unavailable/x")).FilterField(zap.String("because", "there is no such address, or it is gone")).Len(); n != 1 {
			t.Errorf("it is logged %d times that an answer to an unavailable address was dropped, want once; logged %v", n, said.All())
		}
		s.advance(time.Minute)
	})
}

func TestWhatClientsMayDoFollowsTheirListener(t *testing.T) {
	for may, want := range map[config.Management][2]int32{
		config.ManagementFull: {200, 200}, config.ManagementRead: {200, 403},
	} {
		play(t, func(c *config.Config) { c.Listeners[0].Management = may }, func(s *stage) {
			for _, address := range []string{"$management", "_topo/0/R/$management", "_topo/0/all/$management"} {
				m := s.app("manager " + address).manager(address)
				r := m.ask(nil, "READ", "type", "org.amqp.management", "name", "self")
				equal(s, string(may)+": READ", r.code, want[0])
				r = m.ask(wire.Map{{Key: "adminStatus", Value: "enabled"}}, "UPDATE", "type", "connection", "identity", "1")
				equal(s, string(may)+": UPDATE", r.code, want[1])
			}
		})
	}
	play(t, func(c *config.Config) { c.Listeners[0].Management = config.ManagementNone }, func(s *stage) {
		a := s.app("app")
		for _, address := range []string{"$management", "_topo/0/R/$management"} {
			p := a.producerWith(meshtest.SenderOptions{Target: meshtest.To(address)})
			if p.end == nil || p.end.Condition != wire.CondUnauthorizedAccess {
				t.Errorf("%s: refused with %v, want %s", address, p.end, wire.CondUnauthorizedAccess)
			}
			ended(s, address, a.producer("").send(addressed(address, "x")), wire.StateRejected)
		}
	})
}

func TestWhoMayOnlyLookHereMayNotChangeAnotherRouter(t *testing.T) {
	playMesh(t, "A-B", func(c *config.Config) {
		if c.Router.ID == "A" {
			c.Listeners[0].Management = config.ManagementRead
		}
	}, func(s *meshStage) {
		for id, want := range map[string]int32{"A": 403, "B": 200} {
			m := s.at(id, "manager at "+id).manager("_topo/0/B/$management")
			r := m.ask(wire.Map{{Key: "adminStatus", Value: "enabled"}}, "UPDATE", "type", "connection", "identity", "2")
			if r.code == 403 && want != 403 || r.code != 403 && want == 403 {
				t.Errorf("from %s: got %d %s", id, r.code, r.text)
			}
		}
	})
}

func TestAMeshWithoutADefaultDistributionCanBeAsked(t *testing.T) {
	playMesh(t, "A-B", func(c *config.Config) { c.Router.DefaultDistribution = config.Unavailable }, func(s *meshStage) {
		m := s.at("A", "manager").manager("_topo/0/B/$management")
		equal(s.stage, "the router that answers", m.only("router", "id", "B")["id"], any("B"))
	})
}

func TestManagementClosesAConnection(t *testing.T) {
	play(t, nil, func(s *stage) {
		m := s.app("manager").manager("$management")
		var end error
		victim := s.appAt("victim", listenHost+":5672", meshtest.ClientOptions{OnClose: func(err error) { end = err }})
		victim.consumer("q", 10)
		row := m.only("connection", "container", "victim")
		r := m.ask(wire.Map{{Key: "adminStatus", Value: "deleted"}}, "UPDATE", "type", "connection", "identity", row["identity"])
		equal(s, "status", r.code, 200)
		status, _ := r.body.(wire.Map).Get("adminStatus")
		equal(s, "adminStatus", status, any("deleted"))
		if end == nil || !strings.Contains(end.Error(), string(wire.CondConnectionForced)) {
			t.Errorf("the connection ended with %v, want %s", end, wire.CondConnectionForced)
		}
		s.advance(3 * time.Second)
		equal(s, "connections", len(m.rows("org.apache.qpid.dispatch.connection")), 1)
	})
}

func TestPagesFitTogetherAndEnd(t *testing.T) {
	play(t, nil, func(s *stage) {
		a := s.app("app")
		for i := range 1203 {
			a.consumer(fmt.Sprintf("q/%d", i), 0)
		}
		m := s.app("manager").manager("$management")
		seen := map[string]bool{}
		for offset := 0; ; offset += 500 {
			r := m.ask(wire.Map{{Key: "attributeNames", Value: []any{"key"}}}, "QUERY", "entityType", "org.apache.qpid.dispatch.router.address", "offset", int32(offset), "count", int32(500))
			results, _ := r.body.(wire.Map).Get("results")
			for _, row := range results.([]any) {
				seen[row.([]any)[0].(string)] = true
			}
			if len(results.([]any)) < 500 {
				break
			}
			a.consumer(fmt.Sprintf("new/%d", offset), 0) // between the pages
		}
		for i := range 1203 {
			if !seen[fmt.Sprintf("M0q/%d", i)] {
				t.Fatalf("address q/%d is in no page", i)
			}
		}
	})
}
