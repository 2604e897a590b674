package linkstate

import (
	"fmt"
	"testing"
	"time"
)

// settled is a random mesh in which all agree, with two adjacencies a router on
// average that it began, and events collected for a millisecond as a busy speaker
// does.
func settled(t testing.TB, size int) *network {
	n := newNetwork(t, 7)
	n.interval = time.Second
	n.batch = time.Millisecond
	randomMesh(n, size)
	n.run(5 * time.Second)
	n.want("after the start")
	n.batch = 0
	return n
}

// change cuts an adjacency, and counts what that costs the whole mesh until all
// agree.
func change(n *network, pair [2]string) (messages, bytes int, took time.Duration) {
	n.messages, n.bytes = 0, 0
	n.cut(pair)
	for began := n.now; ; took = n.now.Sub(began) {
		if n.allAgree() {
			return n.messages, n.bytes, took
		}
		n.run(time.Millisecond)
	}
}

func (n *network) allAgree() bool {
	for _, r := range n.routers {
		for _, a := range r.core.adjacencies {
			if a.open && !a.synced(r.core.Hash()) {
				return false
			}
		}
	}
	return true
}

func TestAChangeCostsAtMostAFewMessagesAnAdjacency(t *testing.T) {
	n := settled(t, 60)
	open := 0
	for _, r := range n.routers {
		open += len(r.near)
	}
	messages, bytes, took := change(n, n.pairs()[0])
	t.Logf("%d ends of adjacencies: %d messages, %d bytes, %s", open, messages, bytes, took)
	// Two routers have a new LSA each. Each LSA goes at most once over each adjacency
	// in each direction, and is acknowledged at most once.
	if messages > 4*open {
		t.Errorf("%d messages over %d ends of adjacencies", messages, open)
	}
	if bytes > 200*messages {
		t.Errorf("%d bytes in %d messages: that is more than LSAs and hashes", bytes, messages)
	}
}

// BenchmarkChange counts what the loss of one adjacency costs the whole mesh, until
// every router knows that every neighbour knows. An adjacency takes a millisecond.
func BenchmarkChange(b *testing.B) {
	for _, size := range []int{200, 500} {
		b.Run(fmt.Sprint(size, " routers"), func(b *testing.B) {
			n := settled(b, size)
			var messages, bytes int
			var took time.Duration
			pairs := n.pairs()
			for i := 0; b.Loop(); i++ {
				pair := pairs[i%len(pairs)]
				m, by, d := change(n, pair)
				messages, bytes, took = messages+m, bytes+by, took+d
				b.StopTimer()
				n.heal(pair)
				n.run(3 * time.Second)
				b.StartTimer()
			}
			b.ReportMetric(float64(messages)/float64(b.N), "messages/op")
			b.ReportMetric(float64(bytes)/float64(b.N), "bytes/op")
			b.ReportMetric(float64(took.Milliseconds())/float64(b.N), "virtual-ms/op")
		})
	}
}

// BenchmarkTopology is what each router computes after a change, before routes.
func BenchmarkTopology(b *testing.B) {
	for _, size := range []int{50, 500} {
		b.Run(fmt.Sprint(size, " routers"), func(b *testing.B) {
			n := settled(b, size)
			c := n.routers["R00"].core
			b.ReportAllocs()
			for b.Loop() {
				c.db.topology("R00", c.topology)
			}
		})
	}
}
