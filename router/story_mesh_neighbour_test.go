package router_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/meshway/meshway/internal/config"
	"github.com/meshway/meshway/internal/meshtest"
	"github.com/meshway/meshway/internal/wire"
)

// Stories of neighbours that are none, or that mean no good: each is refused or bounded,
// in words that name what is wrong, and the rest of the mesh carries on.

// neighbour is what a router says in open.
func neighbour(version, boot, cost any) wire.Map {
	m := wire.Map{{Key: wire.Symbol("product"), Value: "meshway"}}
	for k, v := range map[string]any{"meshway.version": version, "meshway.boot": boot, "qd.inter-router-cost": cost} {
		if v != nil {
			m = append(m, wire.Pair{Key: wire.Symbol(k), Value: v})
		}
	}
	return m
}

// openAt connects to a router's inter-router listener, and says whatever it likes.
func (s *meshStage) openAt(id, name string, properties wire.Map, maxFrame uint32) (c *meshtest.Client, why func() string) {
	s.t.Helper()
	nc, err := s.net.Dial(s.t.Context(), name+"'s host", id+":55672")
	if err != nil {
		s.t.Fatal(err)
	}
	var closed error
	c = meshtest.NewClient(name, nc, meshtest.ClientOptions{
		Properties: properties, MaxFrame: maxFrame, ChannelMax: 1000,
		Accept:  func(*wire.Attach) meshtest.ReceiverOptions { return meshtest.ReceiverOptions{Credit: s.granted} },
		Fault:   func(what string) { s.t.Errorf("protocol: %s", what) },
		OnClose: func(err error) { closed = err },
	})
	s.advance(100 * time.Millisecond)
	return c, func() (text string) {
		c.Do(func() {
			if closed != nil {
				text = closed.Error()
			}
		})
		return text
	}
}

func TestMeshRefusesWhoIsNoNeighbour(t *testing.T) {
	dispatch := wire.Map{{Key: wire.Symbol("product"), Value: "qpid-dispatch-router"}, {Key: wire.Symbol("version"), Value: "1.19.0"}, {Key: wire.Symbol("qd.conn-id"), Value: int32(1)}}
	for _, c := range []struct {
		fault, name string
		properties  wire.Map
		maxFrame    uint32
		says        string
	}{
		{"a router of the predecessor", "QDR.A", dispatch, 0, "qpid-dispatch-router"},
		{"another version", "X", neighbour(uint32(2), uint64(7), int32(1)), 0, "version 2"},
		{"no boot id", "X", neighbour(uint32(1), nil, int32(1)), 0, "meshway.boot"},
		{"a boot id of another type", "X", neighbour(uint32(1), "seven", int32(1)), 0, "meshway.boot"},
		{"no cost", "X", neighbour(uint32(1), uint64(7), nil), 0, "qd.inter-router-cost"},
		{"a cost of 0", "X", neighbour(uint32(1), uint64(7), int32(0)), 0, "qd.inter-router-cost"},
		{"a cost of -2^31", "X", neighbour(uint32(1), uint64(7), int32(-1<<31)), 0, "qd.inter-router-cost"},
		{"a cost that is not an int", "X", neighbour(uint32(1), uint64(7), uint32(1<<31)), 0, "qd.inter-router-cost"},
		{"an id with a slash", "X/1", neighbour(uint32(1), uint64(7), int32(1)), 0, "X/1"},
		{"an id that is too long", strings.Repeat("x", 200), neighbour(uint32(1), uint64(7), int32(1)), 0, "127"},
		{"small frames", "X", neighbour(uint32(1), uint64(7), int32(1)), 512, "max-frame-size"},
		{"our own id", "A", neighbour(uint32(1), uint64(7), int32(1)), 0, `both ends are called "A"`},
		{"the id of a neighbour that lives", "B", neighbour(uint32(1), uint64(7), int32(1)), 0, `"B" is taken`},
	} {
		t.Run(c.fault, func(t *testing.T) {
			playMesh(t, "A-B", nil, func(s *meshStage) {
				_, why := s.openAt("A", c.name, c.properties, c.maxFrame)
				s.advance(2 * time.Second)
				if !strings.Contains(why(), c.says) {
					t.Errorf("closed with %q; want something about %q", why(), c.says)
				}
				s.stillWorks("A", "B")
			})
		})
	}
}

