package router_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/meshway/meshway/internal/meshtest"
	"github.com/meshway/meshway/internal/wire"
	"github.com/meshway/meshway/router"
)

// A data path that hangs in a lock is not alive, and whoever asks is told so instead of hanging too.
// This is in real time: who waits for a lock does not let virtual time pass.
func TestADataPathThatHangsIsNotAlive(t *testing.T) {
	for name, hold := range map[string]func(*router.Router) func(){
		"in the table of addresses":  (*router.Router).HoldTable,
		"in the list of connections": (*router.Router).HoldRouter,
	} {
		t.Run(name, func(t *testing.T) {
			cfg := standalone()
			cfg.Listeners = nil
			r, err := router.New(cfg, zap.NewNop())
			if err != nil {
				t.Fatal(err)
			}
			if err := r.Start(); err != nil {
				t.Fatal(err)
			}
			letGo := hold(r)
			for range 10 { // more than may ask at a time
				ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
				if err := r.Alive(ctx); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("said %v", err)
				}
				cancel()
			}
			letGo()
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			if err := r.Alive(ctx); err != nil {
				t.Errorf("when it goes on: %v", err)
			}
			if err := r.Shutdown(ctx); err != nil {
				t.Errorf("shutdown: %v", err)
			}
		})
	}
}

// On its way into the mesh a router says what it still waits for.
func TestARouterSaysHowFarItHasJoinedTheMesh(t *testing.T) {
	playMesh(t, "A-B", withHTTPAt, func(s *meshStage) {
		s.net.Between("A", "B").Cut()
		s.advance(20 * time.Second)
		slow := meshtest.Line{Delay: 50 * time.Millisecond}
		s.net.Between("A", "B").Set(slow, slow)
		s.net.Between("A", "B").Heal()
		var said []string
		for range 1000 {
			status, body := s.getAt("B", "/readyz")
			if (status == 200) != (body == "OK\n") {
				t.Errorf("%d %s", status, body)
			}
			said = append(said, body)
			if status == 200 {
				break
			}
			s.advance(20 * time.Millisecond)
		}
		want := []string{
			"the mesh is not joined: no neighbour is connected, neither by connector to-A nor by a listener for routers\n",
			"the mesh is not joined yet: neighbours are connected, and what they know of the mesh is still on its way\n",
			"OK\n",
		}
		if got := slices.Compact(said); !slices.Equal(got, want) {
			t.Errorf("said %q, want %q", got, want)
		}
	})
}

func TestMetricsCountWhatIsPresettledAndWhatNobodyTakes(t *testing.T) {
	play(t, withHTTP, func(s *stage) {
		a := s.app("sender")
		to := s.app("receiver").consumer("q", 20)
		from, nobody := a.producer("q"), a.producer("")
		from.post(texts("1", "2")...)
		from.send(text("3"))
		nobody.post(addressed("nobody", "4"), addressed("nobody", "5"), addressed("q", "6"))
		to.acceptAll()
		at := `place="normal",role="normal",direction=`
		want := []string{
			`meshway_deliveries_total{` + at + `"in"} 6`, `meshway_deliveries_presettled_total{` + at + `"in"} 5`, `meshway_deliveries_dropped_total{` + at + `"in"} 2`,
			`meshway_deliveries_total{` + at + `"out"} 4`, `meshway_deliveries_presettled_total{` + at + `"out"} 3`, `meshway_deliveries_dropped_total{` + at + `"out"} 0`,
			`meshway_delivery_outcomes_total{` + at + `"in",outcome="accepted"} 1`,
			`meshway_info{router="R",mode="standalone",version="dev"} 1`,
		}
		s.wantMetrics(want...)
		from.detach()
		s.wantMetrics(want...) // it stays counted
		a.do(func() { a.Close(nil) })
		s.wantMetrics(want...)
	})
}

func TestMetricsMeasureTheMemoryOfWhatWaits(t *testing.T) {
	play(t, withHTTP, func(s *stage) {
		c := s.app("receiver").consumer("q", 1)
		p := s.app("sender").producer("q")
		p.send(long(1000), long(1000), long(1000))
		two := len(long(1000)) * 2
		waiting := func() float64 {
			v, _ := s.scrape().Value(`meshway_waiting_bytes{}`)
			return v
		}
		if got := waiting(); got < float64(two) || got > float64(2*two) {
			t.Errorf("%v bytes wait, want about %d", got, two)
		}
		if limit, _ := s.scrape().Value(`meshway_waiting_bytes_limit{}`); limit != 1<<30 {
			t.Errorf("the limit is %v", limit)
		}
		c.grant(10)
		if got := waiting(); got != 0 {
			t.Errorf("%v bytes wait when all have gone", got)
		}
		c.acceptAll()
	})
}

func TestMetricsMeasureWhatAPeerDoesNotRead(t *testing.T) {
	play(t, withHTTP, func(s *stage) {
		s.net.Between(listenHost, "slow").Set(meshtest.Line{Buffer: 1000}, meshtest.Line{Buffer: 1000})
		a := s.app("slow")
		c := a.consumer("q", 100)
		p := s.app("sender").producer("q")
		a.stall(true)
		for range 5 {
			p.send(long(10_000))
		}
		series := `meshway_output_bytes{place="normal",role="normal"}`
		if got, ok := s.scrape().Value(series); !ok || got < 10_000 {
			t.Errorf("%v bytes wait for a peer that does not read", got)
		}
		a.stall(false)
		c.acceptAll()
		s.wantMetrics(series + " 0")
	})
}

func TestMetricsTellSlowDeliveriesAndVerySlowOnesApart(t *testing.T) {
	play(t, withHTTP, func(s *stage) {
		c := s.app("receiver").consumer("q", 10)
		p := s.app("sender").producer("q")
		s.advance(time.Second)
		p.send(texts("quick", "slow", "slow too", "very slow")...)
		c.settle(0, wire.DeliveryState{Kind: wire.StateAccepted})
		s.advance(5 * time.Second)
		c.settle(1, wire.DeliveryState{Kind: wire.StateAccepted})
		c.settle(2, wire.DeliveryState{Kind: wire.StateAccepted})
		s.advance(10 * time.Second)
		c.settle(3, wire.DeliveryState{Kind: wire.StateAccepted})
		for _, direction := range []string{"in", "out"} {
			at := `meshway_deliveries_delayed_total{place="normal",role="normal",direction="` + direction + `",over=`
			s.wantMetrics(at+`"1s"} 2`, at+`"10s"} 1`)
		}
	})
}
