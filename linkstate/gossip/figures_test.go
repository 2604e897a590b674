package gossip

import (
	"flag"
	"testing"
	"testing/synctest"
	"time"
)

var figures = flag.Bool("figures", false, "print what gossip costs in meshes of 10 to 200 routers")

// TestFigures counts what a router hands to its adjacencies, relayed packets
// included: go test ./linkstate/gossip -run Figures -v -figures
func TestFigures(t *testing.T) {
	if !*figures {
		t.Skip("-figures prints them")
	}
	t.Log("mesh      routers  all know all  idle bytes/s  idle packets/s  news by flood  by broadcast  buried after")
	for _, kind := range []string{"line", "ring", "random"} {
		for _, n := range []int{10, 20, 50, 100, 200} {
			inMesh(t, func(m *mesh) { m.measure(kind, n) })
		}
	}
}

func (m *mesh) measure(kind string, n int) {
	took := func(limit time.Duration, what string, so func() bool) time.Duration {
		start := time.Now()
		for !so() {
			if time.Since(start) > limit {
				m.t.Fatalf("%s %d: not within %v: %s", kind, n, limit, what)
			}
			time.Sleep(max(m.delay, time.Since(start)/100))
			synctest.Wait()
		}
		return time.Since(start)
	}
	m.shape(kind, n)
	know := took(10*time.Minute, "all know all", m.allKnow(m.routers, m.routers))
	time.Sleep(5 * time.Minute) // what was queued has been sent

	before, idle := m.total(), 2*time.Minute
	time.Sleep(idle)
	after := m.total()
	per := float64(n) * idle.Seconds()

	m.routers[0].originate("flooded")
	flood := took(time.Minute, "the flood", m.allGot("flooded"))
	for _, r := range m.routers {
		r.flood = false
	}
	if err := m.routers[0].Broadcast("key", []byte("broadcast")); err != nil {
		m.t.Fatal(err)
	}
	m.routers[0].originate("broadcast")
	broadcast := took(time.Minute, "the broadcast", m.allGot("broadcast"))
	m.kill(m.routers[n-1])
	buried := took(20*time.Minute, "all buried it", m.allKnow(m.routers, m.routers))
	m.t.Logf("%-8s  %7d  %12v  %12.0f  %14.1f  %13v  %12v  %12v", kind, n, know.Round(10*time.Millisecond),
		float64(after.Bytes-before.Bytes)/per, float64(after.Packets-before.Packets)/per,
		flood, broadcast.Round(time.Millisecond), buried.Round(time.Second))
}

// total is what all routers counted.
func (m *mesh) total() (sum Stats) {
	for _, r := range m.routers {
		s := r.Stats()
		sum.Bytes += s.Bytes
		sum.Packets += s.Packets
	}
	return sum
}
