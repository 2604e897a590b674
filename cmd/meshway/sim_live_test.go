package main

import (
	"strings"
	"testing"
	"time"

	"github.com/Azure/go-amqp"

	"github.com/meshway/meshway/internal/meshtest"
)

// Commands that measure, or go on for a while, over real routers: what they say follows from
// what happens meanwhile, in virtual time.

func TestPingMeasuresWhatEachHopAdds(t *testing.T) {
	hospital(t, func(s *ward) {
		for pair, delay := range map[string]time.Duration{"AC": 10 * time.Millisecond, "CD": 5 * time.Millisecond} {
			line := meshtest.Line{Delay: delay}
			s.net.Between(pair[:1], pair[1:]).Set(line, line)
		}
		s.pass(time.Second)
		want := `$ meshway ping D --count 3
HOP  ROUTER  COST  MEDIAN   ADDS  LEAST  MOST  LOST
  0  A          -      0s    +0s     0s    0s     0
  1  C          1    20ms  +20ms   20ms  20ms     0
  2  D          1    30ms  +10ms   30ms  30ms     0

`
		if got := s.run("ping", "D", "--count", "3"); got != want {
			t.Errorf("a line of 10 ms each way, then one of 5 ms: got\n%s\nwant\n%s", got, want)
		}
	})
}

func TestTopShowsWhatGoesThroughNow(t *testing.T) {
	hospital(t, func(s *ward) {
		sender, err := s.app("maker", "A").NewSender(s.t.Context(), "alarms/fire", &amqp.SenderOptions{SettlementMode: amqp.SenderSettleModeSettled.Ptr()})
		if err != nil {
			t.Fatal(err)
		}
		s.pass(time.Second)
		go func() { // ends after 2 seconds
			for range 20 {
				time.Sleep(100 * time.Millisecond)
				if err := sender.Send(s.t.Context(), amqp.NewMessage([]byte("x")), nil); err != nil {
					t.Error(err)
				}
			}
		}()
		pages := strings.Split(s.run("top", "--count", "2", "--every", "2050ms"), "ROUTER ")[1:]
		for i, want := range []struct{ d, address string }{{"D 0 9.8 1.0 0 0 2 0 0", "alarms/fire mobile 9.8 20 2"}, {"D 0 0 1.0 0 0 2 0 0", "no address has traffic"}} {
			routers, addresses, _ := strings.Cut(pages[i], "\n\n")
			lines := strings.Split(strings.TrimSpace(addresses), "\n")
			if got := words(routers[strings.LastIndex(routers, "\n"):]); got != want.d {
				t.Errorf("page %d: router D: got %q, want %q (1.0 is what it answers)", i+1, got, want.d)
			}
			if got := words(lines[len(lines)-1]); got != want.address || len(lines) > 2 {
				t.Errorf("page %d, where 20 messages came in 2 seconds and then none: got\n%s\nwant only %q", i+1, addresses, want.address)
			}
		}
	})
}

func TestTopologyWatchesRoutersComeAndGo(t *testing.T) {
	hospital(t, func(s *ward) {
		path := s.net.Between("C", "D")
		time.AfterFunc(2*time.Second, path.Cut)
		time.AfterFunc(6*time.Second, path.Heal)
		_, lines, _ := strings.Cut(s.runFor(15*time.Second, "topology", "--watch=1s"), "4 routers")
		for _, want := range []string{"- router D is unreachable", "+ router D is reachable again", "+ C–D is up again, cost 1"} {
			_, after, ok := strings.Cut(lines, "  "+want+"\n")
			if !ok {
				t.Fatalf("got\n%s\nwant %q next", lines, want)
			}
			lines = after
		}
		if strings.Contains(lines, "exit code") {
			t.Errorf("it was interrupted, and ends with\n%s", lines)
		}
	})
}

// words is a line without its columns.
func words(line string) string { return strings.Join(strings.Fields(line), " ") }
