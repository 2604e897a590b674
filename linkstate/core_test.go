package linkstate

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
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

// What B has comes in many messages. One of them is lost: that A has all is not to
// be believed.
func TestAnExchangeOfHeadersWithAGapDoesNotCount(t *testing.T) {
	a, b := newTestCore(t, "A", 1, start), newTestCore(t, "B", 2, start)
	for i := range 1000 {
		receive(b, &LSA{Header: Header{fmt.Sprintf("R%099d", i), 1, 1, 1}}, start)
	}
	b.Flush(start)
	b.AdjacencyUp("A", 1, start)
	a.AdjacencyUp("B", 1, start)
	a.Flush(start)
	parts := b.Flush(start).Messages
	if len(parts) < 4 {
		t.Fatalf("B says it in %d messages", len(parts))
	}
	for i, m := range parts {
		if i != 1 {
			a.Receive("B", m.Data, start)
		}
	}
	for _, m := range a.Flush(start).Messages {
		b.Receive("A", m.Data, start)
	}
	if b.adjacencies[0].agreed {
		t.Fatal("B believes that A answered all of it")
	}
	now := start.Add(differFor)
	a.Tick(now)
	b.Tick(now)
	exchange(t, b, a, now)
	if !b.adjacencies[0].agreed || len(a.db.records) != 1002 || a.Hash() != b.Hash() {
		t.Errorf("they do not agree after another try: A has %d routers", len(a.db.records))
	}
}

func TestAnAdjacencyThatOnlyOneEndReportsDoesNotCount(t *testing.T) {
	a, _, now := neighbours(t)
	receive(a, &LSA{Header: Header{"C", 1, 1, 1}, Adjacencies: []Adjacency{{"A", 1}, {"B", 1}, {"X", 1}}}, now)
	out := a.Flush(now)
	if out.Topology == nil || out.Topology.Len() != 2 || !slices.Equal(out.Topology.Unreachable(), []string{"C"}) {
		t.Errorf("A sees\n%s", drawing(a.topology))
	}
}

func TestALostFloodIsRepairedOnceHashesDifferedForAWhile(t *testing.T) {
	a, b, now := neighbours(t)
	receive(a, &LSA{Header: Header{"C", 1, 1, 1}}, now)
	a.Flush(now) // what it sends is lost
	if a.Synced("B") {
		t.Error("A takes B for synchronised")
	}
	b.Heartbeat("A", a.Hash(), now)
	if exchange(t, a, b, now); b.db.records["C"] != nil {
		t.Fatal("B knows at once")
	}
	if at := b.NextTick(); !at.Equal(now.Add(differFor)) {
		t.Fatalf("B would look at %s", at)
	}
	now = now.Add(differFor)
	b.Tick(now)
	exchange(t, b, a, now)
	if b.db.records["C"] == nil || !a.Synced("B") || !b.Synced("A") {
		t.Error("B never learns it")
	}
}

func TestExchangesThatChangeNothingBecomeRare(t *testing.T) {
	a, _, now := neighbours(t)
	tries := 0
	for range 600 {
		now = now.Add(HeartbeatInterval)
		a.Heartbeat("B", 12345, now)
		a.Tick(now)
		for _, m := range a.Flush(now).Messages {
			if m.Data[1] == kindHeaders {
				tries++
			}
		}
	}
	if tries < 5 || tries > 15 {
		t.Errorf("%d exchanges in a minute with a router that never agrees", tries)
	}
}

