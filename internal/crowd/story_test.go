package crowd

import (
	"context"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/meshway/meshway/internal/loadgen"
)

// size is how much a story is.
type size struct {
	addresses int
	rate      int // changes a second
	changes   int
	asked     int // addresses that are looked at one by one
	alone     time.Duration
	heartbeat int // milliseconds
}

var (
	small = size{addresses: 20_000, rate: 2_000, changes: 4_000, asked: 500, alone: time.Second, heartbeat: 1000}
	whole = size{addresses: 1_000_000, rate: 10_000, changes: 600_000, asked: 20_000, alone: 10 * time.Second, heartbeat: 100}
)

// Very many addresses come into a chain of routers, then many of them change, all beside
// messages from one end of the chain to the other.
func TestManyAddressesAndChangesBesideTraffic(t *testing.T) {
	story := small
	if os.Getenv("MESHWAY_SOAK") != "" {
		story = whole
	}
	nodes := startChain(t, story.heartbeat, "A", "B", "C")
	s := &stage{t: t, size: story, nodes: nodes}
	s.crowd = s.join("A", story.addresses+2)
	atB, atC := s.asker("B"), s.asker("C")

	alone := s.beside("nothing else", func() { <-time.After(story.alone) })
	s.beside("addresses that come", func() {
		began := time.Now()
		s.must(s.crowd.Come(t.Context(), 0, story.addresses))
		t.Logf("A has %d addresses after %v", story.addresses, time.Since(began).Round(time.Millisecond))
		last := Address(story.addresses - 1)
		s.must(atB.Await(t.Context(), last))
		t.Logf("B has them after %v", time.Since(began).Round(time.Millisecond))
		s.must(atC.Await(t.Context(), last))
		t.Logf("C has them after %v", time.Since(began).Round(time.Millisecond))
	})
	during := s.beside("addresses that change", func() {
		changes, err := s.crowd.Churn(t.Context(), story.addresses, story.rate, story.changes)
		s.must(err)
		t.Logf("%d changes", changes)
	})
	if alone != nil && during != nil {
		t.Logf("latency beside the changes, in that without them: median x %.2f, 99th percentile x %.2f", during.P50/alone.P50, during.P99/alone.P99)
	}
	s.must(s.crowd.Leave(t.Context(), 0, story.addresses/4))
	s.knows(atB, 0)
	s.knows(atC, 1)
	for _, n := range nodes {
		n.check()
	}
}

// stage is the routers and their applications.
type stage struct {
	t     *testing.T
	size  size
	nodes map[string]*node
	crowd *Crowd
}

func (s *stage) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *stage) join(id string, n int) *Crowd {
	s.t.Helper()
	c, err := Join(s.t.Context(), s.nodes[id].clients, n)
	s.must(err)
	s.t.Cleanup(c.Close)
	return c
}

func (s *stage) asker(id string) *Asker {
	s.t.Helper()
	a, err := Ask(s.t.Context(), s.nodes[id].clients)
	s.must(err)
	s.t.Cleanup(a.Close)
	return a
}

// beside does something while messages go from C to A, none of which may be lost or come
// twice, to an address of their own: at one whose last consumer has just left, and been replaced, C
// may still hear of that, and gives back what it then has. It tells what that took of the routers, and returns the latency.
func (s *stage) beside(what string, f func()) *loadgen.Latency {
	s.t.Helper()
	before, began := s.usage(), time.Now()
	ctx, stop := context.WithCancel(s.t.Context())
	defer stop()
	type ended struct {
		result *loadgen.Result
		err    error
	}
	traffic := make(chan ended, 1)
	go func() { // ends with ctx
		r, err := loadgen.Run(ctx, loadgen.Options{
			Target: s.nodes["C"].clients, ReceiveTarget: s.nodes["A"].clients, Address: "beside " + what, Size: 100, Rate: 500, Ledger: true,
			Patience: time.Minute,
		})
		traffic <- ended{r, err}
	}()
	f()
	took := time.Since(began)
	stop()
	e := <-traffic
	s.must(e.err)
	r := e.result
	after := s.usage()
	for _, id := range []string{"A", "B", "C"} {
		s.t.Logf("beside %s: router %s took %.1f %% of a core; resident memory grew by %.1f MB, %.0f bytes an address", what, id,
			100*(after[id].cpu-before[id].cpu).Seconds()/took.Seconds(),
			float64(after[id].memory-before[id].memory)/1e6, float64(after[id].memory-before[id].memory)/float64(s.size.addresses))
	}
	if r.Total.Sent == 0 || r.Latency == nil {
		s.t.Errorf("beside %s: no message was sent", what)
		return nil
	}
	s.t.Logf("beside %s: %d messages, latency %.0f us (median), %.0f us (99th percentile)", what, r.Total.Sent, r.Latency.P50, r.Latency.P99)
	if l := r.Ledger; l.Undelivered != 0 || l.Doubtful != 0 || l.Twice != 0 || r.Total.Accepted != r.Total.Sent {
		s.t.Errorf("beside %s: %+v, %+v, %d unsettled", what, r.Total, *l, r.Unsettled)
	}
	return r.Latency
}

func (s *stage) usage() map[string]usage {
	u := map[string]usage{}
	for id, n := range s.nodes {
		u[id] = n.usage()
	}
	return u
}

// knows checks that a router has all addresses but the first quarter, which has left: with
// one more, it knows of all that came before.
func (s *stage) knows(a *Asker, extra int) {
	s.t.Helper()
	ctx, n := s.t.Context(), s.size.addresses
	s.must(s.crowd.Come(ctx, n+extra, n+extra+1))
	s.must(a.Await(ctx, Address(n+extra)))
	before, accepted, rnd := s.crowd.Received(), uint64(0), rand.New(rand.NewPCG(1, 2))
	for range s.size.asked {
		i := rnd.IntN(n)
		reaches, err := a.Reaches(ctx, Address(i))
		s.must(err)
		if reaches != (i >= n/4) {
			s.t.Errorf("%s is reached: %v", Address(i), reaches)
		}
		if reaches {
			accepted++
		}
	}
	if got := s.crowd.Received() - before; got != accepted {
		s.t.Errorf("%d messages were accepted, and %d received", accepted, got)
	}
}
