package linkstate

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
)

func randomLSA(rng *rand.Rand) *LSA {
	l := &LSA{
		Header:   Header{fmt.Sprint("R", rng.IntN(100)), 1 + rng.Uint64N(maxCount), rng.Uint64(), 1 + rng.Uint64N(maxCount)},
		Started:  rng.Uint64(),
		Draining: rng.IntN(2) == 0, TableVersion: rng.Uint64N(3), TableDigest: rng.Uint64N(3),
	}
	for i := range rng.IntN(20) {
		l.Adjacencies = append(l.Adjacencies, Adjacency{fmt.Sprintf("S%02d", i), 1 + rng.Uint32N(MaxCost)})
	}
	return l
}

func TestAnLSAIsWhatItWasBeforeItWasEncoded(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for range 1000 {
		l := randomLSA(rng)
		body, left := encodeLSA(l)
		got, err := decodeLSA(body)
		if err != nil || left != nil || !reflect.DeepEqual(got, l) {
			t.Fatalf("%+v became %+v, %v", l, got, err)
		}
	}
}

// A router of a later version adds fields and frames; it is understood as far as
// they are known here, and its LSA is passed on with all of them.
func TestWhatALaterVersionAddsIsSkippedAndPassedOn(t *testing.T) {
	l := &LSA{Header: Header{"X", 5, 6, 7}, Adjacencies: []Adjacency{{"B", 3}}}
	raw, _ := encodeLSA(l)
	raw = appendField(raw, 1000, []byte("new"))
	neighbour := binary.AppendUvarint(appendString(nil, "C"), 9)
	raw = appendField(raw, tagAdjacency, append(neighbour, "new"...))
	l.Adjacencies = append(l.Adjacencies, Adjacency{"C", 9})
	var p packer
	p.frame(77, []byte("new"))
	p.frame(kindLSA, raw)
	p.frame(kindHash, append(make([]byte, 8), "new"...))

	b := newTestCore(t, "B", 1, start)
	b.AdjacencyUp("A", 1, start)
	b.AdjacencyUp("C", 1, start)
	b.Flush(start)
	b.Receive("A", p.messages()[0], start)
	if got := b.db.records["X"]; got == nil || !reflect.DeepEqual(got.lsa, l) {
		t.Fatalf("B has %+v", got)
	}
	out := b.Flush(start)
	if len(out.Events) > 0 || len(out.Messages) == 0 || len(out.Broadcasts) != 1 {
		t.Fatalf("B says %+v", out)
	}
	for _, m := range append(out.Messages, Message{"C", out.Broadcasts[0].Data}) {
		if m.To == "C" && !bytes.Contains(m.Data, raw) {
			t.Errorf("B passes on %q, which lacks a part of %q", m.Data, raw)
		}
	}
}

func TestMalformedMessagesAreRefusedWithTheReason(t *testing.T) {
	field := func(tag uint64, value ...byte) []byte { return appendField(nil, tag, value) }
	lsa := func(fields ...[]byte) []byte {
		raw, _ := encodeLSA(&LSA{Header: Header{"X", 1, 1, 1}})
		return message(kindLSA, append(raw, bytes.Join(fields, nil)...))
	}
	adjacency := func(id string, cost uint64) []byte {
		return field(tagAdjacency, binary.AppendUvarint(appendString(nil, id), cost)...)
	}
	headers := func(f headersFrame) []byte { return message(kindHeaders, encodeHeaders(f)) }
	entry := func(id string) headerEntry { return headerEntry{Header{id, 1, 1, 1}, false} }
	for _, row := range []struct {
		why string
		msg []byte
	}{
		{"it ends in the middle of a value", nil},
		{"version 0 does not exist", []byte{0}},
		{"at most 32768 are allowed", make([]byte, MaxMessage+1)},
		{"it ends in the middle of a value", []byte{version, kindLSA}},
		{"it ends in the middle of a value", []byte{version, kindLSA, 200}},
		{"it ends in the middle of a value", []byte{version, 0x80}},
		{"it ends in the middle of a value", message(kindHash, []byte{1})},
		{"it ends in the middle of a value", message(kindDone, nil)},
		{"it ends in the middle of a value", message(kindHeaders, nil)},
		{"lacks origin, incarnation or sequence", message(kindLSA, nil)},
		{"lacks origin, incarnation or sequence", message(kindLSA, field(tagOrigin, 'A'))},
		{"router id is empty", lsa(field(tagOrigin))},
		{"contains '/'", lsa(field(tagOrigin, 'A', '/'))},
		{"sequence 0 is not within", lsa(field(tagSeq, 0))},
		{"incarnation 18446744073709551615 is not within", lsa(field(tagIncarnation, binary.AppendUvarint(nil, 1<<64-1)...))},
		{"middle of a value", lsa(field(tagIncarnation, bytes.Repeat([]byte{0xff}, 11)...))},
		{"middle of a value", lsa(field(tagBoot, 1, 2, 3))},
		{"lists itself as its neighbour", lsa(adjacency("X", 1))},
		{"cost 0 of the adjacency", lsa(adjacency("B", 0))},
		{"cost 1073741824 of the adjacency", lsa(adjacency("B", InfiniteCost))},
		{"stands after that", lsa(adjacency("C", 1), adjacency("B", 1))},
		{"stands after that", lsa(adjacency("B", 1), adjacency("B", 2))},
		{"at most 127 are allowed", lsa(adjacency(strings.Repeat("B", 128), 1))},
		{"is not UTF-8", lsa(adjacency("B\xff", 1))},
		{"that is no range", headers(headersFrame{after: "B", upto: "A"})},
		{"is out of order", headers(headersFrame{entries: []headerEntry{entry("B"), entry("A")}})},
		{"is out of order", headers(headersFrame{after: "C", entries: []headerEntry{entry("C")}})},
		{"is out of order", headers(headersFrame{upto: "C", entries: []headerEntry{entry("D")}})},
		{"contains '\\n'", headers(headersFrame{entries: []headerEntry{entry("A\n")}})},
	} {
		c := newTestCore(t, "B", 1, start)
		c.AdjacencyUp("A", 1, start)
		before := c.Hash()
		c.Receive("A", row.msg, start)
		out := c.Flush(start)
		if len(out.Events) != 1 || !strings.Contains(out.Events[0].String(), row.why) || !strings.Contains(out.Events[0].String(), "router A") {
			t.Errorf("of %.40x B says %v, not that %q", row.msg, out.Events, row.why)
		}
		if c.Hash() != before {
			t.Errorf("%.40x (%s) changed the database", row.msg, row.why)
		}
	}
}

