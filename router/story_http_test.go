package router_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/meshway/meshway/internal/config"
	"github.com/meshway/meshway/internal/telemetry"
	"github.com/meshway/meshway/internal/wire"
)

// withHTTP adds a listener that speaks HTTP.
func withHTTP(c *config.Config) {
	c.Router.MetricsAddresses = 3
	c.Listeners = append(c.Listeners, config.Listener{Name: "ops", Host: listenHost, Port: "8080", Role: config.RoleNormal, HTTP: true, Healthz: true, Metrics: true})
}

// get asks a router's HTTP listener, and returns the status and the body.
func (s *stage) get(path string) (int, string) {
	s.t.Helper()
	return get(s.t, func(ctx context.Context) (net.Conn, error) { return s.net.Dial(ctx, "browser", listenHost+":8080") }, path)
}

func get(t *testing.T, dial func(context.Context) (net.Conn, error), path string) (int, string) {
	t.Helper()
	tr := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) }}
	defer tr.CloseIdleConnections()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://router"+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := tr.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	synctest.Wait()
	return resp.StatusCode, string(body)
}

// getAt is get from the router at a host of a mesh.
func (s *meshStage) getAt(host, path string) (int, string) {
	s.t.Helper()
	return get(s.t, func(ctx context.Context) (net.Conn, error) { return s.net.Dial(ctx, "browser", host+":8080") }, path)
}

// withHTTPAt adds a listener that speaks HTTP to a router of a mesh.
func withHTTPAt(c *config.Config) {
	withHTTP(c)
	c.Listeners[len(c.Listeners)-1].Host = c.Router.ID
}

// wantPage checks what a page says.
func (s *stage) wantPage(path string, status int, says string) {
	s.t.Helper()
	if code, body := s.get(path); code != status || !strings.Contains(body, says) {
		s.t.Errorf("%s: %d %q, want %d and %q", path, code, body, status, says)
	}
}

func TestAHealthyRouterIsAliveAndReady(t *testing.T) {
	play(t, withHTTP, func(s *stage) {
		s.wantPage("/healthz", 200, "OK\n")
		s.wantPage("/readyz", 200, "OK\n")
		s.wantPage("/", 200, "/metrics\n/healthz\n/readyz\n")
		s.wantMetrics(`meshway_draining{} 0`, `meshway_listener_up{place="normal"} 1`)
		s.wantPage("/nonsense", 404, "")
		s.wantPage("/debug/pprof/", 404, "")
	})
}

func TestProfilesAreServedWhereTheyAreAllowed(t *testing.T) {
	play(t, func(c *config.Config) {
		withHTTP(c)
		l := &c.Listeners[1]
		l.Profiling, l.Metrics, l.Healthz = true, false, false
	}, func(s *stage) {
		s.wantPage("/debug/pprof/goroutine?debug=1", 200, "goroutine profile")
		s.wantPage("/metrics", 404, "")
		s.wantPage("/healthz", 404, "")
	})
}

// Nothing that is configured for addresses makes the probe fail: it asks whether the data path
// works, not whether anybody may use it.
func TestARouterOnWhichNoAddressIsAvailableIsAlive(t *testing.T) {
	play(t, func(c *config.Config) {
		withHTTP(c)
		c.Addresses = append(c.Addresses, config.Address{Pattern: "#", Distribution: config.Unavailable})
	}, func(s *stage) {
		s.wantPage("/healthz", 200, "OK\n")
	})
}

// A probe goes the way of messages: it does not pass where those do not.
func TestARouterWhoseDataPathDoesNotAnswerIsNotAlive(t *testing.T) {
	play(t, withHTTP, func(s *stage) {
		free := s.router.OccupyProbes()
		began := time.Now()
		s.wantPage("/healthz", 503, "the data path has not answered within 3s")
		if took := time.Since(began); took != 3*time.Second {
			t.Errorf("the answer took %v, want 3s", took)
		}
		free()
		s.wantPage("/healthz", 200, "OK")
	})
}

