package router_test

import (
	"testing"

	"go.uber.org/zap"

	"github.com/meshway/meshway/internal/config"
	"github.com/meshway/meshway/internal/meshtest"
	"github.com/meshway/meshway/internal/wire"
)

// Whoever reads the log is warned once of what a peer did wrong, and sees what became of its
// connection.
func TestAViolationThatEndsAConnectionIsWarnedOfOnce(t *testing.T) {
	garbage := []byte{0, 0, 0, 7, 2, 0, 0, 0} // a frame that is shorter than its header [2.3.1]
	for name, tt := range map[string]struct {
		opens bool
		then  string
	}{
		"before open": {false, "info connection refused"},
		"after open":  {true, "info connection lost"},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(c *config.Config) { c.Listeners[0].SASLMechanisms = nil }, func(s *stage) {
				nc, err := s.net.Dial(t.Context(), "app", listenHost+":5672")
				if err != nil {
					t.Fatal(err)
				}
				if tt.opens {
					s.appOver("app", nc, meshtest.ClientOptions{})
				} else {
					_, _ = nc.Write(wire.ProtoAMQP[:])
				}
				_, _ = nc.Write(garbage)
				s.advance(0)
				_ = nc.Close()
				s.advance(0)
				if n := s.logs.FilterLevelExact(zap.WarnLevel).Len(); n != 1 || !s.logged("warn protocol violation") || !s.logged(tt.then) {
					t.Errorf("the log does not have one warning, and %q:\n%q", tt.then, s.lines())
				}
			})
		})
	}
}
