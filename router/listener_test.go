package router_test

import (
	"errors"
	"net"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

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

// exhausted is a listener that has no descriptor for what it is to accept, until told otherwise.
type exhausted struct {
	net.Listener
	out *atomic.Bool
}

func (l exhausted) Accept() (net.Conn, error) {
	if l.out.Load() {
		return nil, &net.OpError{Op: "accept", Err: syscall.EMFILE}
	}
	return l.Listener.Accept()
}

// It is said at once, with what to do, then once a minute; and connections that waited are taken
// when there are descriptors again.
func TestAListenerWithoutDescriptorsSaysSoNowAndThenAndGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		core, logs := observer.New(zap.ErrorLevel)
		r, err := router.New(standalone(), zap.New(core))
		if err != nil {
			t.Fatal(err)
		}
		s := &stage{t: t, router: r}
		var out atomic.Bool
		out.Store(true)
		r.ListenBy(func(network, address string) (net.Listener, error) {
			ln, err := s.net.Listen(network, address)
			return exhausted{ln, &out}, err
		})
		if err := r.Start(); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		lines := logs.TakeAll()
		if len(lines) != 1 {
			t.Fatalf("%d lines at once", len(lines))
		}
		if f := lines[0].ContextMap(); f["listener"] != "normal" || !strings.Contains(f["do"].(string), "ulimit -n") {
			t.Errorf("it says %v", f)
		}
		time.Sleep(59 * time.Second)
		if n := logs.Len(); n != 0 {
			t.Errorf("%d lines in the first minute", n)
		}
		time.Sleep(2 * time.Second)
		if lines := logs.TakeAll(); len(lines) != 1 || lines[0].ContextMap()["not logged before"].(int64) < 50 {
			t.Errorf("%d lines after a minute", len(lines))
		}
		out.Store(false)
		s.app("one that waited").Close(nil)
		s.end()
	})
}
