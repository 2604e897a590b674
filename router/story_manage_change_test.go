package router_test

import (
	"strings"
	"testing"
	"time"

	"github.com/meshway/meshway/internal/config"
	"github.com/meshway/meshway/internal/meshtest"
	"github.com/meshway/meshway/internal/wire"
)

// Stories of what management changes while the router runs.

// attributes makes a map of names and values.
func attributes(pairs ...any) (m wire.Map) {
	for i := 0; i < len(pairs); i += 2 {
		m = append(m, wire.Pair{Key: pairs[i], Value: pairs[i+1]})
	}
	return m
}

// complete makes the stage's configuration one that could stand in a file.
func complete(c *config.Config) {
	c.Router.Heartbeat = 100 * time.Millisecond
	c.Log = config.Default().Log
	l := &c.Listeners[0]
	l.Cost, l.Management, l.SASLMechanisms, l.Host = 1, config.ManagementFull, []string{"ANONYMOUS"}, listenHost
	for i := range c.Addresses {
		a := &c.Addresses[i]
		a.Name = a.Prefix
		if a.OnLoss == "" {
			a.OnLoss = config.OutcomeModified
		}
	}
}

func TestAnAddressIsConfiguredByManagement(t *testing.T) {
	play(t, complete, func(s *stage) {
		m := s.app("manager").manager("$management")
		const typ = "org.apache.qpid.dispatch.router.config.address"
		r := m.ask(attributes("prefix", "alarms", "distribution", "multicast"), "CREATE", "type", typ, "name", "my alarms")
		equal(s, "created: "+r.text, r.code, 201)
		identity, _ := r.body.(wire.Map).Get("identity")
		a, b := s.app("a").consumer("alarms/x", 10), s.app("b").consumer("alarms/x", 10)
		p := s.app("sender").producer("alarms/x")
		p.post(text("x"))
		equal(s, "a has", a.bodies(), "x")
		equal(s, "b has", b.bodies(), "x")
		counts(s, "the entity", m.only("router.config.address", "name", "my alarms"), map[string]any{"prefix": "alarms", "distribution": "multicast", "pattern": nil})
		equal(s, "created twice", m.ask(attributes("prefix", "alarms", "distribution", "closest"), "CREATE", "type", typ, "name", "other").code, 400)
		equal(s, "read by its identity", m.ask(nil, "READ", "type", typ, "identity", identity).code, 200)
		equal(s, "deleted", m.ask(nil, "DELETE", "type", typ, "name", "my alarms").code, 204)
		equal(s, "deleted twice", m.ask(nil, "DELETE", "type", typ, "name", "my alarms").code, 404)
		a.detach()
		b.detach()
		p.detach()
		s.advance(2 * time.Second)
		c := s.app("c").consumer("alarms/x", 10)
		d := s.app("d").consumer("alarms/x", 10)
		s.app("another").producer("alarms/x").post(text("y"))
		equal(s, "one of two has it", len(c.got)+len(d.got), 1)
	})
}

func TestAListenerComesAndGoesByManagement(t *testing.T) {
	play(t, complete, func(s *stage) {
		m := s.app("manager").manager("$management")
		const typ = "org.apache.qpid.dispatch.listener"
		create := attributes("host", "192.0.2.1", "port", "6000", "role", "normal", "saslMechanisms", "ANONYMOUS", "authenticatePeer", "no", "maxFrameSize", "4096")
		r := m.ask(create, "CREATE", "type", typ, "name", "extra")
		equal(s, "created: "+r.text, r.code, 201)
		row := m.only("listener", "name", "extra")
		counts(s, "the listener", row, map[string]any{"identity": "listener/192.0.2.1:6000:extra", "port": "6000", "maxFrameSize": int32(4096), "authenticatePeer": false})
		c := s.appAt("client", "192.0.2.1:6000", meshtest.ClientOptions{})
		q := c.consumer("q", 1)
		s.app("sender").producer("q").post(text("x"))
		equal(s, "the client has", q.bodies(), "x")
		equal(s, "a wrong one", m.ask(attributes("port", "none of these", "nonsense", "x"), "CREATE", "type", typ).code, 400)
		equal(s, "a wrong number", m.ask(attributes("port", "6001", "maxFrameSize", "large"), "CREATE", "type", typ).code, 400)
		equal(s, "deleted", m.ask(nil, "DELETE", "type", typ, "name", "extra").code, 204)
		if _, err := s.net.Dial(s.t.Context(), "late", "192.0.2.1:6000"); err == nil {
			t.Error("it still listens")
		}
		s.advance(3 * time.Second)
	})
}

