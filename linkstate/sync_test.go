package linkstate

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

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

// A hears of changes all the time, and the way to B is long: what B says of its
// database is always old. That B answered A's headers must do.
func TestAnAdjacencyOverALongWayIsAnnouncedWhileTheMeshChanges(t *testing.T) {
	n := newNetwork(t, 1)
	n.delay = func() time.Duration { return 300 * time.Millisecond }
	n.start("A", "A")
	n.start("B", "B")
	n.link("A", "B", 1, 1)
	for i := range uint64(60) {
		receive(n.routers["A"].core, &LSA{Header: Header{"X", 1, 1, i + 1}}, n.now)
		n.flush(n.routers["A"])
		n.run(50 * time.Millisecond)
	}
	if n.routers["A"].topology.Len() != 2 {
		t.Errorf("after three seconds A sees\n%s", drawing(n.routers["A"].topology))
	}
}

func TestAnAnswerFromBeforeTheConnectionDoesNotCount(t *testing.T) {
	a, _, now := neighbours(t)
	last := a.adjacencies[0].sync.exchange
	a.AdjacencyDown("B", now)
	a.AdjacencyUp("B", 1, now)
	a.Flush(now)
	for _, exchange := range []uint64{0, last, last + 2} {
		a.Receive("B", message(kindDone, binary.AppendUvarint(nil, exchange)), now)
		if a.adjacencies[0].agreed {
			t.Errorf("the answer to exchange %d counts", exchange)
		}
	}
	a.Receive("B", message(kindDone, binary.AppendUvarint(nil, last+1)), now)
	if !a.adjacencies[0].agreed {
		t.Error("the answer to this connection's headers does not count")
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
	raw, _ = encodeLSA(&LSA{Header: Header{"X", 1, 1, 2}})
	a.Receive("B", message(kindLSA, raw), start)
	if to := told("C"); !slices.Equal(to, []string{"D", "gossip"}) {
		t.Errorf("B and C have it, it goes to %v", to)
	}
}

func TestTwoLSAsWithTheSameNumbersAreToldApartByAll(t *testing.T) {
	a, b, now := neighbours(t)
	one, two := &LSA{Header: Header{"X", 1, 1, 1}}, &LSA{Header: Header{"X", 1, 2, 1}}
	receive(a, one, now)
	receive(b, two, now)
	if a.Hash() == b.Hash() {
		t.Error("A and B do not notice that they have different ones")
	}
	exchange(t, a, b, now)
	if a.Hash() != b.Hash() || a.db.records["X"].lsa.Boot != 2 || b.db.records["X"].lsa.Boot != 2 {
		t.Error("A and B keep different LSAs")
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
