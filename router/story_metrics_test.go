package router_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/meshway/meshway/internal/config"
	"github.com/meshway/meshway/internal/telemetry"
	"github.com/meshway/meshway/internal/telemetry/scrape"
	"github.com/meshway/meshway/internal/wire"
)

// scrape reads and lints the metrics of the router.
func (s *stage) scrape() scrape.Page {
	s.t.Helper()
	status, body := s.get("/metrics")
	if status != 200 {
		s.t.Fatalf("/metrics: %d %s", status, body)
	}
	p, err := scrape.Parse(body)
	if err != nil {
		s.t.Fatal(err)
	}
	return p
}

func (s *stage) wantMetrics(want ...string) {
	s.t.Helper()
	_, body := s.get("/metrics")
	wantMetrics(s.t, body, want...)
}

// wantMetrics checks samples, each as in the text format: name{label="value"} value.
func wantMetrics(t *testing.T, page string, want ...string) {
	t.Helper()
	p, err := scrape.Parse(page)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range want {
		i := strings.LastIndexByte(w, ' ')
		if got, ok := p.Value(w[:i]); !ok || fmt.Sprint(got) != w[i+1:] {
			t.Errorf("%s is %v (there: %v), want %s", w[:i], got, ok, w[i+1:])
		}
	}
}

func TestMetricsCountTrafficByItsOutcome(t *testing.T) {
	play(t, withHTTP, func(s *stage) {
		a, b := s.app("sender"), s.app("receiver")
		from, to := a.producer("q"), b.consumer("q", 20)
		for range 10 {
			from.send([]byte("m"))
		}
		for i, state := range []wire.StateKind{wire.StateAccepted, wire.StateAccepted, wire.StateAccepted, wire.StateRejected, wire.StateReleased, wire.StateReleased, wire.StateModified} {
			to.settle(i, wire.DeliveryState{Kind: state})
		}
		s.advance(0)
		at := `place="normal",role="normal",direction=`
		s.wantMetrics(
			`meshway_deliveries_total{`+at+`"in"} 10`, `meshway_deliveries_total{`+at+`"out"} 10`,
			`meshway_deliveries_unsettled{`+at+`"in"} 3`, `meshway_deliveries_unsettled{`+at+`"out"} 3`,
			`meshway_delivery_outcomes_total{`+at+`"in",outcome="accepted"} 3`, `meshway_delivery_outcomes_total{`+at+`"out",outcome="accepted"} 3`,
			`meshway_delivery_outcomes_total{`+at+`"in",outcome="rejected"} 1`, `meshway_delivery_outcomes_total{`+at+`"in",outcome="released"} 2`,
			`meshway_delivery_outcomes_total{`+at+`"in",outcome="modified"} 1`,
			`meshway_links{`+at+`"in"} 1`, `meshway_links{`+at+`"out"} 1`, `meshway_connections{place="normal",role="normal"} 2`,
			`meshway_address_deliveries_total{address="q",direction="in"} 10`, `meshway_address_deliveries_total{address="q",direction="out"} 10`,
			`meshway_address_deliveries_total{address="other",direction="in"} 0`,
			`meshway_address_delivery_outcomes_total{address="q",direction="out",outcome="released"} 2`,
			`meshway_address_consumers{address="q",at="here"} 1`, `meshway_address_producers{address="q"} 1`,
			`meshway_addresses 3`, `meshway_draining 0`, `meshway_listener_up{place="normal"} 1`, `meshway_listener_up{place="ops"} 1`,
		)
		// What has gone stays counted.
		b.do(func() { b.Close(nil) })
		s.wantMetrics(
			`meshway_deliveries_total{`+at+`"out"} 10`, `meshway_delivery_outcomes_total{`+at+`"out",outcome="accepted"} 3`,
			`meshway_address_deliveries_total{address="q",direction="out"} 10`,
			`meshway_connections{place="normal",role="normal"} 1`, `meshway_connections_opened_total{place="normal",role="normal"} 2`,
			`meshway_address_consumers{address="q",at="here"} 0`,
			`meshway_delivery_outcomes_total{`+at+`"in",outcome="modified"} 4`, // the three that were lost
		)
	})
}

