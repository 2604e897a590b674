package addrtable

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

var source = Owner{Router, "source"}

func TestAHigherIncarnationEmptiesTheCopyAtOnce(t *testing.T) {
	p := newPair(t, Options{})
	p.fill(20_000)
	p.exchange()
	p.target.Check(source, 2, 1, 0, p.now)
	if n := len(p.target.Owners(device(7), nil)); n != 0 {
		t.Errorf("%d owners of an address of an earlier life", n)
	}
	p.target.Each(func(addr string, _ []OwnerRef) bool {
		t.Errorf("%s is still there", addr)
		return false
	})
	checkTables(t, p.target)
	for range 10 {
		p.target.Tick(p.now)
	}
	checkTables(t, p.target)
	for i := range p.target.shards {
		if cap(p.target.shards[i].entries) != 0 || cap(p.target.shards[i].arena) != 0 {
			t.Fatal("its memory is still held")
		}
	}
	p.target.Check(source, 1, 99, 0, p.now)
	if s := p.target.Status()[0]; s.Incarnation != 2 {
		t.Errorf("an earlier life's word was believed: %+v", s)
	}
}

func TestAnUnreachableOwnersTableIsMaskedAndComesBackAsItWas(t *testing.T) {
	changed := 0
	p := newPair(t, Options{OnChange: func(string) { changed++ }})
	p.target.Watch(device(0))
	p.target.Watch("other")
	p.fill(2)
	p.exchange()
	want(t, "changes as it came", changed, 1)
	p.target.Mask(source, p.now)
	want(t, "owners while masked", len(p.target.Owners(device(0), nil)), 0)
	want(t, "changes as it was masked", changed, 2)
	if err := p.own.Set(device(0), Entry{Phase: 1}); err != nil {
		t.Fatal(err)
	}
	p.exchange()
	want(t, "changes while masked", changed, 2)
	p.target.Mask(source, p.now.Add(9*time.Minute)) // once more changes nothing
	p.target.Tick(p.now.Add(9 * time.Minute))
	p.target.Unmask(source)
	want(t, "owners after", len(p.target.Owners(device(0), nil)), 1)
	want(t, "changes as it was unmasked", changed, 3)
	p.bytes = 0
	p.exchange()
	want(t, "bytes sent for it", p.bytes, 0)

	p.target.Mask(source, p.now)
	p.target.Mask(source, p.now.Add(9*time.Minute))
	p.target.Tick(p.now.Add(10 * time.Minute))
	want(t, "tables after ten minutes", len(p.target.Status()), 0)
	checkTables(t, p.target)
	p.target.Tick(p.now)
	want(t, "entries after ten minutes", p.target.shards[0].live, 0)
}

func TestAnOwnerThatComesBackAfterItsTableWasDroppedIsLearntAnew(t *testing.T) {
	m := line(t, 3)
	m.set(0, "queue", Entry{})
	m.run(time.Second)
	ts := m.nodes[2].tables
	ts.Mask(m.nodes[0].owner(), m.now.Add(-keepMasked))
	ts.Tick(m.now)
	want(t, "addresses after it was dropped", ts.total, 0)
	ts.Unmask(m.nodes[0].owner())
	m.run(4 * time.Second)
	m.wantEqual("after the owner came back")
}

func TestOwnersBeyondTheLimitAreNamedOnce(t *testing.T) {
	var refused []string
	ts := New(Options{OnRefused: func(err error) { refused = append(refused, err.Error()) }})
	for i := range maxOwners + 2 {
		ts.Unmask(Owner{Edge, fmt.Sprint(i)})
	}
	if len(refused) != 1 || !strings.Contains(refused[0], "edge 65536") {
		t.Errorf("told: %q", refused)
	}
}

func TestAnOwnerThatLinkStateDoesNotKnowDoesNotCount(t *testing.T) {
	m := newMesh(t, 3)
	for _, n := range m.nodes[1:] {
		n.tables.Mask(m.nodes[0].owner(), m.now)
	}
	m.join(0, 1)
	m.join(1, 2)
	m.set(0, "queue", Entry{})
	m.run(100 * time.Millisecond)
	want(t, "owners at the neighbour", len(m.nodes[1].tables.Owners("queue", nil)), 0)
	want(t, "entries beyond", m.nodes[2].tables.total, 0)
	m.nodes[1].tables.Unmask(m.nodes[0].owner())
	m.nodes[2].tables.Unmask(m.nodes[0].owner())
	m.run(2 * time.Second)
	m.wantEqual("after the owner became known")
}

