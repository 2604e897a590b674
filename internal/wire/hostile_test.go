package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"runtime"
	"slices"
	"testing"
)

func TestMalformedValues(t *testing.T) {
	tests := []struct{ name, bytes, err string }{
		{"unknown constructor", "01", "unknown constructor 0x01"},
		{"unknown constructor of a known width", "57 00", "unknown constructor 0x57"},
		{"unknown constructor in a list", "c0 02 01 ff", "unknown constructor 0xff"},
		{"list8 without room for its count", "c0 00 00", "list has size 0"},
		{"map8 without room for its count", "c1 00 00", "map has size 0"},
		{"array8 without room for its count", "e0 00 00", "array has size 0"},
		{"list32 without room for its count", "d0 00000000 00000000", "list has size 0"},
		{"array without room for its constructor", "e0 01 00", "no room for its constructor"},
		{"array without room after its descriptor", "e0 04 00 00 53 01", "value runs beyond"},
		{"count beyond the bytes", "c0 02 05 40", "list claims 5 elements in 1 bytes"},
		{"bytes beyond the count", "c0 03 01 40 40", "list has 1 bytes after its last element"},
		{"array with bytes beyond its count", "e0 04 01 50 01 02", "array has 1 bytes after its last element"},
		{"array count beyond the bytes", "e0 03 02 50 01", "array claims 2 elements in 1 bytes"},
		{"array count beyond the bytes of wide elements", "e0 06 02 70 00000001", "array claims 2 elements in 4 bytes"},
		{"map with an odd count [1.6.23]", "c1 02 01 40", "odd number of elements, 1"},
		{"map32 with an odd count [1.6.23]", "d1 00000007 00000003 40 40 40", "odd number of elements, 3"},
		{"array of map8 with an odd count", "e0 05 01 c1 02 01 40", "odd number of elements, 1"},
		{"element beyond its list", "c0 04 01 a0 05 00 00 00 00 00", "value runs beyond the list"},
		{"string32 beyond its list", "c0 06 01 b1 ffffffff 00", "value runs beyond the list"},
		{"list beyond its list", "c0 04 01 c0 09 00 00 00 00 00 00 00 00 00", "value runs beyond the list"},
		{"array of nested descriptors", "e0 08 01 00 53 01 00 53 02 40", "array of described value"},
		{"array of an unknown constructor", "e0 03 01 99 00", "array of unknown constructor 0x99"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := unhex(t, tt.bytes)
			_, err := SkipValue(b)
			wantFault(t, err, tt.err)
			if errors.Is(err, ErrShort) {
				t.Fatal("more bytes would not help")
			}
			_, _, err = DecodeValue(b)
			wantFault(t, err, tt.err)
		})
	}
}

// Faults that a structure does not show.
func TestMalformedContent(t *testing.T) {
	tests := []struct{ name, bytes, err string }{
		{"boolean of 2 [1.6.2]", "56 02", "boolean is 2"},
		{"surrogate [1.6.16]", "73 0000d800", "0xd800 is not a character"},
		{"beyond Unicode [1.6.16]", "73 00110000", "0x110000 is not a character"},
		{"negative character", "73 ffffffff", "0xffffffff is not a character"},
		{"string that is not UTF-8 [1.6.20]", "a1 01 ff", "not valid UTF-8"},
		{"in a list", "c0 04 01 a1 01 ff", "not valid UTF-8"},
		{"as a map's key", "c1 05 02 a1 01 ff 40", "not valid UTF-8"},
		{"as a map's value", "c1 05 02 40 a1 01 ff", "not valid UTF-8"},
		{"in an array", "e0 04 01 a1 01 ff", "not valid UTF-8"},
		{"as a descriptor", "00 a1 01 ff 40", "not valid UTF-8"},
		{"as an array's descriptor", "e0 06 00 00 a1 01 ff 40", "not valid UTF-8"},
		{"symbol that is not ASCII [1.6.21]", "a3 01 80", "not ASCII"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := unhex(t, tt.bytes)
			_, _, err := DecodeValue(b)
			wantFault(t, err, tt.err)
			if _, err := SkipValue(b); err != nil {
				t.Fatalf("SkipValue: %v", err)
			}
		})
	}
}

// wrapper makes what stands before an inner value of n bytes, and behind it.
type wrapper func(n int) (head, tail []byte)

// nested wraps null n times.
func nested(n int, wrap wrapper) []byte {
	size := 1
	var heads, tails [][]byte
	for range n {
		head, tail := wrap(size)
		size += len(head) + len(tail)
		heads, tails = append(heads, head), append(tails, tail)
	}
	slices.Reverse(heads)
	return slices.Concat(slices.Concat(heads...), []byte{ctorNull}, slices.Concat(tails...))
}

// long is the head of a container in its long form, with n bytes of elements.
func long(ctor byte, n, count int) []byte {
	b := binary.BigEndian.AppendUint32([]byte{ctor}, uint32(n+4))
	return binary.BigEndian.AppendUint32(b, uint32(count))
}

