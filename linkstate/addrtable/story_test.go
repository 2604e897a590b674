package addrtable

import (
	"encoding/binary"
	"fmt"
	"math"
	"testing"
)

// listener is a router with two neighbours, whose messages are made by hand.
type listener struct {
	*Tables
	t *testing.T
}

func listening(t *testing.T) *listener {
	l := &listener{New(Options{}), t}
	l.Unmask(source)
	for _, neighbour := range []string{"peer", "other"} {
		l.AdjacencyUp(neighbour)
		l.receive(neighbour, recordOf(kindHaveEnd, ""))
		l.Next(neighbour, noon, 0)
	}
	return l
}

func (l *listener) receive(neighbour string, records ...[]byte) {
	l.t.Helper()
	msg := []byte{format}
	for _, r := range records {
		msg = append(msg, r...)
	}
	if _, err := l.Receive(neighbour, msg, noon); err != nil {
		l.t.Fatal(err)
	}
	checkTables(l.t, l.Tables)
}

func (l *listener) want(what string, addrs ...string) {
	l.t.Helper()
	want(l.t, "addresses "+what, l.total, len(addrs))
	for _, addr := range addrs {
		want(l.t, "owners of "+addr+" "+what, len(l.Owners(addr, nil)), 1)
	}
}

// made is a record of entries, made by hand.
func made(k kind, s span, changes ...entryOf) []byte {
	w := &writer{limit: math.MaxInt}
	s.owner, s.incarnation = source, 1
	w.span(k, &s)
	before, beforeName := s.from, []byte(nil)
	for _, c := range changes {
		e := &entry{version: c.version, state: live}
		if c.dead {
			e.state = tombstone
		}
		w.entry(before, beforeName, e, []byte(c.name))
		before, beforeName = c.version, []byte(c.name)
	}
	w.sealSpan(&s)
	return w.buf[1:]
}

type entryOf struct {
	version uint64
	name    string
	dead    bool
}

func TestAnEntryOlderThanTheCopyDoesNotComeBack(t *testing.T) {
	l := listening(t)
	l.receive("peer", made(kindChanges, span{to: 20}, entryOf{20, "y", false})) // x was deleted before
	l.receive("other", made(kindChanges, span{from: 0, to: 25}, entryOf{8, "x", false}, entryOf{25, "z", false}))
	l.want("after a message that overlaps", "y", "z")
}

func TestAnEntryThatCameAheadByRepairIsNotOverwrittenByAnOlderOne(t *testing.T) {
	l := listening(t)
	l.receive("peer", made(kindChanges, span{to: 10}, entryOf{10, "y", false}))
	some := allBuckets
	some[0]--
	l.receive("peer", made(kindContent, span{to: 30, newest: 30, mask: some, flags: flagLast},
		entryOf{10, "y", false}, entryOf{30, "x", true}))
	l.receive("other", made(kindChanges, span{from: 10, to: 20}, entryOf{15, "x", false}))
	l.want("after an older change of x", "y")
	l.receive("other", made(kindChanges, span{from: 20, to: 30}, entryOf{30, "x", true}))
	l.want("at the end", "y")
}

func TestChangesWithoutTheTombstonesThatAreNeededAreNotTaken(t *testing.T) {
	l := listening(t)
	l.receive("peer", made(kindChanges, span{to: 5}, entryOf{1, "gone", false}, entryOf{5, "y", false}))
	l.receive("other", made(kindChanges, span{to: 20, floor: 10}, entryOf{5, "y", false}, entryOf{20, "z", false}))
	l.want("after changes from a router that forgot a tombstone", "gone", "y")
	if !l.byOwner[source].marks[l.adjacencies["other"].slot].ask {
		t.Error("the router is not asked for what follows our version")
	}
}

func TestATombstoneIsKeptWhileContentThatMayBeOlderIsOnItsWay(t *testing.T) {
	l := listening(t)
	l.receive("peer", made(kindChanges, span{to: 10}, entryOf{8, "x", false}, entryOf{10, "y", false}))
	l.receive("other", made(kindContent, span{to: 5, newest: 10, mask: allBuckets}))
	var deleted []entryOf
	for i := range 150 {
		deleted = append(deleted, entryOf{uint64(12 + i), device(i), true})
	}
	l.receive("peer", made(kindChanges, span{from: 10, to: 11}, entryOf{11, "x", true}))
	l.receive("peer", made(kindChanges, span{from: 11, to: 161}, deleted...))
	l.Next("other", noon, 1<<20)
	l.receive("peer", made(kindChanges, span{from: 161, to: 162}, entryOf{162, "z", false}))
	l.receive("other", made(kindContent, span{from: 5, to: 10, newest: 10, mask: allBuckets, flags: flagLast},
		entryOf{8, "x", false}, entryOf{10, "y", false}))
	l.want("after content from before x was deleted", "y", "z")
}

