package router_test

import (
	"fmt"
	"testing"
	"time"
)

// One of two connections to a neighbour falls silent, and the other takes over as soon as
// that is noticed: the adjacency is not suspect meanwhile, as it has no other way.
func TestMeshAHealthyStandbyTakesOverFromAConnectionThatIsSuspect(t *testing.T) {
	for i := range 2 {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			playMesh(t, "A-B A-B", nil, func(s *meshStage) {
				c := s.at("B", "receiver").consumer("q", 1000)
				s.known()
				p := s.at("A", "sender").producer("q")
				s.standing("A", "B")[i].Silence(true)
				s.advance(800 * time.Millisecond) // a silent neighbour is dead after two seconds
				p.send(text("x"))
				equal(s.stage, "came", c.bodies(), "x")
				c.acceptAll()
			})
		})
	}
}

// One of two connections to a neighbour falls silent, and the other takes over: it is not
// suspect because that one was.
func TestMeshAConnectionTakesOverFromOneThatFellSilent(t *testing.T) {
	for i := range 2 {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			playMesh(t, "A-B A-B", nil, func(s *meshStage) {
				c := s.at("B", "receiver").consumer("q", 1000)
				s.known()
				p := s.at("A", "sender").producer("q")
				s.standing("A", "B")[i].Silence(true)
				s.advance(10 * time.Second)
				o := p.send(text("x"))
				s.known()
				equal(s.stage, "came", c.bodies(), "x")
				c.acceptAll()
				equal(s.stage, "over", o.RemoteSettled, true)
			})
		})
	}
}
