package addrtable

import (
	"fmt"
	"math/rand/v2"
	"os"
	"testing"
	"time"
)

// seeds is how many random sequences a test tries for each shape of mesh.
func seeds() uint64 {
	if os.Getenv("MESHWAY_SOAK") != "" {
		return 40
	}
	return 2
}

// everyShape runs a story in meshes of several shapes, with several seeds.
func everyShape(t *testing.T, story func(m *mesh, r *rand.Rand)) {
	for _, shape := range shapes {
		for seed := range seeds() {
			t.Run(fmt.Sprint(shape.name, seed), func(t *testing.T) {
				r := rand.New(rand.NewPCG(seed, 1))
				story(shape.build(t, r), r)
			})
		}
	}
}

func TestAllCopiesEqualTheOwnersTables(t *testing.T) {
	everyShape(t, func(m *mesh, r *rand.Rand) {
		for range 20 {
			m.changes(r, 100)
			m.run(time.Duration(r.IntN(60)) * time.Millisecond)
		}
		m.run(500 * time.Millisecond)
		m.wantEqual("after many changes")
	})
}

func TestCopiesEqualAfterAdjacenciesCameAndWent(t *testing.T) {
	everyShape(t, func(m *mesh, r *rand.Rand) {
		for range 20 {
			m.changes(r, 100)
			w := m.ways[r.IntN(len(m.ways))]
			a, b := m.place(w.from), m.place(w.to)
			m.cut(a, b)
			m.run(time.Duration(r.IntN(60)) * time.Millisecond)
			m.changes(r, 100)
			m.run(time.Duration(r.IntN(60)) * time.Millisecond)
			m.join(a, b)
			m.run(time.Duration(r.IntN(60)) * time.Millisecond)
		}
		m.run(5 * time.Second)
		m.wantEqual("after adjacencies came and went")
	})
}

func TestCopiesEqualAfterRoutersRestarted(t *testing.T) {
	everyShape(t, func(m *mesh, r *rand.Rand) {
		for range 15 {
			m.changes(r, 100)
			m.run(time.Duration(r.IntN(60)) * time.Millisecond)
			m.restart(r.IntN(len(m.nodes)))
			m.run(time.Duration(r.IntN(60)) * time.Millisecond)
		}
		m.run(5 * time.Second)
		m.wantEqual("after routers restarted")
	})
}

func TestCopiesEqualAfterMessagesWereLostBehindTheProtocolsBack(t *testing.T) {
	everyShape(t, func(m *mesh, r *rand.Rand) {
		for range 20 {
			m.changes(r, 100)
			m.ways[r.IntN(len(m.ways))].lose = 1 + r.IntN(3)
			m.run(time.Duration(r.IntN(100)) * time.Millisecond)
		}
		for _, w := range m.ways {
			w.lose = 0
		}
		m.run(8 * time.Second)
		m.wantEqual("after messages were lost")
	})
}

func TestAnEntryThatChangedTenTimesIsSentOnce(t *testing.T) {
	m := line(t, 2)
	m.run(100 * time.Millisecond)
	was := m.bytes
	m.set(0, "other", Entry{}) // sent at once, so that what follows has to wait
	m.run(time.Millisecond)
	for i := range 1000 {
		m.set(0, "busy", Entry{Phase: uint8(i)})
	}
	m.run(200 * time.Millisecond)
	m.wantEqual("after 1000 changes")
	if n := m.bytes - was; n > 200 {
		t.Errorf("1000 changes of one address took %d bytes", n)
	}
}

func TestChangesCrossEachAdjacencyOnce(t *testing.T) {
	m := line(t, 5)
	m.run(100 * time.Millisecond)
	was := m.sent
	m.set(2, "news", Entry{})
	m.run(10 * time.Second)
	m.wantEqual("after one change")
	if n := m.sent - was; n != 4 {
		t.Errorf("one change took %d messages over 4 adjacencies", n)
	}
}

func TestChangesComeToAnEndInARing(t *testing.T) {
	m := line(t, 6)
	m.join(5, 0)
	m.run(100 * time.Millisecond)
	was := m.sent
	m.set(0, "news", Entry{})
	m.run(10 * time.Second)
	m.wantEqual("after one change")
	if n := m.sent - was; n > 7 {
		t.Errorf("one change took %d messages over 6 adjacencies", n)
	}
}

func TestOnlyWhatIsMissingIsSentAfterAShortLossOfAnAdjacency(t *testing.T) {
	m := line(t, 3)
	for i := range 5000 {
		m.set(0, fmt.Sprintf("queue/%06d", i), Entry{})
	}
	m.run(time.Second)
	m.cut(0, 1)
	m.set(0, "meanwhile", Entry{})
	m.delete(0, "queue/000007")
	m.run(time.Second)
	was := m.bytes
	m.join(0, 1)
	m.run(time.Second)
	m.wantEqual("after a short loss")
	if n := m.bytes - was; n > 1000 {
		t.Errorf("two changes took %d bytes", n)
	}
}

