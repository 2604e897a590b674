package router_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/meshway/meshway/internal/config"
	"github.com/meshway/meshway/internal/wire"
	"github.com/meshway/meshway/router"
)

// Routers that come, go, come back, and get in each other's way.

// killRouter ends a router as a crash does: nobody hears a last word of it.
func (s *meshStage) killRouter(id string) {
	for other := range s.routers {
		if other != id {
			s.cut(id, other)
		}
	}
	for _, a := range s.apps {
		if a.at == id {
			a.kill()
		}
	}
	s.stopRouter(id)
	for other := range s.routers {
		s.heal(id, other)
	}
}

// stopRouter shuts a router down.
func (s *meshStage) stopRouter(id string) {
	s.t.Helper()
	r := s.routers[id]
	delete(s.routers, id)
	_ = r.Shutdown(context.Background()) // it says what was in flight
}

func TestMeshRouterIsKilledAndStartedAnew(t *testing.T) {
	playMesh(t, square, nil, func(s *meshStage) {
		c := s.at("C", "receiver").consumer("q", 1000)
		s.known()
		p := s.at("A", "sender").producer("q")
		for range 3 {
			sent := p.send(text("sent"))
			s.killRouter("B")
			s.advance(500 * time.Millisecond)
			failed(s.stage, "what was sent", sent)
			n := c.count()
			p.send(text("by the other way"))
			equal(s.stage, "came", c.count(), n+1)
			c.acceptAll()
			s.startRouter("B")
			s.advance(70 * time.Second)
			equal(s.stage, "the routes at A", s.routers["A"].StaleRoutes(), "")
			if cost := s.cost("A", "C"); cost != 2 {
				t.Errorf("the way from A to C costs %d, not 2", cost)
			}
		}
	})
}

// B has gone to another host, and nobody has told A, for which its connection still stands: B is
// let in nevertheless, before A has given the old one up.
func TestMeshRouterIsStartedAnewBehindAHalfOpenConnection(t *testing.T) {
	playMesh(t, "A-B", nil, func(s *meshStage) {
		s.silence("A", "B")
		s.draw("A", "X", "")
		c := s.configs["X"]
		c.Router.ID = "B"
		s.configs["X"] = c
		s.startRouter("X")
		s.advance(1500 * time.Millisecond)
		equal(s.stage, "routers that it can reach", s.routers["X"].Topology().Len(), 2)
		s.stillWorks("A", "X")
	})
}

func TestMeshEgressIsKilledAndStartedAnew(t *testing.T) {
	playMesh(t, "A-B B-C", nil, func(s *meshStage) {
		p := s.at("A", "sender").producer("q")
		for range 3 {
			c := s.at("C", "receiver").consumer("q", 1)
			s.advance(3 * time.Second)
			equal(s.stage, "credit", p.credit(), capacity)
			sent, waits := p.send(text("sent")), p.send(text("waits at the egress"))
			s.killRouter("C")
			s.known()
			failed(s.stage, "what was sent", sent)
			failed(s.stage, "what waited at the egress", waits)
			equal(s.stage, "credit", p.credit(), 0)
			equal(s.stage, "came", c.count(), 1)
			s.startRouter("C")
			s.advance(5 * time.Second)
		}
	})
}

func TestMeshRouterIsShutDown(t *testing.T) {
	playMesh(t, square, nil, func(s *meshStage) {
		c := s.at("C", "receiver").consumer("q", 1000)
		gone := s.at("B", "goes with B").consumer("q", 100)
		s.known()
		p := s.at("A", "sender").producer("q")
		p.send(counted(20)...)
		gone.acceptAll()
		c.acceptAll()
		equal(s.stage, "unsettled", p.Unsettled(), 0)
		done := make(chan error, 1)
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		go func() { done <- s.routers["B"].Shutdown(ctx) }()
		s.advance(50 * time.Millisecond)
		n := c.count()
		list := p.send(counted(20)...)
		c.acceptAll()
		equal(s.stage, "came to C while B leaves", c.count(), n+20)
		ended(s.stage, "the last", list, wire.StateAccepted)
		s.advance(10 * time.Second)
		if err := <-done; err != nil {
			t.Error(err)
		}
		delete(s.routers, "B")
		o := p.send(text("x"))
		c.acceptAll()
		ended(s.stage, "after that", o, wire.StateAccepted)
	})
}

