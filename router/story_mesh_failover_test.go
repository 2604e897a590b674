package router_test

import (
	"testing"
	"time"

	"github.com/meshway/meshway/internal/config"
)

// C dials A, which names B: when A has gone, C connects to B, and when B goes too, to A
// again, which is what is configured.
func TestMeshAConnectorGoesWhereItsLostNeighbourHasPointedTo(t *testing.T) {
	playMesh(t, "A-B A-C", func(c *config.Config) {
		if c.Router.ID == "A" {
			c.Listeners[1].FailoverURLs = []config.FailoverURL{{Host: "B", Port: "55672"}}
		}
	}, func(s *meshStage) {
		m := s.at("C", "manager").manager("$management")
		places := func(when, want string) {
			t.Helper()
			equal(s.stage, when, m.only("connector", "name", "to-A")["failoverUrls"], any(want))
		}
		places("with A", "amqp://A:55672, amqp://B:55672")
		s.killRouter("A")
		s.advance(10 * time.Second)
		equal(s.stage, "the cost from C to B without A", s.cost("C", "B"), 1)
		places("with B, which names nobody", "amqp://B:55672, amqp://A:55672")
		s.startRouter("A")
		s.advance(30 * time.Second)
		s.killRouter("B")
		s.advance(30 * time.Second)
		equal(s.stage, "the cost from C to A without B", s.cost("C", "A"), 1)
		places("with A again", "amqp://A:55672, amqp://B:55672")
	})
}