func TestAListenerWithoutAHostShowsThatAndWhereItListens(t *testing.T) {
	play(t, complete, func(s *stage) {
		m := s.app("manager").manager("$management")
		const typ = "org.apache.qpid.dispatch.listener"
		r := m.ask(attributes("port", "6001", "host", "127.0.0.1"), "CREATE", "type", typ, "name", "said")
		equal(s, "created: "+r.text, r.code, 201)
		r = m.ask(attributes("port", "6002"), "CREATE", "type", typ, "name", "unsaid")
		equal(s, "created: "+r.text, r.code, 201)
		counts(s, "the one", m.only("listener", "name", "said"), map[string]any{"host": "127.0.0.1", "listenAddress": "127.0.0.1:6001"})
		counts(s, "the other", m.only("listener", "name", "unsaid"), map[string]any{"host": "", "listenAddress": "127.0.0.1:6002"})
	})
}

func TestARouterByItselfIsGivenNoWayToOthersInWordsThatScriptsKnow(t *testing.T) {
	play(t, complete, func(s *stage) {
		m := s.app("manager").manager("$management")
		for _, c := range []struct{ kind, role string }{{"listener", "edge"}, {"listener", "inter-router"}, {"connector", "edge"}, {"connector", "inter-router"}} {
			r := m.ask(attributes("port", "6001", "role", c.role), "CREATE", "type", "org.apache.qpid.dispatch."+c.kind, "name", "x")
			equal(s, c.kind+" "+c.role, r.code, 400)
			if !strings.HasPrefix(r.text, "role='standalone' not allowed to connect to or accept connections from other routers. ") {
				t.Errorf("%s of role %s: %s", c.kind, c.role, r.text)
			}
		}
		r := m.ask(attributes("port", "6001", "role", "normall"), "CREATE", "type", "org.apache.qpid.dispatch.listener", "name", "x")
		if r.code != 400 || strings.Contains(r.text, "standalone") {
			t.Errorf("a role that does not exist: %d %s", r.code, r.text)
		}
	})
}

func TestALinkRouteIsMadeByEitherNameOfAnAttribute(t *testing.T) {
	play(t, complete, func(s *stage) {
		m := s.app("manager").manager("$management")
		const typ = "org.apache.qpid.dispatch.router.config.linkRoute"
		for _, name := range []string{"direction", "dir"} {
			r := m.ask(attributes("prefix", "by "+name+".", "containerId", "service", name, "in"), "CREATE", "type", typ, "name", name)
			equal(s, "by "+name+": "+r.text, r.code, 201)
			counts(s, "the link route", m.only("router.config.linkRoute", "name", name), map[string]any{"direction": "in", "dir": "in"})
			counts(s, "its address", m.only("router.address", "name", "Cby "+name), map[string]any{"distribution": "linkBalanced"})
		}
		equal(s, "without", m.ask(attributes("prefix", "z", "containerId", "service"), "CREATE", "type", typ, "name", "z").code, 400)
	})
}