func TestOnlyNamesThatCanBePartOfAddressesAreIDs(t *testing.T) {
	for _, id := range []string{"A", "router-1.example.org", "Zürich", strings.Repeat("x", MaxID), "a:b@c"} {
		if err := CheckID(id); err != nil {
			t.Error(err)
		}
	}
	for _, id := range []string{"", "a b", "a/b", "a\tb", "a\x00", "a\u00a0b", "a\u200bb", "a\xff", strings.Repeat("x", MaxID+1)} {
		if CheckID(id) == nil {
			t.Errorf("%q passes", id)
		}
	}
	if _, err := NewCore(Config{ID: "a/b"}); err == nil {
		t.Error("a core has an id that is none")
	}
}

func TestALaterVersionIsRefusedWithAClearWordOncePerNeighbour(t *testing.T) {
	c := newTestCore(t, "B", 1, start)
	for _, neighbour := range []string{"A", "C"} {
		c.AdjacencyUp(neighbour, 1, start)
		for range 3 {
			c.Receive(neighbour, []byte{version + 1, 1, 2, 3}, start)
		}
	}
	events := c.Flush(start).Events
	if len(events) != 2 {
		t.Fatalf("%d words about two neighbours: %v", len(events), events)
	}
	for i, neighbour := range []string{"A", "C"} {
		var newer NewerVersionError
		if e := events[i].(MessageRefused); e.From != neighbour || !errors.As(e.Err, &newer) || newer.Version != version+1 {
			t.Errorf("of %s: %v", neighbour, e)
		}
	}
}

func TestHeadersOfALargeMeshFitSmallMessages(t *testing.T) {
	var entries []headerEntry
	for i := range MaxRouters {
		entries = append(entries, headerEntry{Header{fmt.Sprintf("%0127d", i), maxCount, 1 << 63, maxCount}, true})
	}
	var p packer
	for _, body := range encodeExchange(1, entries) {
		p.frame(kindHeaders, body)
	}
	var got []headerEntry
	after := ""
	for _, m := range p.messages() {
		err := eachFrame(m, func(_ uint64, body []byte) error {
			f, err := decodeHeaders(body)
			if f.after != after {
				t.Errorf("a part is after %q, the last was up to %q", f.after, after)
			}
			after = f.upto
			got = append(got, f.entries...)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if after != "" || !reflect.DeepEqual(got, entries) {
		t.Errorf("%d of %d headers came, up to %q", len(got), len(entries), after)
	}
}

func FuzzLSA(f *testing.F) {
	rng := rand.New(rand.NewPCG(1, 1))
	for range 10 {
		body, _ := encodeLSA(randomLSA(rng))
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		l, err := decodeLSA(body)
		if err != nil {
			return
		}
		again, left := encodeLSA(l)
		if len(left) > 0 {
			return // shorter in than out: numbers may come in fewer bytes than we write
		}
		if got, err := decodeLSA(again); err != nil || !reflect.DeepEqual(got, l) {
			t.Fatalf("%+v became %+v, %v", l, got, err)
		}
	})
}

func FuzzHeaders(f *testing.F) {
	for _, body := range encodeExchange(3, []headerEntry{{Header{"A", 1, 2, 3}, false}, {Header{"B", 4, 5, 6}, true}}) {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		h, err := decodeHeaders(body)
		if err != nil {
			return
		}
		if got, err := decodeHeaders(encodeHeaders(h)); err != nil || !reflect.DeepEqual(got, h) {
			t.Fatalf("%+v became %+v, %v", h, got, err)
		}
	})
}

// FuzzReceive gives a core messages of a neighbour and of gossip that nobody
// checked. It must not panic, keep what it sends within bounds, and go on working.
func FuzzReceive(f *testing.F) {
	a := newTestCore(f, "A", 1, start)
	a.AdjacencyUp("B", 1, start)
	for _, m := range a.Flush(start).Messages {
		f.Add(m.Data)
	}
	raw, _ := encodeLSA(&LSA{Header: Header{"B", maxCount, 1, maxCount}})
	f.Add(message(kindLSA, raw))
	f.Fuzz(func(t *testing.T, msg []byte) {
		b := newTestCore(t, "B", 2, start)
		b.AdjacencyUp("A", 1, start)
		b.Flush(start)
		b.Receive("A", msg, start)
		b.ReceiveBroadcast(msg, start)
		for _, m := range b.Flush(start).Messages {
			if len(m.Data) > MaxMessage {
				t.Fatalf("a message of %d bytes", len(m.Data))
			}
		}
		b.AdjacencyDown("A", start)
		b.AdjacencyUp("A", 1, start)
		a := newTestCore(t, "A", 1, start)
		a.AdjacencyUp("B", 1, start)
		exchange(t, a, b, start)
		if b.db.records["A"] == nil || a.db.records["B"] == nil {
			t.Fatal("A and B do not find each other any more")
		}
	})
}
