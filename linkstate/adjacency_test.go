package linkstate

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestAnAdjacencyIsNotAnnouncedBeforeAHeartbeat(t *testing.T) {
	a, b := newTestCore(t, "A", 1, start), newTestCore(t, "B", 2, start)
	a.AdjacencyUp("B", 1, start)
	b.AdjacencyUp("A", 1, start)
	exchange(t, a, b, start)
	a.Tick(start.Add(time.Hour))
	exchange(t, a, b, start.Add(time.Hour))
	if len(a.db.records["A"].lsa.Adjacencies) > 0 {
		t.Error("A announces B, of which it heard no heartbeat")
	}
}

func TestAnAdjacencyIsNotAnnouncedBeforeTheDatabasesAgree(t *testing.T) {
	a, b := newTestCore(t, "A", 1, start), newTestCore(t, "B", 2, start)
	a.AdjacencyUp("B", 1, start)
	a.Flush(start)
	now := start
	for range 100 { // heartbeats come, but nothing else gets through
		now = now.Add(HeartbeatInterval)
		a.Heartbeat("B", b.Hash(), now)
		a.Tick(now)
		a.Flush(now)
	}
	if len(a.db.records["A"].lsa.Adjacencies) > 0 {
		t.Error("A announces B, whose database it does not know")
	}
}

func TestTheWaitDoublesUpToAMinute(t *testing.T) {
	want := []time.Duration{0, 1, 2, 4, 8, 16, 32, 60, 60}
	for flaps, seconds := range want {
		if got := (&adjacency{flaps: flaps}).wait(); got != seconds*time.Second {
			t.Errorf("after %d flaps it is %s", flaps, got)
		}
	}
	if got := (&adjacency{flaps: 1 << 40}).wait(); got != longestWait {
		t.Errorf("after very many flaps it is %s", got)
	}
}

// A hub whose neighbours come up together says so in few LSAs; that one is lost it
// says at once.
func TestAHubSharesItsNewsButNotItsLosses(t *testing.T) {
	hub := newTestCore(t, "H", 1, start)
	now := start.Add(time.Minute)
	for i := range 100 {
		id := fmt.Sprintf("R%02d", i)
		hub.AdjacencyUp(id, 1, now)
		hub.Heartbeat(id, hub.Hash(), now)
		hub.Flush(now)
		now = now.Add(time.Millisecond)
	}
	if seq := hub.own.seq; seq > 4 {
		t.Errorf("%d LSAs for 100 adjacencies in 100 ms", seq)
	}
	before := hub.own.seq
	hub.AdjacencyDown("R00", now)
	hub.AdjacencyDown("R01", now)
	if hub.Flush(now); hub.own.seq != before+1 {
		t.Errorf("%d LSAs for two losses in one batch", hub.own.seq-before)
	}
	if l := hub.db.records["H"].lsa; l.Adjacencies[0].Neighbour != "R02" {
		t.Errorf("the hub still announces %v", l.Adjacencies[0])
	}
	at := hub.NextTick()
	hub.Tick(at)
	if hub.Flush(at); len(hub.db.records["H"].lsa.Adjacencies) != 98 {
		t.Errorf("the hub announces %d adjacencies in the end", len(hub.db.records["H"].lsa.Adjacencies))
	}
}

func TestARouterWithMoreNeighboursThanAnLSAHoldsNamesThoseLeftOut(t *testing.T) {
	hub := newTestCore(t, "H", 1, start)
	for i := range 300 {
		id := fmt.Sprintf("%0127d", i)
		hub.AdjacencyUp(id, 1, start)
		hub.Heartbeat(id, hub.Hash(), start)
	}
	now := start.Add(announceEvery)
	out := hub.Flush(now)
	refused, ok := out.Events[len(out.Events)-1].(AdjacenciesRefused)
	l := hub.db.records["H"].lsa
	if !ok || len(refused.Neighbours)+len(l.Adjacencies) != 300 || len(l.Adjacencies) < 200 {
		t.Fatalf("%d announced, %d refused", len(l.Adjacencies), len(refused.Neighbours))
	}
	if got, err := decodeLSA(hub.db.records["H"].raw); err != nil || !reflect.DeepEqual(got, l) {
		t.Errorf("what it sends is not what it has: %v", err)
	}
	if out.Broadcasts != nil {
		t.Error("gossip is given an LSA that does not fit a packet")
	}
}

func TestAdjacenciesThatCannotBeAreRefused(t *testing.T) {
	c := newTestCore(t, "A", 1, start)
	c.AdjacencyUp("A", 1, start)
	c.AdjacencyUp("B/C", 1, start)
	c.AdjacencyUp("B", 0, start)
	c.AdjacencyUp("B", InfiniteCost, start)
	out := c.Flush(start)
	for i, want := range []string{"this router", "slashes", "cost 0", "cost 1073741824"} {
		if got := out.Events[i].String(); !strings.Contains(got, want) {
			t.Errorf("%s: not about %s", got, want)
		}
	}
	if len(out.Messages) > 0 || len(c.adjacencies) > 0 {
		t.Error("something came of them")
	}
}

func TestACostThatChangesIsAnnounced(t *testing.T) {
	a, b, now := neighbours(t)
	a.AdjacencyUp("B", 9, now)
	exchange(t, a, b, now)
	if cost := b.topology.Node(0).Edges[0].Cost; cost != 9 {
		t.Errorf("B sees cost %d", cost)
	}
}