var wrappers = map[string]wrapper{
	"lists":            func(n int) (head, tail []byte) { return long(ctorList32, n, 1), nil },
	"maps":             func(n int) (head, tail []byte) { return append(long(ctorMap32, n+1, 2), ctorTrue), nil },
	"described values": func(int) (head, tail []byte) { return []byte{ctorDescribed, ctorSmallUlong, 1}, nil },
	"descriptors":      func(int) (head, tail []byte) { return []byte{ctorDescribed}, []byte{ctorNull} },
	// An array of one array carries the constructor of the inner.
	"arrays": func(n int) (head, tail []byte) { return long(ctorArray32, n, 1), nil },
}

func TestNestingIsBounded(t *testing.T) {
	for name, wrap := range wrappers {
		t.Run(name, func(t *testing.T) {
			b := nested(MaxDepth, wrap)
			if _, err := SkipValue(b); err != nil {
				t.Fatalf("%d deep: %v", MaxDepth, err)
			}
			v, _, err := DecodeValue(b)
			if err != nil {
				t.Fatalf("%d deep: %v", MaxDepth, err)
			}
			again, err := AppendValue(nil, v)
			if err != nil {
				t.Fatalf("encode %d deep: %v", MaxDepth, err)
			}
			if w, _, err := DecodeValue(again); err != nil || !same(v, w) {
				t.Fatalf("decode again: %v, %v", w, err)
			}
			for _, n := range []int{MaxDepth + 1, 10_000} {
				b := nested(n, wrap)
				_, err := SkipValue(b)
				wantFault(t, err, "nested more than 32 deep")
				_, _, err = DecodeValue(b)
				wantFault(t, err, "nested more than 32 deep")
				if name == "described values" {
					_, err = span(b)
					wantFault(t, err, "nested more than 32 deep")
				}
				// The same within what is read for every message and link.
				head, _ := wrappers["maps"](len(b))
				x := Flow{Properties: append(head, b...)}
				_, err = decodeComposite(x.Append(nil))
				wantFault(t, err, "flow.properties: nested more than 32 deep")
			}
		})
	}
}

func TestManyElementsWithoutBytesAreRefused(t *testing.T) {
	for _, ctor := range []byte{ctorNull, ctorTrue, ctorFalse, ctorUint0, ctorUlong0, ctorList0} {
		array := func(n uint32) []byte {
			b := binary.BigEndian.AppendUint32([]byte{ctorArray32, 0, 0, 0, 5}, n)
			return append(b, ctor)
		}
		if _, _, err := DecodeValue(array(MaxZeroWidth)); err != nil {
			t.Fatal(err)
		}
		for _, n := range []uint32{MaxZeroWidth + 1, 1 << 31, 1<<32 - 1} {
			_, err := SkipValue(array(n))
			wantFault(t, err, "elements without bytes")
			_, _, err = DecodeValue(array(n))
			wantFault(t, err, "elements without bytes")
		}
		// Not in several arrays together either.
		list, err := AppendValue(nil, []any{Raw(array(MaxZeroWidth)), Raw(array(1))})
		if err != nil {
			t.Fatal(err)
		}
		_, _, err = DecodeValue(list)
		wantFault(t, err, "elements without bytes")
	}
}

// What a value costs to decode is bounded by the bytes that a peer had to send
// for it, whatever it claims.
func TestDecodingAllocatesInProportionToItsInput(t *testing.T) {
	const perByte = 100
	inputs := map[string][]byte{
		"list of nulls":   append(long(ctorList32, 65536, 65536), bytes.Repeat([]byte{ctorNull}, 65536)...),
		"list of list0":   append(long(ctorList32, 65536, 65536), bytes.Repeat([]byte{ctorList0}, 65536)...),
		"array of ubytes": slices.Concat(long(ctorArray32, 65537, 65536), []byte{ctorUbyte}, make([]byte, 65536)),
	}
	// Lists in lists, all of which claim as many elements as they have bytes.
	liar := bytes.Repeat([]byte{ctorNull}, 65536)
	for range MaxDepth {
		liar = append(long(ctorList32, len(liar), len(liar)), liar...)
	}
	inputs["lists that lie about their counts"] = liar
	for name, b := range inputs {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		v, _, err := DecodeValue(b)
		runtime.ReadMemStats(&after)
		if got := after.TotalAlloc - before.TotalAlloc; got > uint64(perByte*len(b)) {
			t.Errorf("%s: %d bytes allocated for %d bytes (%T, %v)", name, got, len(b), v, err)
		}
		if lies := len(b) == len(liar); (err != nil) != lies {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Every byte of all that the tables have, replaced by every constructor and by
// the edges of lengths: an error or not, but no panic.
func TestFlippedBytesDoNotPanic(t *testing.T) {
	others := []byte{0, 1, 2, 0x7f, 0x80, 0xfe, 0xff}
	for c, name := range ctorNames {
		if name != "" {
			others = append(others, byte(c))
		}
	}
	flip := func(b []byte) {
		for i, was := range b {
			for _, b[i] = range others {
				decodeComposite(b)
				ParsePerformative(b)
				ParseState(b)
				NextSection(b)
				DecodeValue(b)
				ParseMessage(b)
			}
			b[i] = was
		}
	}
	for _, tt := range goldens {
		flip(unhex(t, tt.bytes))
	}
	for _, tt := range values {
		flip(unhex(t, tt.bytes))
	}
	flip(encoded(t, fullMessage))
}