func TestADrainingRouterIsAliveAndNotReady(t *testing.T) {
	play(t, withHTTP, func(s *stage) {
		a := s.app("client")
		a.consumer("q", 10)
		a.producer("q").send([]byte("in flight"))
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		done := make(chan error, 1)
		go func() { done <- s.router.Shutdown(ctx) }()
		synctest.Wait()
		s.wantPage("/healthz", 200, "OK")
		s.wantMetrics(`meshway_draining{} 1`, `meshway_listener_up{place="normal"} 0`, `meshway_listener_up{place="ops"} 1`)
		s.wantPage("/readyz", 503, "the router drains: it is shutting down and takes no more messages\nlistener normal accepts no connections\n")
		cancel()
		<-done
		if _, err := s.net.Dial(t.Context(), "browser", listenHost+":8080"); err == nil {
			t.Error("a router that is over speaks HTTP")
		}
	})
}

func TestARouterIsReadyOnceItHasJoinedTheMesh(t *testing.T) {
	playMesh(t, "A-B", withHTTPAt, func(s *meshStage) {
		want := func(says string) {
			s.t.Helper()
			if _, body := s.getAt("B", "/readyz"); body != says+"\n" {
				s.t.Errorf("B says %q, want %q", body, says)
			}
			if _, body := s.getAt("A", "/readyz"); body != "OK\n" {
				s.t.Errorf("A, which dials nobody, says %q", body)
			}
		}
		want("OK")
		s.net.Between("A", "B").Cut()
		s.advance(20 * time.Second)
		want("the mesh is not joined: no neighbour is connected, neither by connector to-A nor by a listener for routers")
		s.net.Between("A", "B").Heal()
		s.advance(time.Minute)
		want("OK")
		if status, body := s.getAt("A", "/healthz"); status != 200 {
			s.t.Errorf("A is not alive: %s", body)
		}
	})
}

func TestARouterIsReadyOnceItsBrokersAreAttached(t *testing.T) {
	playBroker(t, withHTTP, func(s *stage, k *scriptedBroker) {
		s.wantPage("/readyz", 200, "OK")
		s.wantMetrics(`meshway_broker_connected{place="broker"} 1`, `meshway_auto_links{state="active"} 1`)
		k.do(func() { k.refuse["q"] = &wire.Error{Condition: wire.CondNotFound, Description: "no queue q"} })
		k.restart()
		s.wantPage("/readyz", 503, "auto-link in:q is not attached: ")
		s.wantPage("/readyz", 503, "no queue q")
		s.wantMetrics(`meshway_auto_links{state="failed"} 1`, `meshway_auto_links{state="active"} 0`)
		k.die()
		s.advance(time.Minute)
		s.wantPage("/readyz", 503, "connector broker has no connection to its broker: ")
		s.wantMetrics(`meshway_broker_connected{place="broker"} 0`)
		k.listen()
	}, in("q"))
}

// Half a request, a request without end, a request that is too large: each costs a connection
// for some seconds, and all of them together no more than the bound.
func TestHostileHTTP(t *testing.T) {
	play(t, withHTTP, func(s *stage) {
		var slow []net.Conn
		for range 2 * telemetry.MostConnections {
			nc, err := s.net.Dial(t.Context(), "loris", listenHost+":8080")
			if err != nil {
				t.Fatal(err)
			}
			go func() { _, _ = nc.Write([]byte("GET /metrics HTTP/1.1\r\nHost: r")) }()
			slow = append(slow, nc)
		}
		synctest.Wait()
		closed := 0
		for _, nc := range slow {
			_ = nc.SetReadDeadline(time.Now().Add(time.Millisecond))
			if _, err := nc.Read(make([]byte, 1)); err == io.EOF {
				closed++
			}
		}
		if closed != telemetry.MostConnections {
			t.Errorf("%d of %d connections were closed at once, want %d", closed, len(slow), telemetry.MostConnections)
		}
		s.advance(6 * time.Second) // those that stay are closed when no header has come
		s.wantPage("/healthz", 200, "OK")
		s.wantPage("/"+strings.Repeat("x", 20<<10), 431, "")
		for _, nc := range slow {
			_ = nc.Close()
		}
	})
}
