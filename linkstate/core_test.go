package linkstate

import (
	"testing"
	"time"
)

var start = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)

// exchange passes messages between two cores until they have no more to say.
func exchange(t *testing.T, a, b *Core, now time.Time) {
	t.Helper()
	for range 100 {
		quiet := true
		for _, c := range []*Core{a, b} {
			other := a
			if c == a {
				other = b
			}
			for _, m := range c.Flush(now).Messages {
				quiet = false
				other.Receive(c.own.id, m.Data, now)
			}
		}
		if quiet {
			return
		}
	}
	t.Fatalf("%s and %s never stop talking", a.own.id, b.own.id)
}

func newTestCore(t *testing.T, id string, boot uint64, started time.Time) *Core {
	t.Helper()
	c, err := NewCore(Config{ID: id, Boot: boot, Started: started})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestTwoRoutersFindEachOtherWithAgreedDatabasesAndHeartbeats(t *testing.T) {
	a, b := newTestCore(t, "A", 1, start), newTestCore(t, "B", 2, start)
	a.AdjacencyUp("B", 1, start)
	b.AdjacencyUp("A", 3, start)
	exchange(t, a, b, start)
	if n := a.topology.Len(); n != 1 {
		t.Fatalf("A sees %d routers before a heartbeat came", n)
	}
	a.Heartbeat("B", b.Hash(), start)
	b.Heartbeat("A", a.Hash(), start)
	at := start.Add(announceEvery)
	exchange(t, a, b, at)
	if a.topology.Len() != 2 || !a.topology.Equal(b.topology) {
		t.Fatalf("A sees %+v, B %+v", a.topology, b.topology)
	}
	if cost := a.topology.Node(0).Edges[0].Cost; cost != 3 {
		t.Errorf("cost %d is not the larger of both", cost)
	}
	if !a.Synced("B") || !b.Synced("A") {
		t.Error("they do not know that they know the same")
	}
}
