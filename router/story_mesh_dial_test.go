package router_test

import (
	"context"
	"net"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/meshway/meshway/internal/config"
	"github.com/meshway/meshway/internal/meshtest"
	"github.com/meshway/meshway/router"
)

// A host that answers nothing, and one that accepts and says nothing, are dialled less and
// less often, as one is that refuses: that a try takes long is no sign of life.
func TestAConnectorDialsAHostThatIsSilentLessAndLessOften(t *testing.T) {
	for name, dial := range map[string]func(ctx context.Context, n *meshtest.Network) (net.Conn, error){
		"it does not answer": func(ctx context.Context, _ *meshtest.Network) (net.Conn, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		},
		"it says nothing": func(ctx context.Context, n *meshtest.Network) (net.Conn, error) {
			return n.Dial(ctx, "A", "silent:55672")
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var n meshtest.Network
				if _, err := n.Listen("tcp", "silent:55672"); err != nil {
					t.Fatal(err)
				}
				cfg := standalone()
				cfg.Router.ID, cfg.Router.Mode, cfg.Router.Heartbeat = "A", config.Interior, time.Second
				cfg.Connectors = []config.Connector{{Name: "to-silent", Host: "silent", Port: "55672", Role: config.RoleInterRouter, Cost: 1, MaxFrameSize: 64 << 10, IdleTimeout: time.Minute}}
				r, err := router.New(cfg, testLog(t))
				if err != nil {
					t.Fatal(err)
				}
				var dials atomic.Int64
				r.ListenBy(n.Listen)
				r.DialBy(func(ctx context.Context, _, _ string) (net.Conn, error) {
					dials.Add(1)
					return dial(ctx, &n)
				})
				if err := r.Start(); err != nil {
					t.Fatal(err)
				}
				time.Sleep(10 * time.Minute)
				// In the end a try takes 5 s or more, and the wait for the next 22 s or more.
				if n, most := dials.Load(), int64(10+600/27); n < 10 || n > most {
					t.Errorf("%d dials in ten minutes, want 10 to %d", n, most)
				}
				if err := r.Shutdown(context.Background()); err != nil {
					t.Error(err)
				}
				time.Sleep(2 * time.Minute) // what gossip has begun ends with its timers
			})
		})
	}
}