func TestMeshTwoConnectionsOfOnePair(t *testing.T) {
	for name, drawing := range map[string]string{"both dialled by one": "A-B A-B", "each dials the other": "A-B B-A"} {
		t.Run(name, func(t *testing.T) {
			playMesh(t, drawing, nil, func(s *meshStage) {
				c := s.at("B", "receiver").consumer("q", 1000)
				back := s.at("A", "receiver too").consumer("back", 1000)
				s.known()
				p, q := s.at("A", "sender").producer("q"), s.at("B", "sender too").producer("back")
				for i := range 4 {
					sent, n := p.send(text("x")), c.count()
					q.send(text("y"))
					equal(s.stage, "came", c.count(), i*2+1)
					equal(s.stage, "came back", back.count(), i+1)
					s.cutOne("A", "B", i)
					s.advance(100 * time.Millisecond)
					o := p.send(text("z"))
					equal(s.stage, "came after one was cut", c.count(), n+1)
					c.acceptAll()
					back.acceptAll()
					ended(s.stage, "what was sent after", o, wire.StateAccepted)
					equal(s.stage, "what was sent before is over", sent.RemoteSettled, true)
					s.advance(10 * time.Second) // it is dialled again
					for id, r := range s.routers {
						equal(s.stage, "routes at "+id, r.StaleRoutes(), "")
					}
				}
				fresh := s.at("B", "newcomer").consumer("fresh", 10)
				s.known()
				s.at("A", "sender to it").producer("fresh").send(text("x"))
				equal(s.stage, "tables go on", fresh.count(), 1)
			})
		})
	}
}

func TestMeshConnectorToOneself(t *testing.T) {
	playMesh(t, "A-B", nil, func(s *meshStage) {
		s.draw("A", "A", "")
		s.stopRouter("A")
		core, logs := observer.New(zap.WarnLevel)
		s.startRouterWith("A", zap.New(core), func(*router.Router) {})
		s.advance(5 * time.Second)
		said := logs.FilterMessage("not connected").FilterField(zap.String("connector", "to-A")).All()
		if len(said) == 0 || !strings.Contains(fmt.Sprint(said[0].ContextMap()["error"]), `this is router "A" itself`) {
			t.Errorf("logged: %v", said)
		}
		c := s.at("B", "receiver").consumer("q", 10)
		s.known()
		s.at("A", "sender").producer("q").send(text("x"))
		equal(s.stage, "came", c.bodies(), "x")
		equal(s.stage, "routes", s.routers["A"].StaleRoutes(), "")
		equal(s.stage, "routers", s.routers["A"].Topology().Len(), 2)
	})
}

// named makes a router use another id than its host's name.
func named(host, id string) func(*config.Config) {
	return func(c *config.Config) {
		if c.Router.ID == host {
			c.Router.ID = id
		}
	}
}

func TestMeshTwoNeighboursOfOneID(t *testing.T) {
	playMesh(t, "A-B A-X", named("X", "B"), func(s *meshStage) {
		s.advance(10 * time.Second)
		equal(s.stage, "routers that A knows", s.routers["A"].Topology().Len(), 2)
		c := s.at("A", "receiver").consumer("q", 10)
		s.known()
		came := 0
		for _, id := range []string{"B", "X"} {
			p := s.at(id, "sender at "+id).producer("q")
			if p.credit() > 0 {
				p.send(text(id))
				came++
			}
		}
		equal(s.stage, "one of the two is in the mesh", came, 1)
		equal(s.stage, "came", c.count(), 1)
	})
}

func TestMeshNeighbourWithOurOwnID(t *testing.T) {
	playMesh(t, "A-X A-C", named("X", "A"), func(s *meshStage) {
		s.advance(10 * time.Second)
		equal(s.stage, "routers that A knows", s.routers["A"].Topology().Len(), 2)
		equal(s.stage, "routers that the other knows", s.routers["X"].Topology().Len(), 1)
	})
}

func TestMeshTwoRoutersOfOneIDFarApart(t *testing.T) {
	playMesh(t, "B-A A-C C-D D-X", named("X", "B"), func(s *meshStage) {
		s.advance(20 * time.Second)
		var stopped []string
		for _, id := range []string{"B", "X"} {
			select {
			case err := <-s.routers[id].Failed():
				stopped = append(stopped, id)
				t.Log(err)
				s.stopRouter(id)
			default:
			}
		}
		equal(s.stage, "routers that have to stop", len(stopped), 1)
		s.advance(20 * time.Second)
		for id, r := range s.routers {
			equal(s.stage, "routers that "+id+" knows", r.Topology().Len(), 4)
		}
	})
}