func TestAClientAtAListenerForRoutersHasItsLinksRefused(t *testing.T) {
	playMesh(t, "A-B", nil, func(s *meshStage) {
		m := s.at("A", "manager").manager("$management")
		c := s.appAt("lost client", "A:55672", meshtest.ClientOptions{})
		p, q, asks := c.producer("still"), c.consumer("still", 10), c.consumer("$management", 10)
		trunk := c.producer("$meshway.class.4")
		s.advance(10 * time.Second)
		for what, end := range map[string]*wire.Error{"the sender": p.end, "the receiver": q.end, "to management": asks.end, "as a router would": trunk.end} {
			sameError(s, what, end, "qd:connection-role")
		}
		if why := p.end; why != nil && !strings.Contains(why.Description, "role normal") {
			t.Errorf("the sender hears %q, which does not say where to go", why.Description)
		}
		row := m.only("connection", "container", "lost client")
		counts(s.stage, "the connection", row, map[string]any{"role": "inter-router"})
		s.stillWorks("A", "B")
		r := m.ask(attributes("adminStatus", "deleted"), "UPDATE", "type", "org.apache.qpid.dispatch.connection", "identity", row["identity"])
		equal(s.stage, "closed: "+r.text, r.code, 200)
		s.advance(time.Second)
		for _, row := range m.rows("org.apache.qpid.dispatch.connection") {
			if row["container"] == "lost client" {
				t.Error("it is still connected")
			}
		}
	})
}

func TestAConnectorToAListenerForClientsDoesNotStayThere(t *testing.T) {
	lead := func(c *config.Config) {
		for i := range c.Connectors {
			c.Connectors[i].Port = "5672"
		}
	}
	playMesh(t, "A-B", lead, func(s *meshStage) {
		for _, row := range s.at("A", "manager").manager("$management").rows("org.apache.qpid.dispatch.connection") {
			if row["container"] == "B" {
				t.Error("it is connected, as if a router were there")
			}
		}
	})
}

// stillWorks sends a message across the mesh.
func (s *meshStage) stillWorks(from, to string) {
	s.t.Helper()
	c := s.at(to, "receiver at "+to).consumer("still", 10)
	s.advance(time.Second)
	o := s.at(from, "sender at "+from).producer("still").send(text("hello"))
	s.advance(time.Second)
	equal(s.stage, "received", c.bodies(), "hello")
	c.acceptAll()
	s.advance(100 * time.Millisecond)
	ended(s.stage, "the delivery", o, wire.StateAccepted)
}

func TestMeshOutlivesANeighbourThatTalksNonsense(t *testing.T) {
	long := []byte(strings.Repeat("x", 3000))
	for kind, messages := range map[string][][]byte{
		"nothing":                        {{}},
		"heartbeats that are cut off":    {{1}, {1, 2, 3}},
		"link state":                     {{2}, {2, 1}, {2, 9, 9, 9, 9}, append([]byte{2, 1}, long...), append([]byte{2}, long...)},
		"gossip":                         {{3}, {3, 1, 2, 3}, append([]byte{3, 1}, long...), append([]byte{3}, long...)},
		"address tables":                 {{4}, {4, 1, 255, 255, 255}, append([]byte{4}, long...)},
		"control messages for others":    {{5}, append([]byte{5}, long...), append(append([]byte{5}, make([]byte, 18)...), 0, 200)},
		"kinds that are not known":       {{200, 1, 2, 3}, append([]byte{77}, long...)},
		"heartbeats from a strange time": {append([]byte{1}, long[:32]...), append([]byte{1}, make([]byte, 32)...)},
	} {
		t.Run(kind, func(t *testing.T) {
			playMesh(t, "A-B", nil, func(s *meshStage) {
				c, _ := s.openAt("A", "X", neighbour(uint32(1), uint64(7), int32(1)), 0)
				c.Do(func() {
					l := c.Begin(meshtest.SessionOptions{}).AttachSender(meshtest.SenderOptions{Target: meshtest.To("$meshway.control")})
					for range 3 {
						for _, m := range messages {
							l.Send(&meshtest.Out{Payload: m, Settled: true})
						}
					}
				})
				s.advance(time.Second)
				s.stillWorks("A", "B")
				c.Kill()
				s.advance(time.Second)
			})
		})
	}
}

