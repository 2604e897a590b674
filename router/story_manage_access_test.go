package router_test

import (
	"strings"
	"testing"
	"time"

	"github.com/meshway/meshway/internal/config"
	"github.com/meshway/meshway/internal/meshtest"
	"github.com/meshway/meshway/internal/wire"
)

// Stories of what management must not give away, and of what it ends.

// What a client may do is the same on a link without an address.
func TestALinkWithoutAnAddressIsNoWayAroundTheListener(t *testing.T) {
	for may, want := range map[config.Management]int32{config.ManagementFull: 200, config.ManagementRead: 403} {
		play(t, func(c *config.Config) { c.Listeners[0].Management = may }, func(s *stage) {
			m := s.app("manager").manager("")
			for _, address := range []string{"$management", "_topo/0/R/$management", "amqp:/_local/$management"} {
				had := len(m.replies.got)
				msg := m.request(wire.Map{{Key: "adminStatus", Value: "enabled"}}, "UPDATE", "type", "connection", "identity", "1")
				msg.Properties.To = wire.Some(address)
				ended(s, address, m.send(msg), wire.StateAccepted)
				equal(s, string(may)+": "+address, m.response(had).code, want)
			}
		})
	}
	play(t, func(c *config.Config) { c.Listeners[0].Management = config.ManagementNone }, func(s *stage) {
		o := s.app("app").producer("").send(addressed("$management", "x"))
		ended(s, "none", o, wire.StateRejected)
		if e, err := o.State.RejectedError(); err != nil || e == nil || e.Condition != wire.CondUnauthorizedAccess {
			t.Errorf("none: rejected with %v, want %s", e, wire.CondUnauthorizedAccess)
		}
	})
}

// Whoever could receive there would have the requests of others, and answer them.
func TestNobodyReceivesTheRequestsToTheAgent(t *testing.T) {
	play(t, nil, func(s *stage) {
		for _, address := range []string{"$management", "_local/$management", "_topo/0/R/$management", "_local/$management.read"} {
			c := s.app("thief of " + address).consumerWith(meshtest.ReceiverOptions{Source: meshtest.From(address), Credit: 10})
			if c.end == nil || c.end.Condition != wire.CondNotAllowed {
				t.Errorf("%s: refused with %v, want %s", address, c.end, wire.CondNotAllowed)
			}
		}
		equal(s, "a request is answered", s.app("manager").manager("$management").ask(nil, "GET-TYPES").code, 200)
	})
}

func TestALinkIsEndedByManagementAndItsConnectionStays(t *testing.T) {
	playMesh(t, "A-B", nil, func(s *meshStage) {
		victim := s.at("A", "victim")
		c, p := victim.consumer("q", 10), victim.producer("q")
		m := s.at("A", "manager").manager("$management")
		m.replies.grant(1000)
		for direction, end := range map[string]func() *wire.Error{"out": func() *wire.Error { return c.end }, "in": func() *wire.Error { return p.end }} {
			for _, row := range m.rows("org.apache.qpid.dispatch.router.link") {
				if row["owningAddr"] != "M0q" || row["linkDir"] != direction {
					continue
				}
				r := m.ask(attributes("adminStatus", "deleted"), "UPDATE", "type", "router.link", "identity", row["identity"])
				equal(s.stage, direction+": "+r.text, r.code, 200)
			}
			if e := end(); e == nil || e.Condition != wire.CondDetachForced {
				t.Errorf("the link %s ended with %v, want %s", direction, e, wire.CondDetachForced)
			}
		}
		equal(s.stage, "why the connection was closed", victim.Err(), nil)
		tried := 0
		for _, kind := range []string{"router.link", "connection"} {
			for _, row := range m.rows("org.apache.qpid.dispatch." + kind) {
				if row["linkType"] != "inter-router" && row["role"] != "inter-router" {
					continue
				}
				tried++
				r := m.ask(attributes("adminStatus", "deleted"), "UPDATE", "type", kind, "identity", row["identity"])
				if r.code != 403 || !strings.Contains(r.text, "between routers") {
					t.Fatalf("%s between routers: %d %s", kind, r.code, r.text)
				}
			}
		}
		if tried < 2 {
			t.Errorf("there is nothing between the routers: %d links and connections", tried)
		}
	})
}

func TestALinkRouteThatItsClientTakesBackLeadsNowhere(t *testing.T) {
	playMesh(t, "A-B", nil, func(s *meshStage) {
		const typ = "org.apache.qpid.dispatch.router.connection.linkRoute"
		m := s.at("A", "service").manager("$management")
		far := s.at("A", "far").manager("_topo/0/B/$management")
		if r := far.ask(attributes("pattern", "own.*", "direction", "in"), "CREATE", "type", typ, "name", "x"); r.code != 400 || !strings.Contains(r.text, "the very router") {
			t.Errorf("at a router that the client is not connected to: %d %s", r.code, r.text)
		}
		equal(s.stage, "created", m.ask(attributes("pattern", "own.*", "direction", "in"), "CREATE", "type", typ, "name", "x").code, 201)
		s.advance(time.Second)
		known := func() (n int) {
			for _, row := range far.rows("org.apache.qpid.dispatch.router.address") {
				if row["key"] == "Eown.*" {
					n++
				}
			}
			return n
		}
		equal(s.stage, "link routes that B knows", known(), 1)
		equal(s.stage, "deleted", m.ask(nil, "DELETE", "type", typ, "name", "x").code, 204)
		s.advance(time.Second)
		equal(s.stage, "link routes that B knows afterwards", known(), 0)
	})
}

// A password that was given once is never shown again.
func TestThePasswordOfAConnectorIsNotShown(t *testing.T) {
	play(t, complete, func(s *stage) {
		m := s.app("manager").manager("$management")
		r := m.ask(attributes("host", "nowhere", "port", "5672", "role", "normal", "saslUsername", "mesh", "saslPassword", "hunter2"), "CREATE", "type", "connector", "name", "b")
		equal(s, "created: "+r.text, r.code, 201)
		row := m.only("connector", "name", "b")
		counts(s, "the connector", row, map[string]any{"saslPassword": "*******", "saslUsername": "mesh", "role": "route-container"})
		if body := strings.ToLower(strings.Join([]string{r.text, textOfMap(r.body.(wire.Map))}, " ")); strings.Contains(body, "hunter2") {
			t.Errorf("the answer shows the password: %s", body)
		}
		equal(s, "deleted", m.ask(nil, "DELETE", "type", "connector", "name", "b").code, 204)
		s.advance(3 * time.Second)
	})
}

func textOfMap(m wire.Map) string {
	var b strings.Builder
	for _, p := range m {
		if s, ok := p.Value.(string); ok {
			b.WriteString(s + " ")
		}
	}
	return b.String()
}
