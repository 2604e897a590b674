package linkstate

import (
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"
)

var start = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)

func newTestCore(t testing.TB, id string, boot uint64, started time.Time) *Core {
	t.Helper()
	c, err := NewCore(Config{ID: id, Boot: boot, Started: started})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// exchange passes messages between two cores until they have no more to say.
func exchange(t *testing.T, a, b *Core, now time.Time) {
	t.Helper()
	for range 100 {
		messages := len(deliver(a, b, now)) + len(deliver(b, a, now))
		if messages == 0 {
			return
		}
	}
	t.Fatalf("%s and %s never stop talking", a.own.id, b.own.id)
}

// deliver passes one core's messages to another, and returns them.
func deliver(from, to *Core, now time.Time) []Message {
	messages := from.Flush(now).Messages
	for _, m := range messages {
		if m.To == to.own.id {
			to.Receive(from.own.id, m.Data, now)
		}
	}
	return messages
}

// neighbours makes two cores that are adjacent and agree.
func neighbours(t *testing.T) (a, b *Core, now time.Time) {
	t.Helper()
	a, b = newTestCore(t, "A", 1, start), newTestCore(t, "B", 2, start)
	a.AdjacencyUp("B", 1, start)
	b.AdjacencyUp("A", 1, start)
	exchange(t, a, b, start)
	a.Heartbeat("B", b.Hash(), start)
	b.Heartbeat("A", a.Hash(), start)
	now = start.Add(announceEvery)
	exchange(t, a, b, now)
	if !a.Synced("B") || !b.Synced("A") || a.topology.Len() != 2 || !a.topology.Equal(b.topology) {
		t.Fatalf("A sees\n%sB sees\n%s", drawing(a.topology), drawing(b.topology))
	}
	return a, b, now
}

// receive gives a core an LSA that somebody has.
func receive(c *Core, l *LSA, now time.Time) {
	raw, _ := encodeLSA(l)
	c.ReceiveBroadcast(message(kindLSA, raw), now)
}

func texts(events []Event) (list []string) {
	for _, e := range events {
		list = append(list, e.String())
	}
	return list
}

func TestAnAdjacencyThatOnlyOneEndReportsDoesNotCount(t *testing.T) {
	a, _, now := neighbours(t)
	receive(a, &LSA{Header: Header{"C", 1, 1, 1}, Adjacencies: []Adjacency{{"A", 1}, {"B", 1}, {"X", 1}}}, now)
	out := a.Flush(now)
	if out.Topology == nil || out.Topology.Len() != 2 || !slices.Equal(out.Topology.Unreachable(), []string{"C"}) {
		t.Errorf("A sees\n%s", drawing(a.topology))
	}
}

func TestAFullMeshRefusesRoutersAndNamesThem(t *testing.T) {
	a, _, now := neighbours(t)
	for i := range MaxRouters {
		receive(a, &LSA{Header: Header{fmt.Sprintf("R%04d", i), 1, 1, 1}}, now)
	}
	events := texts(a.Flush(now).Events)
	if len(a.db.records) != MaxRouters || !slices.Equal(events, []string{"router R4094 is not let in: a mesh has at most 4096 routers"}) {
		t.Fatalf("A knows %d routers, and says %q", len(a.db.records), events)
	}
	now = now.Add(buryAfter)
	a.Tick(now) // those that nobody reaches are buried, and make room
	receive(a, &LSA{Header: Header{"new", 1, 1, 1}}, now)
	if a.db.records["new"] == nil || len(a.db.records) != MaxRouters {
		t.Errorf("the dead keep a living router out")
	}
}

func TestTheForgottenLeaveNothingBehindAndOldCopiesOfThemDoNotLive(t *testing.T) {
	a, _, now := neighbours(t)
	receive(a, &LSA{Header: Header{"C", 5, 1, 1}}, now)
	a.Flush(now)
	now = now.Add(buryAfter)
	a.Tick(now)
	if out := a.Flush(now); !slices.ContainsFunc(out.Events, func(e Event) bool { return e == RouterForgotten{"C"} }) || len(out.Topology.Unreachable()) > 0 {
		t.Fatalf("C is not buried: %v", texts(out.Events))
	}
	hash := a.Hash()
	for _, h := range []Header{{"C", 5, 1, 1}, {"C", 4, 9, 9}} {
		receive(a, &LSA{Header: h}, now)
		if out := a.Flush(now); a.Hash() != hash || out.Messages != nil || out.Broadcasts != nil {
			t.Errorf("an old copy %v came to life", h)
		}
	}
	now = now.Add(forgetAfter)
	a.Tick(now)
	if a.Flush(now); a.db.records["C"] != nil || a.Hash() != hash {
		t.Error("C is not forgotten")
	}
}

func TestANewerLSAReplacesABuriedOne(t *testing.T) {
	a, _, now := neighbours(t)
	receive(a, &LSA{Header: Header{"C", 5, 1, 1}}, now)
	a.Flush(now)
	now = now.Add(buryAfter)
	a.Tick(now)
	a.Flush(now)
	b := newTestCore(t, "fresh", 9, now)
	a.AdjacencyUp("fresh", 1, now)
	b.AdjacencyUp("A", 1, now)
	if exchange(t, a, b, now); b.db.records["A"] == nil || b.db.records["C"] != nil {
		t.Error("the buried are offered to a router that is new")
	}
	for _, h := range []Header{{"C", 6, 2, 1}, {"C", 6, 2, 2}} {
		receive(a, &LSA{Header: h}, now)
		if out := a.Flush(now); out.Topology == nil || !slices.Contains(out.Topology.Unreachable(), "C") {
			t.Errorf("A sees\n%s", drawing(a.topology))
		}
		now = now.Add(buryAfter)
		a.Tick(now)
		a.Flush(now)
	}
	var hash uint64
	for _, e := range a.db.entries() {
		if !e.buried {
			hash += e.sum()
		}
	}
	if hash != a.Hash() {
		t.Error("the hash is not that of what is there")
	}
}

func TestWhoIsReachableIsNotBuriedForANeighboursSake(t *testing.T) {
	a, b, now := neighbours(t)
	f := headersFrame{exchange: 1, entries: []headerEntry{{b.db.records["B"].lsa.Header, true}}}
	a.Receive("B", message(kindHeaders, encodeHeaders(f)), now)
	if out := a.Flush(now); len(out.Events) > 0 || a.Hash() != b.Hash() {
		t.Errorf("A says %v", texts(out.Events))
	}
}

// An LSA that is newer is a sign of life: the ten minutes begin anew. Nothing else
// happens meanwhile that would make anybody look.
func TestSignsOfLifePutOffTheBurial(t *testing.T) {
	a := newTestCore(t, "A", 1, start)
	now := start
	for seq := range uint64(3) {
		receive(a, &LSA{Header: Header{"C", 1, 1, seq + 1}}, now)
		a.Flush(now)
		now = now.Add(buryAfter - time.Second)
		a.Tick(now)
		a.Flush(now)
	}
	if a.db.records["C"].standing == buried {
		t.Fatal("C is buried, though it spoke")
	}
	now = now.Add(time.Second)
	if at := a.NextTick(); !at.Equal(now) {
		t.Errorf("A would look at %s, not at %s", at, now)
	}
	a.Tick(now)
	if a.Flush(now); a.db.records["C"].standing != buried {
		t.Error("C is not buried")
	}
	if at := a.NextTick(); !at.Equal(now.Add(forgetAfter)) {
		t.Errorf("A would forget C at %s", at)
	}
}

func TestTheBurialIsNotForgottenWhenAllWereReachableForLong(t *testing.T) {
	a, _, now := neighbours(t)
	now = now.Add(buryAfter)
	a.Tick(now)
	a.Flush(now)
	a.AdjacencyDown("B", now)
	a.Flush(now)
	for a.db.records["B"].standing != buried {
		at := a.NextTick()
		if at.IsZero() || at.After(now.Add(buryAfter)) {
			t.Fatalf("A waits until %s to bury B, lost at %s", at, now)
		}
		a.Tick(at)
		a.Flush(at)
	}
}

func TestNothingIsHandedOutThatDidNotChange(t *testing.T) {
	a, b, now := neighbours(t)
	a.Heartbeat("B", b.Hash(), now)
	if out := a.Flush(now); !reflect.DeepEqual(out, Output{}) {
		t.Errorf("%+v", out)
	}
	b.SetTable(1, 1, now)
	deliver(b, a, now)
	if out := a.Flush(now); out.Topology != nil {
		t.Error("another table is another topology")
	}
	c := &LSA{Header: Header{"C", 1, 1, 1}}
	receive(a, c, now)
	if out := a.Flush(now); out.Topology == nil || !out.SyncedChanged || len(out.Synced) > 0 {
		t.Errorf("%+v", out)
	}
	c.Seq, c.Adjacencies = 2, []Adjacency{{"B", 1}}
	receive(a, c, now)
	if out := a.Flush(now); out.Topology != nil {
		t.Error("an adjacency that one end reports is another topology")
	}
}
