package router_test

import (
	"testing"
	"time"

	"github.com/meshway/meshway/internal/meshtest"
)

// Each of two routers dials the other, and each has its own connection first: the farther
// they are apart, the surer. What one sends by its connection the other must heed.
func TestMeshRoutersThatDialEachOtherAtOnceFromAfar(t *testing.T) {
	playMesh(t, "A-B B-A", nil, func(s *meshStage) {
		far := meshtest.Line{Delay: 150 * time.Millisecond}
		s.net.Between("A", "B").Set(far, far)
		s.cut("A", "B")
		s.advance(10 * time.Millisecond)
		s.heal("A", "B")
		s.advance(10 * time.Second)
		c := s.at("B", "receiver").consumer("q", 10)
		back := s.at("A", "receiver too").consumer("back", 10)
		s.advance(5 * time.Second)
		s.at("A", "sender").producer("q").send(text("x"))
		s.at("B", "sender too").producer("back").send(text("y"))
		s.known()
		equal(s.stage, "came", c.bodies(), "x")
		equal(s.stage, "came back", back.bodies(), "y")
		c.acceptAll()
		back.acceptAll()
	})
}