func TestMetricsShowCreditThatIsWithheldAndWhatWaits(t *testing.T) {
	play(t, withHTTP, func(s *stage) {
		a, b := s.app("sender"), s.app("receiver")
		from := a.producer("q")
		at := `place="normal",role="normal",direction=`
		s.wantMetrics(`meshway_links_without_credit{`+at+`"in"} 1`, `meshway_deliveries_waiting{`+at+`"in"} 0`)
		to := b.consumer("q", 2)
		s.wantMetrics(`meshway_links_without_credit{` + at + `"in"} 0`)
		for range 5 {
			from.send([]byte("m"))
		}
		s.wantMetrics(`meshway_deliveries_waiting{`+at+`"in"} 3`, `meshway_address_deliveries_waiting{address="q"} 3`, `meshway_links_without_credit{`+at+`"out"} 1`)
		to.grant(10)
		s.wantMetrics(`meshway_deliveries_waiting{`+at+`"in"} 0`, `meshway_address_deliveries_waiting{address="q"} 0`)
	})
}

// However many addresses there are, metrics stay bounded: the first have their own, and what the
// others carry is summed.
func TestMetricsOfAddressesAreCapped(t *testing.T) {
	play(t, withHTTP, func(s *stage) {
		a, b := s.app("sender"), s.app("receiver")
		for i := range 6 {
			name := fmt.Sprint("q", i)
			b.consumer(name, 10)
			a.producer(name).send([]byte("m"))
		}
		_, temporary := b.dynamic(10)
		a.producer(temporary).send([]byte("m"))
		names := s.scrape().Labels("meshway_address_deliveries_total", "address")
		if got := strings.Join(names, " "); got != "other q0 q1 q2" {
			t.Errorf("addresses with metrics are %s", got)
		}
		s.wantMetrics(`meshway_address_deliveries_total{address="other",direction="in"} 4`, `meshway_address_deliveries_total{address="other",direction="out"} 4`,
			`meshway_address_deliveries_total{address="q2",direction="in"} 1`)
	})
}

// An address that is out of use for long gives its place to another one; no counter falls.
func TestAnAddressThatIsOutOfUseGivesItsPlaceInTheMetricsAway(t *testing.T) {
	play(t, withHTTP, func(s *stage) {
		a := s.app("client")
		use := func(name string) {
			c := a.consumer(name, 10)
			p := a.producer(name)
			p.send([]byte("m"))
			c.detach()
			p.detach()
			s.advance(time.Minute)
		}
		for _, name := range []string{"a", "b", "c", "d"} {
			use(name)
		}
		s.wantMetrics(`meshway_address_deliveries_total{address="a",direction="in"} 1`, `meshway_address_deliveries_total{address="other",direction="in"} 1`)
		use("a")
		s.advance(11 * time.Minute)
		use("d")
		s.wantMetrics(`meshway_address_deliveries_total{address="d",direction="in"} 1`, `meshway_address_deliveries_total{address="other",direction="in"} 1`,
			`meshway_address_deliveries_total{address="a",direction="in"} 2`)
		if names := s.scrape().Labels("meshway_address_deliveries_total", "address"); strings.Join(names, " ") != "a c d other" {
			t.Errorf("addresses with metrics are %s", names)
		}
	})
}