func TestANeighbourThatWasAwayTooLongForTheTombstonesLosesNoAddressForAMoment(t *testing.T) {
	m := line(t, 3)
	for i := range 3000 {
		m.set(0, fmt.Sprintf("queue/%06d", i), Entry{})
	}
	m.run(time.Second)
	m.cut(0, 1)
	for i := range 3000 {
		switch i % 3 {
		case 0:
			m.delete(0, fmt.Sprintf("queue/%06d", i))
		case 1:
			m.set(0, fmt.Sprintf("queue/%06d", i), Entry{Flags: Open})
		}
	}
	tb := m.nodes[0].tables.byOwner[m.nodes[0].owner()]
	if tb.floor == 0 {
		t.Fatal("all tombstones are still there")
	}
	m.join(0, 1)
	for range 250 {
		m.run(2 * time.Millisecond)
		for i := 1; i < 3000; i += 13 {
			if i%3 == 0 {
				continue
			}
			if addr := fmt.Sprintf("queue/%06d", i); len(m.nodes[2].tables.Owners(addr, nil)) != 1 {
				t.Fatalf("%s is gone, but it never was deleted", addr)
			}
		}
	}
	m.wantEqual("after a long loss")
	was := m.sent
	m.run(5 * time.Second)
	want(t, "messages afterwards", m.sent-was, 0)
}

func TestANewRouterLearnsATableWithoutItsTombstonesOnce(t *testing.T) {
	p := newPair(t, Options{})
	p.fill(10_000)
	for i := range 5000 {
		p.own.Delete(device(i * 2))
	}
	if p.own.table.floor == 0 {
		t.Fatal("all tombstones are still there")
	}
	p.bytes = 0
	p.exchange()
	want(t, "addresses", p.target.total, 5000)
	if p.bytes > 5000*20 {
		t.Errorf("5000 addresses took %d bytes", p.bytes)
	}
	if s := p.target.Status()[0]; !s.Exact || s.Digest != p.own.table.digest {
		t.Errorf("it is not the owner's table: %+v", s)
	}
}

func TestABulkOfOneTableDoesNotKeepOutAChangeOfAnother(t *testing.T) {
	m := line(t, 3)
	m.run(100 * time.Millisecond)
	for i := range 20_000 {
		m.set(0, fmt.Sprintf("queue/%06d", i), Entry{})
	}
	m.run(5 * time.Millisecond)
	m.set(1, "small", Entry{})
	m.run(60 * time.Millisecond)
	if len(m.nodes[2].tables.Owners("small", nil)) == 0 {
		t.Error("the change waited for the bulk")
	}
	if len(m.nodes[2].tables.Owners("queue/019999", nil)) != 0 {
		t.Error("the bulk was through already: this proves nothing")
	}
}

func TestChangesOfSeveralOwnersShareAMessage(t *testing.T) {
	p := newPair(t, Options{})
	for i := range 20 {
		own, err := p.source.Originate(Owner{Edge, fmt.Sprint(i)}, 1)
		if err != nil {
			t.Fatal(err)
		}
		if err := own.Set("queue", Entry{}); err != nil {
			t.Fatal(err)
		}
	}
	p.pass(p.source, "target", p.target, "source")
	want(t, "addresses after one message", p.target.total, 20)
}

func TestMessagesArePacedUnlessSomethingIsUrgent(t *testing.T) {
	p := newPair(t, Options{})
	if _, due := p.source.Due("target", p.now); due {
		t.Error("something is due, but nothing has changed")
	}
	p.now = p.now.Add(time.Minute)
	p.fill(1)
	if wait, due := p.source.Due("target", p.now); !due || wait != 0 {
		t.Errorf("the first change after a quiet minute is due: %v, in %v", due, wait)
	}
	p.exchange()
	p.fill(2)
	p.now = p.now.Add(20 * time.Millisecond)
	if wait, due := p.source.Due("target", p.now); !due || wait != 30*time.Millisecond {
		t.Errorf("20 ms after a message, a change is due: %v, in %v", due, wait)
	}
	p.source.AdjacencyUp("target")
	if wait, due := p.source.Due("target", p.now); !due || wait != 0 {
		t.Errorf("for a new adjacency, something is due: %v, in %v", due, wait)
	}
}

func TestASlowNeighbourCostsNoMemory(t *testing.T) {
	p := newPair(t, Options{})
	for i := range 30_000 { // none of which is sent
		if err := p.own.Set(device(i%1000), Entry{Phase: uint8(i / 1000)}); err != nil {
			t.Fatal(err)
		}
		if err := p.own.Set("short", Entry{}); err != nil {
			t.Fatal(err)
		}
		p.own.Delete("short")
		if i%2 == 0 {
			if err := p.own.Set(fmt.Sprint("once/", i), Entry{}); err != nil {
				t.Fatal(err)
			}
			p.own.Delete(fmt.Sprint("once/", i))
		}
	}
	checkTables(t, p.source)
	p.exchange()
	if got, want := p.target.Status()[0].Digest, p.source.Status()[0].Digest; got != want {
		t.Errorf("digest %x, want %x", got, want)
	}
}
