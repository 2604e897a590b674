package addrtable

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"
)

// line of changes as a message has it, made by hand.
type change struct {
	version uint64
	name    string
	dead    bool
	value   []byte
}

func spanOf(o Owner, incarnation, from, to uint64, width int, extraHead string, changes ...change) []byte {
	w := &writer{limit: math.MaxInt}
	w.begin(kindChanges)
	w.buf = binary.BigEndian.AppendUint64(w.buf, to)
	w.buf = append(w.buf, make([]byte, 9)...)
	w.owner(o, incarnation)
	w.number(from)
	w.number(0)
	w.number(uint64(width))
	w.buf = append(w.buf, extraHead...)
	w.body()
	before := from
	for _, c := range changes {
		head := (c.version - before) << 1
		if c.dead {
			head |= 1
		}
		before = c.version
		w.number(head)
		w.number(0)
		w.number(uint64(len(c.name)))
		w.buf = append(w.buf, c.name...)
		w.buf = append(w.buf, c.value...)
	}
	w.end()
	return w.buf
}

func recordOf(k kind, body string) []byte {
	w := &writer{limit: math.MaxInt}
	w.begin(k)
	w.body()
	w.buf = append(w.buf, body...)
	w.end()
	return w.buf[1:]
}

func TestWhatALaterReleaseAddsIsSkipped(t *testing.T) {
	ts := listening(t)
	msg := []byte{format}
	msg = append(msg, recordOf(200, "a kind that does not exist yet")...)
	msg = append(msg, spanOf(source, 1, 0, 2, 4, "a field that does not exist yet",
		change{1, "one", false, []byte{byte(Open), 0, 7, 7}},
		change{2, "two", false, []byte{0, 3, 7, 7}})[1:]...)
	msg = append(msg, recordOf(200, "")...)
	if _, err := ts.Receive("peer", msg, noon); err != nil {
		t.Fatal(err)
	}
	for addr, e := range map[string]Entry{"one": {Flags: Open}, "two": {Phase: 3}} {
		if got := ts.Owners(addr, nil); len(got) != 1 || got[0] != (OwnerRef{source, e}) {
			t.Errorf("%s: %v, want %v", addr, got, e)
		}
	}
}

func TestAWrongRecordCostsItselfAlone(t *testing.T) {
	good := func(id string) []byte {
		return spanOf(Owner{Router, id}, 1, 0, 1, 2, "", change{1, "addr/" + id, false, []byte{0, 0}})[1:]
	}
	ok := []byte{0, 0}
	for name, bad := range map[string][]byte{
		"no owner":                spanOf(Owner{Router, ""}, 1, 0, 1, 2, "")[1:],
		"an id too long":          spanOf(Owner{Router, strings.Repeat("x", 256)}, 1, 0, 1, 2, "")[1:],
		"no incarnation":          spanOf(source, 0, 0, 1, 2, "")[1:],
		"backward":                spanOf(source, 1, 2, 1, 2, "")[1:],
		"beyond the end":          spanOf(source, 1, 0, 1, 2, "", change{2, "x", false, ok})[1:],
		"no version":              spanOf(source, 1, 0, 1, 2, "", change{0, "x", false, ok})[1:],
		"versions without an end": spanOf(source, 1, 0, math.MaxUint64, 2, "")[1:],
		"values too short":        spanOf(source, 1, 0, 1, 1, "", change{1, "x", false, []byte{0}})[1:],
		"no value":                spanOf(source, 1, 0, 1, 2, "", change{1, "x", false, nil})[1:],
		"an empty address":        spanOf(source, 1, 0, 1, 2, "", change{1, "", false, ok})[1:],
		"an address too long":     spanOf(source, 1, 0, 1, 2, "", change{1, strings.Repeat("x", MaxAddress+1), false, ok})[1:],
		"a second entry cut off":  spanOf(source, 1, 0, 2, 2, "", change{1, "one", false, ok}, change{2, "two", false, nil})[1:],
		"an empty head":           recordOf(kindChanges, "body"),
		"nothing asked":           recordOf(kindAsk, ""),
		"no digests":              recordOf(kindSums, "body"),
	} {
		t.Run(name, func(t *testing.T) {
			ts := listening(t)
			ts.Unmask(Owner{Router, "before"})
			ts.Unmask(Owner{Router, "after"})
			msg := append([]byte{format}, good("before")...)
			msg = append(append(msg, bad...), good("after")...)
			_, err := ts.Receive("peer", msg, noon)
			if err == nil || !strings.Contains(err.Error(), "peer") {
				t.Errorf("the neighbour is not named: %v", err)
			}
			for _, addr := range []string{"addr/before", "addr/after"} {
				if len(ts.Owners(addr, nil)) != 1 {
					t.Errorf("%s was lost with it", addr)
				}
			}
			if ts.total != 2 {
				t.Errorf("%d addresses, want 2", ts.total)
			}
			checkTables(t, ts.Tables)
		})
	}
}