func TestAClientMakesLinkRoutesToItself(t *testing.T) {
	playMesh(t, "A-B", nil, func(s *meshStage) {
		service := s.at("A", "service")
		m := service.manager("$management")
		const typ = "org.apache.qpid.dispatch.router.connection.linkRoute"
		for _, direction := range []string{"in", "out"} {
			r := m.ask(attributes("pattern", "flea.*", "direction", direction), "CREATE", "type", typ, "name", "flea "+direction)
			equal(s.stage, "created: "+r.text, r.code, 201)
		}
		for what, wrong := range map[string]wire.Map{
			"no pattern": attributes("direction", "in"), "empty pattern": attributes("pattern", "", "direction", "in"),
			"no direction": attributes("pattern", "x"), "wrong direction": attributes("pattern", "x", "direction", "up"),
			"a name twice": attributes("pattern", "x", "direction", "in", "name", "flea in"),
		} {
			if r := m.ask(wrong, "CREATE", "type", typ); r.code != 400 {
				t.Errorf("%s: %d %s", what, r.code, r.text)
			}
		}
		counts(s.stage, "the link route", m.only("router.connection.linkRoute", "name", "flea in"), map[string]any{"containerId": "service", "pattern": "flea.*", "direction": "in"})
		s.advance(time.Second)
		far := s.at("B", "manager of B").manager("$management")
		counts(s.stage, "at B", far.only("router.address", "key", "Eflea.*"), map[string]any{"remoteCount": uint32(1), "containerCount": uint32(0), "distribution": "linkBalanced"})
		near := s.at("A", "manager of A").manager("$management")
		counts(s.stage, "at A", near.only("router.address", "key", "Fflea.*"), map[string]any{"remoteCount": uint32(0), "containerCount": uint32(1)})
		equal(s.stage, "link routes that others see", len(near.rows("org.apache.qpid.dispatch.router.connection.linkRoute")), 0)

		service.do(func() { service.Close(nil) })
		s.advance(time.Second)
		for _, row := range far.rows("org.apache.qpid.dispatch.router.address") {
			if row["key"] == "Eflea.*" {
				t.Error("B still knows a link route whose client has gone")
			}
		}
	})
}

// Two services make link routes to themselves at one router, as they would to one broker: each
// has its own clients, and the end of one is not that of the other.
func TestLinkRoutesOfTwoClientsLeadEachToItsOwn(t *testing.T) {
	playMesh(t, "A-B", nil, func(s *meshStage) {
		services := map[string]*broker{}
		for _, name := range []string{"fleas", "ticks"} {
			b := s.brokerAt("A:5672", name, meshtest.SessionOptions{})
			services[name] = b
			r := b.manager("$management").ask(attributes("pattern", name+".#", "direction", "in"), "CREATE", "type", "router.connection.linkRoute", "name", "mine")
			equal(s.stage, "created by "+name+": "+r.text, r.code, 201)
		}
		s.advance(time.Second)
		for _, at := range []string{"A", "B"} {
			app := s.at(at, "client")
			for name := range services {
				for range 3 {
					p := app.producer(name + "/x")
					s.settleDown()
					equal(s.stage, "a link to "+name+" is attached at "+at, p.Live(), true)
					p.post(text(name))
				}
			}
		}
		s.settleDown()
		for name, b := range services {
			equal(s.stage, "messages of "+name, strings.Join(b.arrived(), " "), strings.TrimSpace(strings.Repeat(name+" ", 6)))
		}
		equal(s.stage, "containers", s.routers["A"].Containers(), 2)
		services["fleas"].do(func() { services["fleas"].Close(nil) })
		s.advance(time.Second)
		equal(s.stage, "containers when one has gone", s.routers["A"].Containers(), 1)
		client := s.at("B", "late client")
		gone, stays := client.producer("fleas/x"), client.producer("ticks/x")
		equal(s.stage, "credit at the address of the service that has gone", gone.credit(), uint32(0))
		stays.post(text("late"))
		s.settleDown()
		equal(s.stage, "the other one has", strings.Count(strings.Join(services["ticks"].arrived(), " "), "late"), 1)
	})
}

// A list of several words is one text, as the field's tools show it, and the strongest mechanism is first however it was written.
func TestListsOfWordsAreShownAsOneText(t *testing.T) {
	play(t, func(c *config.Config) {
		complete(c)
		c.Listeners[0].FailoverURLs = []config.FailoverURL{{Scheme: "amqp", Host: "b", Port: "5672"}, {Scheme: "amqps", Host: "c", Port: "5671"}}
	}, func(s *stage) {
		m := s.app("manager").manager("$management")
		counts(s, "the listener", m.only("listener", "port", "5672"), map[string]any{"failoverUrls": "amqp://b:5672, amqps://c:5671"})
		r := m.ask(attributes("host", "nowhere", "role", "route-container", "saslUsername", "mesh", "saslPassword", "hunter2", "saslMechanisms", "PLAIN,SCRAM-SHA-256"), "CREATE", "type", "connector", "name", "b")
		equal(s, "created: "+r.text, r.code, 201)
		counts(s, "the connector", m.only("connector", "name", "b"), map[string]any{"saslMechanisms": "SCRAM-SHA-256 PLAIN"})
		equal(s, "deleted", m.ask(nil, "DELETE", "type", "connector", "name", "b").code, 204)
		s.advance(3 * time.Second)
	})
}