func TestAnLSAIsFloodedToAllButWhereItCameFrom(t *testing.T) {
	a := newTestCore(t, "A", 1, start)
	for _, id := range []string{"B", "C", "D"} {
		a.AdjacencyUp(id, 1, start)
	}
	a.Flush(start)
	raw, _ := encodeLSA(&LSA{Header: Header{"X", 1, 1, 1}})
	told := func(from string) (to []string) {
		a.Receive(from, message(kindLSA, raw), start)
		out := a.Flush(start)
		for _, m := range out.Messages {
			if m.Data[1] == kindLSA {
				to = append(to, m.To)
			}
		}
		for range out.Broadcasts {
			to = append(to, "gossip")
		}
		return to
	}
	if to := told("C"); !slices.Equal(to, []string{"B", "D", "gossip"}) {
		t.Errorf("it goes to %v", to)
	}
	if to := told("B"); to != nil {
		t.Errorf("known already, it goes to %v", to)
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

func TestAHigherIncarnationReplacesABuriedOne(t *testing.T) {
	a, _, now := neighbours(t)
	receive(a, &LSA{Header: Header{"C", 5, 1, 1}}, now)
	a.Flush(now)
	now = now.Add(buryAfter)
	a.Tick(now)
	a.Flush(now)
	receive(a, &LSA{Header: Header{"C", 6, 2, 1}}, now)
	if out := a.Flush(now); out.Topology == nil || !slices.Equal(out.Topology.Unreachable(), []string{"C"}) {
		t.Errorf("A sees\n%s", drawing(a.topology))
	}
}

// Copies of many earlier lives are about. None of them answers, so nobody shares
// the id, however many there are.
func TestLeftoversOfEarlierLivesAreNoSecondRouter(t *testing.T) {
	a, _, now := neighbours(t)
	far := a.own.incarnation + 1000
	for i := range uint64(50) {
		receive(a, &LSA{Header: Header{"A", far, 77, 1 + i}, Started: 1}, now)
		receive(a, &LSA{Header: Header{"A", far + i, 100 + i, 1}, Started: 1}, now)
		if out := a.Flush(now); out.Fatal != nil {
			t.Fatal(out.Fatal)
		}
	}
	if a.own.incarnation < far+49 || len(a.own.rivals) > maxRivals {
		t.Errorf("incarnation %d, %d lives watched", a.own.incarnation, len(a.own.rivals))
	}
	if a.db.records["A"].lsa.Incarnation != a.own.incarnation {
		t.Error("A does not announce that")
	}
}

func TestOfTwoRoutersWithOneIDTheLaterOneStops(t *testing.T) {
	for _, row := range []struct {
		why    string
		other  Config
		stops  bool
		rounds int
	}{
		{"it started earlier", Config{ID: "A", Boot: 1, Started: start.Add(-time.Second)}, true, 10},
		{"it started later", Config{ID: "A", Boot: 9, Started: start.Add(time.Second)}, false, 10},
		{"both at once, ours has the higher boot id", Config{ID: "A", Boot: 1, Started: start}, true, 10},
		{"both at once, ours has the lower boot id", Config{ID: "A", Boot: 9, Started: start}, false, 10},
	} {
		ours := newTestCore(t, "A", 5, start)
		other, _ := NewCore(row.other)
		var stopped, named bool
		for range row.rounds {
			receive(ours, other.db.records["A"].lsa, start)
			out := ours.Flush(start)
			var fatal *DuplicateIDError
			stopped = stopped || errors.As(out.Fatal, &fatal) && fatal.TheyBoot == row.other.Boot
			for _, e := range out.Events {
				_, duplicate := e.(DuplicateID)
				named = named || duplicate
			}
			if stopped {
				break
			}
			receive(other, ours.db.records["A"].lsa, start)
			other.Flush(start)
		}
		if stopped != row.stops || named == row.stops {
			t.Errorf("%s: stopped %v, named %v", row.why, stopped, named)
		}
	}
}

func TestTwoLSAsWithTheSameNumbersAreToldApartByAll(t *testing.T) {
	a, b, now := neighbours(t)
	one, two := &LSA{Header: Header{"X", 1, 1, 1}}, &LSA{Header: Header{"X", 1, 2, 1}}
	receive(a, one, now)
	receive(b, two, now)
	exchange(t, a, b, now)
	if a.Hash() != b.Hash() || a.db.records["X"].lsa.Boot != 2 || b.db.records["X"].lsa.Boot != 2 {
		t.Error("A and B keep different LSAs")
	}
}

func TestTablesThatWereAnnouncedAreHandedOut(t *testing.T) {
	a, b, now := neighbours(t)
	b.SetTable(7, 70, now)
	deliver(b, a, now)
	if out := a.Flush(now); !slices.Equal(out.Tables, []Table{{"B", b.own.incarnation, 7, 70}}) || out.Topology != nil {
		t.Errorf("A hands out %v", out.Tables)
	}
}

func TestBadMessagesAreLoggedOnceAMinute(t *testing.T) {
	a, _, now := neighbours(t)
	logged := 0
	for range 180 {
		a.Receive("B", []byte{version, kindHash, 0}, now)
		a.ReceiveBroadcast([]byte{version, kindLSA, 0}, now)
		logged += len(a.Flush(now).Events)
		now = now.Add(time.Second)
	}
	if logged != 2*3 {
		t.Errorf("%d words in three minutes about two sources", logged)
	}
}

func TestTheHashDependsOnWhatIsThereNotOnHowItCame(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	var list []*LSA
	for i := range 50 {
		list = append(list, &LSA{Header: Header{fmt.Sprint("R", i%20), 1 + rng.Uint64N(3), 1, 1 + rng.Uint64N(3)}})
	}
	var hashes []uint64
	for range 5 {
		c := newTestCore(t, "A", 1, start)
		rng.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
		for _, l := range list {
			receive(c, l, start)
		}
		hashes = append(hashes, c.Hash())
	}
	if slices.Min(hashes) != slices.Max(hashes) {
		t.Errorf("hashes %x", hashes)
	}
}