func TestAMessageThatIsCutOffIsAnError(t *testing.T) {
	msg := spanOf(source, 1, 0, 2, 2, "", change{1, "one", false, []byte{0, 0}}, change{2, "two", true, nil})
	for n := range msg {
		ts := listening(t)
		_, err := ts.Receive("peer", msg[:n], noon)
		if (err == nil) != (n == 1) { // a message without records is none, but not wrong
			t.Errorf("the first %d of %d bytes: %v", n, len(msg), err)
		}
	}
	ts := listening(t)
	if _, err := ts.Receive("peer", append([]byte{format + 1}, msg[1:]...), noon); err == nil {
		t.Error("a message of another format is accepted")
	}
	if _, err := ts.Receive("stranger", msg, noon); err == nil || !strings.Contains(err.Error(), "stranger") {
		t.Errorf("a message from one that is not adjacent: %v", err)
	}
}

func TestNextKeepsToItsLimit(t *testing.T) {
	p := newPair(t, Options{})
	for i := range 500 {
		if err := p.own.Set(strings.Repeat("x", 1+i*2)+fmt.Sprint(i), Entry{}); err != nil {
			t.Fatal(err)
		}
	}
	for {
		msg := p.source.Next("target", p.now, 0)
		if msg == nil {
			break
		}
		if len(msg) > MinMessage {
			t.Errorf("a message of %d bytes, the limit is %d", len(msg), MinMessage)
		}
		if _, err := p.target.Receive("source", msg, p.now); err != nil {
			t.Fatal(err)
		}
	}
	want(t, "addresses", p.target.total, 500)
}

// All questions and answers at once still fit, and all come through.
func TestManyOwnersWithLongNamesAreIntroduced(t *testing.T) {
	a, b := New(Options{}), New(Options{})
	for i := range 300 {
		own, err := a.Originate(Owner{Edge, fmt.Sprintf("%0*d", maxOwnerID, i)}, math.MaxUint64)
		if err != nil {
			t.Fatal(err)
		}
		if err := own.Set(strings.Repeat("y", MaxAddress), Entry{}); err != nil {
			t.Fatal(err)
		}
	}
	a.AdjacencyUp("b")
	b.AdjacencyUp("a")
	p := &pair{t: t, source: a, target: b, now: noon}
	for more := true; more; {
		more = p.pass(a, "b", b, "a")
		more = p.pass(b, "a", a, "b") || more
	}
	want(t, "addresses", b.total, 300)
}

func TestLookupsGoOnWhileMessagesAreApplied(t *testing.T) {
	p := newPair(t, Options{OnChange: func(string) {}})
	p.fill(2000)
	p.exchange()
	done := make(chan struct{})
	var readers sync.WaitGroup
	for i := range 3 {
		readers.Go(func() {
			var buf []OwnerRef
			for n := i; ; n++ {
				select {
				case <-done:
					return
				default:
				}
				buf = p.target.Owners(device(n%1000), buf[:0]) // these stay as they are
				if len(buf) != 1 || buf[0].Owner != source {
					t.Errorf("%s has owners %v", device(n%1000), buf)
					return
				}
				p.target.Watch(device(n % 3000))
				p.target.Unwatch(device((n + 1) % 3000))
				if n%100 == 0 {
					p.target.Each(func(string, []OwnerRef) bool { return n%200 == 0 })
					p.target.Status()
				}
			}
		})
	}
	for round := range 8 {
		for i := 1000; i < 3000; i++ {
			if i%3 == round%3 {
				p.own.Delete(device(i))
			} else if err := p.own.Set(device(i), Entry{Phase: uint8(round)}); err != nil {
				t.Error(err)
			}
		}
		p.exchange()
		p.target.Tick(p.now)
	}
	close(done)
	readers.Wait()
	checkTables(t, p.target)
}