func TestMeshEndsAnAdjacencyWhoseMessagesCannotBeRead(t *testing.T) {
	for fault, head := range map[string][]byte{
		"cut off":          {1, 0, 60},
		"another version":  append([]byte{2, 0, 60, 0, 0, 30, 0, 2}, make([]byte, 22)...),
		"lengths that lie": append([]byte{1, 0, 60, 0, 255, 255, 0, 2}, make([]byte, 22)...),
		"no address":       append([]byte{1, 0, 60, 0, 0, 28, 0, 0}, make([]byte, 20)...),
	} {
		t.Run(fault, func(t *testing.T) {
			playMesh(t, "A-B", nil, func(s *meshStage) {
				c, why := s.openAt("A", "X", neighbour(uint32(1), uint64(7), int32(1)), 0)
				c.Do(func() {
					l := c.Begin(meshtest.SessionOptions{}).AttachSender(meshtest.SenderOptions{Target: meshtest.To("$meshway.class.4")})
					l.Send(&meshtest.Out{Payload: append(head, text("hello")...)})
				})
				s.advance(time.Second)
				if why() == "" {
					t.Error("the adjacency stands")
				}
				s.stillWorks("A", "B")
			})
		})
	}
}

func TestMeshRefusesLinksThatRoutersDoNotAttach(t *testing.T) {
	playMesh(t, "A-B", nil, func(s *meshStage) {
		c, _ := s.openAt("A", "X", neighbour(uint32(1), uint64(7), int32(1)), 0)
		refused := map[string]string{}
		c.Do(func() {
			session := c.Begin(meshtest.SessionOptions{})
			for _, address := range []string{"q", "$meshway.class.10", "$meshway.class.-1", "$meshway.else", ""} {
				session.AttachSender(meshtest.SenderOptions{Target: meshtest.To(address), OnGone: func(e *wire.Error) { refused[address] = fmt.Sprint(e) }})
			}
			session.AttachReceiver(meshtest.ReceiverOptions{Source: meshtest.From("q"), OnGone: func(e *wire.Error) { refused["receiver"] = fmt.Sprint(e) }})
		})
		s.advance(time.Second)
		c.Do(func() {
			for _, what := range []string{"q", "$meshway.class.10", "$meshway.class.-1", "$meshway.else", "", "receiver"} {
				if !strings.Contains(refused[what], "routers") {
					t.Errorf("%q: refused with %q", what, refused[what])
				}
			}
		})
		c.Kill()
		s.stillWorks("A", "B")
	})
}

func TestMeshKeepsClientsFromItsControlAddresses(t *testing.T) {
	playMesh(t, "A-B", nil, func(s *meshStage) {
		a := s.at("A", "client")
		for _, address := range []string{"$meshway.control", "$meshway.class.4", "$meshway.lane", "amqp:/$meshway.control"} {
			p := a.producer(address)
			if p.end == nil || p.end.Condition != wire.CondUnauthorizedAccess {
				t.Errorf("a sender to %s: %v", address, p.end)
			}
			c := a.consumer(address, 1)
			if c.end == nil || c.end.Condition != wire.CondUnauthorizedAccess {
				t.Errorf("a receiver from %s: %v", address, c.end)
			}
		}
		anonymous := a.producer("")
		o := anonymous.send(addressed("$meshway.control", "hello"))
		ended(s.stage, "a message to $meshway.control", o, wire.StateRejected)
		s.stillWorks("A", "B")
	})
}

func TestMeshDoesNotWaitForeverForLinksOfANeighbour(t *testing.T) {
	playMesh(t, "A-B", nil, func(s *meshStage) {
		s.granted = 0
		_, why := s.openAt("A", "X", neighbour(uint32(1), uint64(7), int32(1)), 0)
		s.advance(time.Second)
		equal(s.stage, "closed at once", why(), "")
		s.advance(12 * time.Second) // less than its idle time-out
		if why() == "" {
			t.Error("the connection stands")
		}
	})
}