// At most one delivery a second of each connection is measured.
func TestDelaysAreMeasuredOfASample(t *testing.T) {
	play(t, withHTTP, func(s *stage) {
		a, b := s.app("sender"), s.app("receiver")
		from, to := a.producer("q"), b.consumer("q", 20)
		s.advance(2 * time.Second)
		for i := range 5 {
			from.send([]byte("m"))
			s.advance(30 * time.Millisecond)
			to.settle(i, wire.DeliveryState{Kind: wire.StateAccepted})
		}
		s.wantMetrics(`meshway_delivery_delay_seconds_count{role="normal"} 1`, `meshway_delivery_delay_seconds_bucket{role="normal",le="0.025"} 0`, `meshway_delivery_delay_seconds_bucket{role="normal",le="0.05"} 1`)
		s.advance(time.Second)
		from.send([]byte("m"))
		s.advance(4 * time.Second)
		from.send([]byte("not measured: the one before it still is"))
		to.settle(6, wire.DeliveryState{Kind: wire.StateAccepted})
		to.settle(5, wire.DeliveryState{Kind: wire.StateAccepted})
		s.wantMetrics(`meshway_delivery_delay_seconds_count{role="normal"} 2`, `meshway_delivery_delay_seconds_bucket{role="normal",le="2.5"} 1`, `meshway_delivery_delay_seconds_bucket{role="normal",le="5"} 2`,
			`meshway_deliveries_delayed_total{place="normal",role="normal",direction="in",over="1s"} 1`)
		if sum, _ := s.scrape().Value(`meshway_delivery_delay_seconds_sum{role="normal"}`); sum < 4.03 || sum > 4.1 {
			t.Errorf("30 milliseconds and 4 seconds are %v seconds together", sum)
		}
	})
}

func TestNoMetricsOfAddressesWhereNoneAreWanted(t *testing.T) {
	play(t, func(c *config.Config) {
		withHTTP(c)
		c.Router.MetricsAddresses = 0
	}, func(s *stage) {
		a := s.app("client")
		a.consumer("q", 10)
		a.producer("q").send([]byte("m"))
		s.wantMetrics(`meshway_address_deliveries_total{address="other",direction="in"} 1`)
		if names := s.scrape().Labels("meshway_address_consumers", "address"); len(names) != 0 {
			t.Errorf("addresses with metrics are %v", names)
		}
	})
}

func TestMetricsOfTheMesh(t *testing.T) {
	playMesh(t, "A-B B-C", withHTTPAt, func(s *meshStage) {
		a, c := s.at("A", "sender"), s.at("C", "receiver")
		to := c.consumer("q", 10)
		s.advance(2 * time.Second)
		from := a.producer("q")
		s.advance(2 * time.Second)
		for range 3 {
			from.send([]byte("m"))
		}
		to.acceptAll()
		s.advance(time.Second)
		says := func(host string, want ...string) {
			s.t.Helper()
			_, body := s.getAt(host, "/metrics")
			wantMetrics(s.t, body, want...)
		}
		says("A", `meshway_mesh_routers 3`, `meshway_adjacencies{state="up"} 1`, `meshway_adjacencies{state="suspect"} 0`,
			`meshway_address_deliveries_total{address="q",direction="in"} 3`, `meshway_address_deliveries_total{address="q",direction="transit"} 3`,
			`meshway_address_deliveries_total{address="q",direction="out"} 0`, `meshway_address_consumers{address="q",at="elsewhere"} 1`,
			`meshway_link_state_events_total{event="adjacency_announced"} 1`, `meshway_link_state_events_total{event="router_reachable"} 2`,
			`meshway_delivery_delay_seconds_count{role="normal"} 1`, `meshway_delivery_delay_seconds_count{role="inter-router"} 0`)
		says("B", `meshway_mesh_routers 3`, `meshway_adjacencies{state="up"} 2`, `meshway_deliveries_total{place="mesh",role="inter-router",direction="out"} 3`,
			`meshway_delivery_delay_seconds_count{role="normal"} 0`, `meshway_delivery_delay_seconds_count{role="inter-router"} 1`)
		says("C", `meshway_address_deliveries_total{address="q",direction="out"} 3`, `meshway_address_deliveries_total{address="q",direction="in"} 0`)
		_, body := s.getAt("A", "/metrics")
		p, err := scrape.Parse(body)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range telemetry.All() {
			if m != &telemetry.BrokerConnected && !slices.Contains(p.Names(), m.Name) {
				t.Errorf("the router says nothing of %s", m.Name)
			}
		}
		for _, series := range []string{
			`meshway_spf_seconds_count{}`, `meshway_control_messages_total{subject="heartbeat",direction="in"}`, `meshway_control_message_bytes_total{subject="gossip",direction="out"}`,
			`meshway_control_messages_total{subject="link_state",direction="out"}`,
		} {
			if v, _ := p.Value(series); v == 0 {
				t.Errorf("%s is 0", series)
			}
		}
	})
}