func TestOwnersAllocatesNothing(t *testing.T) {
	p := newPair(t, Options{})
	long := strings.Repeat("long", 30)
	if err := p.own.Set(long, Entry{}); err != nil {
		t.Fatal(err)
	}
	p.exchange()
	buf := make([]OwnerRef, 0, 4)
	if n := testing.AllocsPerRun(100, func() { buf = p.target.Owners(long, buf[:0]) }); n != 0 || len(buf) != 1 {
		t.Errorf("%v allocations for %d owners", n, len(buf))
	}
}

func TestTheHashesOfTheFormatStayAsTheyAre(t *testing.T) {
	for name, want := range map[string]uint64{
		"a": 0xd71a67f8ff429fc4, "queue/000001": 0xdddb3f1fdb08d34a, "0123456789abcdef": 0x84150d5a97b6627a,
	} {
		if h := hashAddress([]byte(name)); h != want {
			t.Errorf("hash of %q: %#x, want %#x", name, h, want)
		}
	}
	if h := hashEntry(1, 2, Entry{3, 4}); h != 0x925a7b732f9a6c72 {
		t.Errorf("hash of an entry: %#x", h)
	}
}

func FuzzReceive(f *testing.F) {
	p := newPair(f, Options{})
	p.fill(50)
	p.own.Delete(device(3))
	f.Add(p.source.Next("target", p.now, 0))
	m := New(Options{})
	m.AdjacencyUp("peer")
	f.Add(m.Next("peer", noon, 0))
	f.Add(spanOf(source, 1, 0, 3, 2, "", change{1, "one", false, []byte{0, 0}}, change{3, "two", true, nil}))
	f.Add(append([]byte{format}, contentOf(source, 1, allBuckets, 5)...))
	w := &writer{limit: math.MaxInt}
	tb := &table{owner: source}
	tb.incarnation, tb.version = 1, 9
	for _, k := range []kind{kindHave, kindAsk, kindAskSums} {
		w.short(k, tb)
	}
	w.about(kindAskContent, tb)
	w.mask(&allBuckets)
	w.body()
	w.end()
	w.about(kindSums, tb)
	w.body()
	w.buf = append(w.buf, make([]byte, 8*buckets)...)
	w.end()
	f.Add(w.buf)
	f.Fuzz(func(t *testing.T, msg []byte) {
		ts := New(Options{MaxPerOwner: 40})
		for _, neighbour := range []string{"peer", "other"} {
			ts.AdjacencyUp(neighbour)
		}
		ts.Unmask(source)
		own, err := ts.Originate(Owner{Router, "own"}, 1)
		if err != nil {
			t.Fatal(err)
		}
		if err := own.Set(device(1), Entry{}); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			_, err := ts.Receive("peer", bytes.Clone(msg), noon)
			_ = err // any answer will do that is no panic and no damage
			ts.Check(source, 1, 3, 0, noon)
			ts.Tick(noon)
			for _, neighbour := range []string{"peer", "other"} {
				for range 4 {
					ts.Next(neighbour, noon, 0)
				}
			}
		}
		if e, ok := own.Get(device(1)); !ok || e != (Entry{}) {
			t.Error("an own table was changed by a message")
		}
		checkTables(t, ts)
	})
}

// contentOf is a content without entries.
func contentOf(o Owner, incarnation uint64, m mask, to uint64) []byte {
	w := &writer{limit: math.MaxInt}
	s := &span{owner: o, incarnation: incarnation, to: to, newest: to, mask: m, flags: flagLast}
	w.span(kindContent, s)
	w.sealSpan(s)
	return w.buf[1:]
}
