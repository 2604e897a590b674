package router_test

import (
	"errors"
	"net"
	"testing"

	"go.uber.org/zap"

	"github.com/meshway/meshway/internal/config"
	"github.com/meshway/meshway/router"
)

// twoListeners starts a router with listeners a and b on one port of these hosts, and returns
// why b has no place.
func twoListeners(t *testing.T, a, b string) *router.AddressInUseError {
	t.Helper()
	cfg := config.Default()
	probe, err := net.Listen("tcp", net.JoinHostPort(a, "0"))
	if err != nil {
		t.Skip(err)
	}
	_, port, _ := net.SplitHostPort(probe.Addr().String())
	_ = probe.Close()
	first := cfg.Listeners[0]
	first.Name, first.Host, first.Port = "a", a, port
	second := first
	second.Name, second.Host = "b", b
	cfg.Listeners = []config.Listener{first, second}
	r, err := router.New(cfg, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	err = r.Start()
	if err == nil {
		_ = r.Shutdown(t.Context())
		t.Skip("this system lets two listen on one port")
	}
	taken, ok := errors.AsType[*router.AddressInUseError](err)
	if !ok {
		t.Fatalf("got %v", err)
	}
	return taken
}

func TestAListenerHearsThatAnotherOfItsRouterHasThePort(t *testing.T) {
	for _, hosts := range [][2]string{{"127.0.0.1", "0.0.0.0"}, {"0.0.0.0", "127.0.0.1"}, {"::", "127.0.0.1"}, {"127.0.0.1", "::"}} {
		t.Run(hosts[0]+" and "+hosts[1], func(t *testing.T) {
			if taken := twoListeners(t, hosts[0], hosts[1]); taken.Listener != "b" || taken.By != "a" {
				t.Errorf("got %v", taken)
			}
		})
	}
}
