package loadgen

import (
	"bytes"
	"testing"

	"github.com/meshway/meshway/internal/wire"
)

func TestHeadSurvivesEncoding(t *testing.T) {
	for _, size := range []int{headSize, 100, 255, 256, 100_000} {
		m := newMessage(7, size)
		m.stamp(42, 99)
		if h, ok := parseHead(m.payload); !ok || h != (head{7, 42, 99}) {
			t.Errorf("size %d: got %+v, %v", size, h, ok)
		}
		msg, err := wire.ParseMessage(m.payload)
		if err != nil || len(msg.Data) != 1 || len(msg.Data[0]) != size {
			t.Errorf("size %d: not a message with one data section: %v", size, err)
		}
	}
}

func TestHeadBehindOtherSections(t *testing.T) {
	m := newMessage(7, 100)
	m.stamp(1, 2)
	p := (&wire.Header{Durable: true}).Append(nil)
	p = append(p, m.payload...)
	if h, ok := parseHead(p); !ok || h.seq != 1 {
		t.Errorf("got %+v, %v", h, ok)
	}
}

func TestNoHead(t *testing.T) {
	short := newMessage(7, headSize-1)
	short.stamp(1, 2)
	for name, p := range map[string][]byte{
		"empty":      nil,
		"too short":  short.payload,
		"cut":        newMessage(7, 100).payload[:20],
		"other data": wire.AppendData(nil, bytes.Repeat([]byte("x"), 100)),
		"a value":    append(wire.AppendSectionHead(nil, wire.SectionValue), 0x40),
		"no section": {1, 2, 3, 4, 5, 6, 7, 8},
	} {
		if h, ok := parseHead(p); ok {
			t.Errorf("%s: got %+v", name, h)
		}
	}
}

func TestStreamIsAMessage(t *testing.T) {
	const size = 300_000
	s := newStream(size)
	total := s.size()
	var all []byte
	for piece := 1; ; piece = piece*7%50_000 + 1 {
		p := s.next(piece)
		if len(p) == 0 {
			break
		}
		if len(p) > piece {
			t.Fatalf("asked for %d bytes, got %d", piece, len(p))
		}
		all = append(all, p...)
	}
	msg, err := wire.ParseMessage(all)
	if err != nil || uint64(len(all)) != total || len(msg.Data) != 1 || len(msg.Data[0]) != size {
		t.Fatalf("%d bytes, announced %d: %v", len(all), total, err)
	}
	for i, c := range msg.Data[0] {
		if c != filler(uint64(i)) {
			t.Fatalf("byte %d is %q", i, c)
		}
	}
}

func TestStreamOfSeveralSections(t *testing.T) {
	const size = 2*streamSection + 5
	s, check := newStream(size), newStream(size)
	total, heads, n := s.size(), 0, uint64(0)
	for {
		p := s.next(60_000)
		if len(p) == 0 {
			break
		}
		n += uint64(len(p))
		if len(p) == 8 {
			heads++
		}
		if !check.matches(p) {
			t.Fatalf("does not match itself at %d", n)
		}
	}
	if n != total || heads != 3 || check.size() != 0 {
		t.Errorf("got %d bytes of %d in %d sections, %d left", n, total, heads, check.size())
	}
}

func TestOrder(t *testing.T) {
	for name, c := range map[string]struct {
		seqs []uint64
		want Order
	}{
		"in order":           {[]uint64{0, 1, 2, 3}, Order{}},
		"one missing":        {[]uint64{0, 2, 3}, Order{Missing: 1}},
		"first missing":      {[]uint64{2, 3}, Order{Missing: 2}},
		"swapped":            {[]uint64{0, 2, 1, 3}, Order{Reordered: 1}},
		"twice":              {[]uint64{0, 1, 1, 2}, Order{Duplicates: 1}},
		"late, then twice":   {[]uint64{0, 2, 1, 1, 3}, Order{Reordered: 1, Duplicates: 1}},
		"a long way":         {[]uint64{0, 10_000, 10_000}, Order{Missing: 9_999, Duplicates: 1}},
		"forgotten is late":  {[]uint64{0, 10_000, 1}, Order{Missing: 9_998, Reordered: 1}},
		"memory comes round": {[]uint64{0, 4095, 4096, 8191, 4096}, Order{Missing: 4094 + 4094, Duplicates: 1}},
	} {
		var o Order
		var check orderCheck
		for _, s := range c.seqs {
			check.saw(s, &o)
		}
		if o != c.want {
			t.Errorf("%s: got %+v, want %+v", name, o, c.want)
		}
	}
}
