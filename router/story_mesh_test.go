package router_test

import (
	"testing"
	"time"

	"github.com/meshway/meshway/internal/wire"
)

func TestAMessageCrossesTheMesh(t *testing.T) {
	playMesh(t, "A-B B-C", nil, func(s *meshStage) {
		c := s.at("A", "receiver").consumer("q", 10)
		s.advance(time.Second)
		p := s.at("C", "sender").producer("q")
		o := p.send(text("hello"))
		s.advance(time.Second)
		for _, r := range s.routers {
			t.Log(r.MeshState())
		}
		equal(s.stage, "received", c.bodies(), "hello")
		c.settle(0, accepted)
		ended(s.stage, "the delivery", o, wire.StateAccepted)
	})
}