func TestATableSeenInOurNameIsContestedAndReplacedByAHigherIncarnation(t *testing.T) {
	m := line(t, 3)
	m.set(0, "ours", Entry{})
	m.run(time.Second)
	// A router that calls itself r00, too, has been at router 2.
	ts := New(Options{})
	own, err := ts.Originate(m.nodes[0].owner(), 7)
	if err != nil {
		t.Fatal(err)
	}
	if err := own.Set("theirs", Entry{}); err != nil {
		t.Fatal(err)
	}
	ts.AdjacencyUp("r02")
	m.nodes[2].tables.AdjacencyUp("stranger")
	for range 3 {
		if msg := m.nodes[2].tables.Next("stranger", m.now, 0); msg != nil {
			if _, err := ts.Receive("r02", msg, m.now); err != nil {
				t.Fatal(err)
			}
		}
		if msg := ts.Next("r02", m.now, 0); msg != nil {
			if _, err := m.nodes[2].tables.Receive("stranger", msg, m.now); err != nil {
				t.Fatal(err)
			}
		}
	}
	m.nodes[2].tables.AdjacencyDown("stranger")
	want(t, "owners of the stranger's address", len(m.nodes[2].tables.Owners("theirs", nil)), 1)

	var contest []Contest
	for range 10 {
		if msg := m.nodes[2].tables.Next("r01", m.now, 0); msg != nil {
			if _, err := m.nodes[1].tables.Receive("r02", msg, m.now); err != nil {
				t.Fatal(err)
			}
		}
		if msg := m.nodes[1].tables.Next("r00", m.now, 0); msg != nil {
			result, err := m.nodes[0].tables.Receive("r01", msg, m.now)
			if err != nil {
				t.Fatal(err)
			}
			contest = append(contest, result.Contested...)
		}
	}
	if len(contest) == 0 || contest[0] != (Contest{m.nodes[0].owner(), 7}) {
		t.Fatalf("contested: %v", contest)
	}
	m.nodes[0].own.Reincarnate(8)
	m.run(3 * time.Second)
	m.wantEqual("after the higher incarnation")
}

func TestTablesBeyondTheLimitsAreRefusedNamedOnceAndTakenLater(t *testing.T) {
	var refused []string
	p := newPair(t, Options{MaxPerOwner: 100, OnRefused: func(err error) { refused = append(refused, err.Error()) }})
	p.fill(150)
	p.exchange()
	s := p.target.Status()[0]
	want(t, "addresses", s.Addresses, 100)
	want(t, "refused", int(s.Refused), 50)
	if len(refused) != 1 || !strings.Contains(refused[0], "router source announces more than 100 addresses") {
		t.Errorf("told: %q", refused)
	}
	if err := p.own.Set("more", Entry{}); err != nil {
		t.Fatal(err)
	}
	p.exchange()
	want(t, "errors", len(refused), 1)
	for i := range 5 {
		p.own.Delete(device(i))
	}
	p.exchange()
	p.now = p.now.Add(3 * time.Second)
	p.target.Tick(p.now)
	p.exchange()
	want(t, "addresses when there is a little room", p.target.Status()[0].Addresses, 95)
	want(t, "errors when there is a little room", len(refused), 1)
	for i := range 100 {
		p.own.Delete(device(i))
	}
	p.exchange()
	want(t, "addresses before the next try", p.target.Status()[0].Addresses, 0)
	p.now = p.now.Add(3 * time.Second)
	p.target.Tick(p.now)
	p.exchange()
	s = p.target.Status()[0]
	want(t, "addresses when there are fewer", s.Addresses, 51)
	if s.Digest != p.source.Status()[0].Digest || !s.Exact {
		t.Errorf("it is not the owner's table: %+v", s)
	}
	checkTables(t, p.target)
}

func TestAllTablesTogetherAreLimited(t *testing.T) {
	var refused []string
	ts := New(Options{MaxTotal: 10, OnRefused: func(err error) { refused = append(refused, err.Error()) }})
	one, err := ts.Originate(Owner{Router, "one"}, 1)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 10 {
		if err := one.Set(device(i), Entry{}); err != nil {
			t.Fatal(err)
		}
	}
	if err := one.Set(device(10), Entry{}); err == nil || !strings.Contains(err.Error(), "the mesh has more than 10 addresses") {
		t.Errorf("an address too many: %v", err)
	}
	if err := one.Set(device(9), Entry{Phase: 1}); err != nil {
		t.Errorf("a change of one that is there: %v", err)
	}
}

func TestAddressesOfImpossibleLengthAreRefused(t *testing.T) {
	p := newPair(t, Options{})
	for _, addr := range []string{"", strings.Repeat("a", MaxAddress+1)} {
		if err := p.own.Set(addr, Entry{}); err == nil {
			t.Errorf("an address of %d bytes is accepted", len(addr))
		}
	}
	longest := strings.Repeat("a", MaxAddress)
	if err := p.own.Set(longest, Entry{}); err != nil {
		t.Fatal(err)
	}
	p.exchange()
	want(t, "owners of the longest", len(p.target.Owners(longest, nil)), 1)
}

