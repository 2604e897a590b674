package router_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/meshway/meshway/linkstate"
)

// What one router says comes to the others also when something of it was lost, or contradicts
// what they have heard before.

// spread has gossip at a router spread what a router would say that has just started.
func (s *meshStage) spread(at string, c linkstate.Config) {
	s.t.Helper()
	core, err := linkstate.NewCore(c)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, l := range core.Flush(c.Started).Broadcasts {
		s.routers[at].Gossip(l.Origin, l.Data)
	}
}

// Should what neighbours tell each other be lost, gossip has it nevertheless: an LSA that B gives
// to gossip alone comes to A.
func TestMeshGossipSpreadsLinkState(t *testing.T) {
	playMesh(t, "A-B", nil, func(s *meshStage) {
		s.spread("B", linkstate.Config{ID: "far", Boot: 1, Started: time.Now()})
		s.advance(3 * time.Second)
		equal(s.stage, "A knows of", fmt.Sprint(s.routers["A"].Topology().Unreachable()), "[far]")
	})
}

// The mesh remembers an earlier life of B, whose clock was an hour ahead: B goes above that, and
// takes its addresses along.
func TestMeshARouterWhoseClockWasSetBackIsHeard(t *testing.T) {
	playMesh(t, "A-B", nil, func(s *meshStage) {
		c := s.at("B", "receiver").consumer("q", 10)
		s.known()
		s.spread("A", linkstate.Config{ID: "B", Boot: 99, Started: time.Now().Add(time.Hour)})
		s.advance(10 * time.Second)
		p := s.at("A", "sender").producer("q")
		s.advance(time.Second)
		p.send(text("x"))
		equal(s.stage, "came", c.bodies(), "x")
		c.acceptAll()
		s.at("B", "another").consumer("p", 10)
		s.advance(time.Second)
		equal(s.stage, "A knows of what came later", s.routers["A"].Knows("p"), true)
	})
}

// The last change of an address table is lost, and nothing changes any more: what the owner says
// of its table in link state is how the others notice.
func TestMeshALostChangeOfAnAddressTableIsMadeUpFor(t *testing.T) {
	playMesh(t, "A-B", nil, func(s *meshStage) {
		s.advance(5 * time.Second)
		s.routers["B"].Announce("first")
		s.advance(time.Millisecond) // the next message has to wait for a moment
		s.routers["B"].Announce("lost")
		equal(s.stage, "lost on the way", s.routers["B"].LoseTables("A"), true)
		s.advance(100 * time.Millisecond)
		equal(s.stage, "A knows the first", s.routers["A"].Knows("first"), true)
		equal(s.stage, "A knows the second at once", s.routers["A"].Knows("lost"), false)
		s.advance(10 * time.Second)
		equal(s.stage, "A knows the second", s.routers["A"].Knows("lost"), true)
	})
}
