package addrtable

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// damage changes a copy in a way that no message did, and says how.
func damage(ts *Tables, tb *table, r *rand.Rand) string {
	ts.mu.Lock()
	defer ts.unlock()
	entries := []ref{}
	for at := tb.head; at != 0; at = ts.entry(at).next {
		if ts.entry(at).state == live {
			entries = append(entries, at)
		}
	}
	if len(entries) == 0 {
		return "nothing"
	}
	at := entries[r.IntN(len(entries))]
	e := *ts.entry(at)
	name := append([]byte(nil), ts.nameOf(at)...)
	spot := ts.spot(tb, name)
	switch r.IntN(5) {
	case 0:
		ts.remove(tb, at)
		return fmt.Sprintf("%q is missing", name)
	case 1:
		ts.store(tb, spot, name, e.version, Entry{e.value.Flags ^ Draining, e.value.Phase}, live, unknown)
		return fmt.Sprintf("%q has other flags", name)
	case 2:
		ts.remove(tb, at)
		extra := []byte("extra")
		ts.store(tb, ts.spot(tb, extra), extra, e.version, e.value, live, unknown)
		return fmt.Sprintf("%q has another name", name)
	case 3:
		ts.remove(tb, at)
		ts.store(tb, ts.spot(tb, name), name, tb.version, e.value, live, unknown)
		return fmt.Sprintf("%q has a later version", name)
	default:
		ts.remove(tb, at)
		ts.store(tb, ts.spot(tb, name), name, e.version, Entry{}, tombstone, unknown)
		return fmt.Sprintf("%q is deleted", name)
	}
}

func TestCopiesEqualAfterTheyWereDamaged(t *testing.T) {
	everyShape(t, func(m *mesh, r *rand.Rand) {
		var what []string
		for range 10 {
			m.changes(r, 100)
			m.run(time.Duration(r.IntN(100)) * time.Millisecond)
			n := m.nodes[r.IntN(len(m.nodes))]
			if tb := n.tables.byOwner[m.nodes[r.IntN(len(m.nodes))].owner()]; !tb.own {
				what = append(what, n.name+"/"+tb.owner.ID+": "+damage(n.tables, tb, r))
			}
		}
		m.run(8 * time.Second)
		m.wantEqual(fmt.Sprintf("after damage %q", what))
	})
}

func TestADamagedCopyOfATableAtRestIsRepaired(t *testing.T) {
	everyShape(t, func(m *mesh, r *rand.Rand) {
		m.changes(r, 1000)
		m.run(time.Second)
		var what []string
		for _, n := range m.nodes {
			for _, other := range m.nodes {
				if n != other && r.IntN(2) == 0 {
					what = append(what, n.name+"/"+other.name+": "+damage(n.tables, n.tables.byOwner[other.owner()], r))
				}
			}
		}
		m.run(20 * time.Second)
		m.wantEqual(fmt.Sprintf("after damage %q", what))
	})
}

func TestADamagedCopyIsRepairedWhileTheTableChanges(t *testing.T) {
	m := line(t, 3)
	r := rand.New(rand.NewPCG(1, 1))
	for i := range 2000 {
		m.set(0, fmt.Sprintf("queue/%06d", i), Entry{})
	}
	m.run(time.Second)
	tb := m.nodes[2].tables.byOwner[m.nodes[0].owner()]
	for i := range 100 {
		if i == 10 {
			m.nodes[2].tables.mu.Lock()
			m.nodes[2].tables.remove(tb, tb.head)
			m.nodes[2].tables.unlock()
		}
		m.set(0, fmt.Sprintf("queue/%06d", 1000+r.IntN(1000)), Entry{Phase: uint8(r.IntN(256))})
		m.run(30 * time.Millisecond)
	}
	if len(m.nodes[2].tables.Owners("queue/000000", nil)) != 1 {
		t.Error("the copy was not repaired in 3 s of changes")
	}
	m.run(time.Second)
	m.wantEqual("after damage and changes")
}

func TestRepairSendsOnlyTheBucketsThatDiffer(t *testing.T) {
	m := line(t, 2)
	for i := range 10_000 {
		m.set(0, fmt.Sprintf("queue/%06d", i), Entry{})
	}
	m.run(time.Second)
	m.wantEqual("at first")
	whole := m.bytes
	ts := m.nodes[1].tables
	tb := ts.byOwner[m.nodes[0].owner()]
	ts.mu.Lock()
	ts.remove(tb, tb.head)
	ts.remove(tb, tb.tail)
	ts.unlock()
	m.run(5 * time.Second)
	m.wantEqual("after repair")
	if n := m.bytes - whole; n > whole/10 {
		t.Errorf("repair took %d bytes, the whole table %d", n, whole)
	}
}

// A neighbour whose copy is wrong, too, is not believed.
func TestADamagedCopyIsNotRepairedFromAnotherDamagedOne(t *testing.T) {
	m := line(t, 3)
	for i := range 100 {
		m.set(0, fmt.Sprintf("queue/%06d", i), Entry{})
	}
	m.run(time.Second)
	for _, n := range m.nodes[1:] {
		ts := n.tables
		ts.mu.Lock()
		tb := ts.byOwner[m.nodes[0].owner()]
		if n == m.nodes[1] {
			ts.remove(tb, tb.tail)
		}
		ts.remove(tb, tb.head)
		ts.unlock()
	}
	m.run(10 * time.Second)
	m.wantEqual("after repair")
}

func TestALostLastMessageIsNoticedByTheOwnersWord(t *testing.T) {
	m := line(t, 2)
	m.run(500 * time.Millisecond)
	m.way(0, 1).lose = 1
	m.set(0, "lost", Entry{})
	m.run(5 * time.Second)
	if m.way(0, 1).lose != 0 {
		t.Fatal("no message was lost")
	}
	m.wantEqual("after the last message was lost")
}

func TestALostMessageIsNoticedByTheNext(t *testing.T) {
	p := newPair(t, Options{})
	p.fill(1)
	if p.source.Next("target", p.now, 0) == nil { // which is lost
		t.Fatal("nothing was sent")
	}
	if err := p.own.Set("second", Entry{}); err != nil {
		t.Fatal(err)
	}
	p.exchange()
	for _, addr := range []string{device(0), "second"} {
		if len(p.target.Owners(addr, nil)) != 1 {
			t.Errorf("%s did not arrive", addr)
		}
	}
}

func TestATombstoneThatIsFreedDoesNotLetAnOldEntryComeBack(t *testing.T) {
	m := line(t, 4)
	m.join(3, 0)
	m.set(0, "gone", Entry{})
	m.run(time.Second)
	// Router 2 stays behind, with the entry; the tombstone is freed elsewhere.
	m.cut(1, 2)
	m.cut(2, 3)
	m.delete(0, "gone")
	for i := range 2000 {
		m.set(0, fmt.Sprintf("queue/%06d", i%400), Entry{Phase: uint8(i)})
		if i%2 == 0 {
			m.delete(0, fmt.Sprintf("queue/%06d", i%400))
		}
	}
	m.run(time.Second)
	m.join(1, 2)
	m.join(2, 3)
	m.run(5 * time.Second)
	m.wantEqual("after router 2 came back")
}