func TestOneTableForEachOwner(t *testing.T) {
	ts := New(Options{})
	for _, o := range []Owner{{Router, ""}, {Router, strings.Repeat("r", 256)}} {
		if _, err := ts.Originate(o, 1); err == nil {
			t.Errorf("an id of %d bytes is accepted", len(o.ID))
		}
	}
	if _, err := ts.Originate(source, 1); err != nil {
		t.Fatal(err)
	}
	if _, err := ts.Originate(source, 2); err == nil {
		t.Error("a second table of one owner is accepted")
	}
	if _, err := ts.Originate(Owner{Edge, source.ID}, 2); err != nil {
		t.Errorf("an edge with the id of a router: %v", err)
	}
}

func TestOnlyWatchedAddressesAreToldOf(t *testing.T) {
	var told []string
	p := newPair(t, Options{OnChange: func(addr string) { told = append(told, addr) }})
	p.target.Watch("mine")
	p.target.Watch("mine")
	expect := func(what string, addrs ...string) {
		t.Helper()
		p.exchange()
		if !slices.Equal(told, addrs) {
			t.Errorf("%s: told of %q, want %q", what, told, addrs)
		}
		told = nil
	}
	set := func(addr string, e Entry) {
		t.Helper()
		if err := p.own.Set(addr, e); err != nil {
			t.Fatal(err)
		}
	}
	set("mine", Entry{})
	set("other", Entry{})
	expect("both came", "mine")
	set("mine", Entry{Flags: Open})
	expect("it changed", "mine")
	set("mine", Entry{})
	set("mine", Entry{Flags: Open})
	expect("it changed and changed back")
	p.own.Delete("mine")
	expect("it went", "mine")
	set("mine", Entry{})
	p.own.Delete("mine")
	expect("it came and went")
	p.target.Unwatch("mine")
	set("mine", Entry{})
	expect("no longer watched")
	p.target.Watch("mine")
	p.target.Check(source, 9, 1, 1, p.now)
	expect("another incarnation", "mine")
}

func TestWatchersAreToldThatAnOwnerIsGoneHoweverManyOfThemThereAre(t *testing.T) {
	for name, c := range map[string]struct{ addresses, watched int }{"few watched": {100, 3}, "many watched": {3, 100}} {
		t.Run(name, func(t *testing.T) {
			told := map[string]int{}
			p := newPair(t, Options{OnChange: func(addr string) { told[addr]++ }})
			p.fill(c.addresses + 1)
			p.own.Delete(device(c.addresses))
			p.exchange()
			for i := range c.watched {
				p.target.Watch(device(i))
			}
			p.target.Watch(device(c.addresses))
			p.target.Mask(source, p.now)
			want(t, "told of", len(told), 3)
			for i := range 3 {
				want(t, "told of "+device(i), told[device(i)], 1)
			}
		})
	}
}

func TestEachEndsWhenToldTo(t *testing.T) {
	p := newPair(t, Options{})
	p.fill(100)
	calls := 0
	p.source.Each(func(string, []OwnerRef) bool { calls++; return calls < 7 })
	want(t, "calls", calls, 7)
}

func TestNamesAreKeptOnceAndTheirMemoryIsUsedAgain(t *testing.T) {
	ts := New(Options{})
	var owns []*Own
	for i := range 3 {
		own, err := ts.Originate(Owner{Edge, fmt.Sprint(i)}, 1)
		if err != nil {
			t.Fatal(err)
		}
		owns = append(owns, own)
	}
	for i := range 500 { // these stay, so that no shard becomes empty
		if err := owns[0].Set(fmt.Sprint("always/", i), Entry{}); err != nil {
			t.Fatal(err)
		}
	}
	for round := range 8 {
		for i := range 1000 {
			for _, own := range owns {
				if err := own.Set(fmt.Sprintf("round/%d/%d", round, i), Entry{}); err != nil {
					t.Fatal(err)
				}
			}
		}
		checkTables(t, ts)
		for i := range 1000 {
			for _, own := range owns {
				own.Delete(fmt.Sprintf("round/%d/%d", round, i))
			}
		}
	}
	checkTables(t, ts)
	arena, records := 0, 0
	for i := range ts.shards {
		arena += cap(ts.shards[i].arena)
		records += len(ts.shards[i].addresses)
	}
	if arena > 2500*13*3/2 || records > 2500*2 {
		t.Errorf("after many rounds, %d bytes and %d records for at most 2500 names at a time", arena, records)
	}
}

func want(t *testing.T, what string, got, want int) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %d, want %d", what, got, want)
	}
}