func TestContentFromARouterThatIsBehindIsNotTaken(t *testing.T) {
	l := listening(t)
	l.receive("peer", made(kindChanges, span{to: 20}, entryOf{20, "y", false}))
	l.receive("other", made(kindContent, span{to: 10, newest: 10, mask: allBuckets, flags: flagLast}, entryOf{8, "x", false}))
	l.want("after content of version 10", "y")
}

func TestACopyThatBeganWithoutTombstonesDoesNotServeAsIfItHadThem(t *testing.T) {
	l := listening(t)
	l.receive("peer", made(kindChanges, span{to: 20, floor: 15}, entryOf{20, "y", false}))
	l.want("after changes without all tombstones")
	l.receive("peer", made(kindContent, span{to: 30, newest: 30, floor: 25, mask: allBuckets, flags: flagLast}, entryOf{30, "z", false}))
	want(t, "floor after content", int(l.byOwner[source].floor), 25)
	l.want("after content", "z")
}

// An entry at the very place that a repair has reached changes, at both ends.
func TestRepairGoesOnWhileTheEntriesItHasReachedChange(t *testing.T) {
	for _, share := range []int{2, 1} { // of the buckets; all are the whole table
		t.Run(fmt.Sprint("one bucket of ", share), func(t *testing.T) {
			p := newPair(t, Options{})
			p.fill(4000)
			p.exchange()
			tb := p.target.byOwner[source]
			m := &tb.marks[0]
			p.target.mu.Lock()
			var wanted mask
			for i := range buckets {
				if i%share == 0 {
					wanted.add(uint8(i))
				}
			}
			for r := tb.head; r != 0; {
				next := p.target.entry(r).next
				if b := bucketOf(hashAddress(p.target.nameOf(r))); wanted.has(b) && p.target.entry(r).version%3 == 0 {
					p.target.remove(tb, r)
				}
				r = next
			}
			m.want = &wanted
			p.target.enqueue(p.target.adjacencies["source"], tb, true)
			p.target.unlock()
			p.pass(p.target, "source", p.source, "target")

			out := &p.own.table.marks[0]
			rounds := 0
			for more := true; more; rounds++ {
				msg := p.source.Next("target", p.now, 0)
				if more = msg != nil; more {
					if _, err := p.target.Receive("source", msg, p.now); err != nil {
						t.Fatal(err)
					}
				}
				if out.out != nil && out.out.at != 0 {
					alter(t, p, string(p.source.nameOf(out.out.at)), rounds)
				}
				if m.in != nil && m.in.at != 0 {
					alter(t, p, string(p.target.nameOf(m.in.at)), rounds)
				}
				checkTables(t, p.source)
				checkTables(t, p.target)
			}
			if rounds < 4 {
				t.Errorf("it took %d messages: too few to prove anything", rounds)
			}
			if got, want := tb.digest, p.own.table.digest; got != want {
				t.Errorf("digest %x, want %x", got, want)
			}
		})
	}
}

func alter(t *testing.T, p *pair, addr string, n int) {
	t.Helper()
	if err := p.own.Set(addr, Entry{Phase: uint8(n + 1)}); err != nil {
		t.Fatal(err)
	}
}

func TestDigestsThatDoNotAddUpToTheOwnersWordAreNotBelieved(t *testing.T) {
	l := listening(t)
	l.receive("peer", made(kindChanges, span{to: 2, flags: flagExact | flagWord, digest: 1000}, entryOf{2, "y", false}))
	tb := l.byOwner[source]
	if !tb.suspect {
		t.Fatal("a copy with another digest than the owner's is thought to be right")
	}
	m := &tb.marks[l.adjacencies["peer"].slot]
	for _, total := range []uint64{999, 1000} {
		w := &writer{limit: math.MaxInt}
		w.about(kindSums, tb)
		w.body()
		sums := make([]byte, 8*buckets)
		binary.BigEndian.PutUint64(sums, total)
		w.buf = append(w.buf, sums...)
		w.end()
		l.receive("peer", w.buf[1:])
		if asked := m.want != nil; asked != (total == 1000) {
			t.Errorf("digests of %d in all: content asked for: %v", total, asked)
		}
	}
}

func TestACopyThatIsStillCatchingUpIsNotTakenForDamaged(t *testing.T) {
	l := listening(t)
	l.receive("peer", made(kindChanges, span{to: 5}, entryOf{5, "y", false}))
	l.Check(source, 1, 5, 1000, noon)
	if tb := l.byOwner[source]; tb.suspect || tb.exact {
		t.Errorf("it is suspect: %v, exact: %v", tb.suspect, tb.exact)
	}
	l.receive("peer", made(kindChanges, span{from: 5, to: 6, flags: flagExact}, entryOf{6, "z", false}))
	l.Check(source, 1, 6, 1000, noon)
	if tb := l.byOwner[source]; !tb.suspect || !tb.exact {
		t.Errorf("when it has caught up, it is suspect: %v, exact: %v", tb.suspect, tb.exact)
	}
}
