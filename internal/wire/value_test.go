package wire

import (
	"bytes"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"
)

var (
	text300 = strings.Repeat("x", 300)
	bytes5k = bytes.Repeat([]byte{7}, 5000)
)

// values are Go values with the bytes that we encode them as.
var values = []struct {
	name  string
	value any
	bytes string
}{
	{"null [1.6.1]", nil, "40"},
	{"true [1.6.2]", true, "41"},
	{"false [1.6.2]", false, "42"},
	{"ubyte [1.6.3]", uint8(255), "50 ff"},
	{"ushort [1.6.4]", uint16(0x102), "60 01 02"},
	{"uint0 [1.6.5]", uint32(0), "43"},
	{"smalluint [1.6.5]", uint32(255), "52 ff"},
	{"uint [1.6.5]", uint32(256), "70 00 00 01 00"},
	{"ulong0 [1.6.6]", uint64(0), "44"},
	{"smallulong [1.6.6]", uint64(255), "53 ff"},
	{"ulong [1.6.6]", uint64(math.MaxUint64), "80 ff ff ff ff ff ff ff ff"},
	{"byte [1.6.7]", int8(-1), "51 ff"},
	{"short [1.6.8]", int16(-2), "61 ff fe"},
	{"smallint [1.6.9]", int32(-128), "54 80"},
	{"int [1.6.9]", int32(128), "71 00 00 00 80"},
	{"smalllong [1.6.10]", int64(127), "55 7f"},
	{"long [1.6.10]", int64(-129), "81 ff ff ff ff ff ff ff 7f"},
	{"float [1.6.11]", float32(1.5), "72 3f c0 00 00"},
	{"double [1.6.12]", float64(-2.25), "82 c0 02 00 00 00 00 00 00"},
	{"decimal32 [1.6.13]", Decimal32{1, 2, 3, 4}, "74 01 02 03 04"},
	{"decimal64 [1.6.14]", Decimal64{0: 1, 7: 2}, "84 01 00 00 00 00 00 00 02"},
	{"decimal128 [1.6.15]", Decimal128{0: 1, 15: 2}, "94 01 00 00 00 00 00 00 00 00 00 00 00 00 00 00 02"},
	{"char [1.6.16]", Char('€'), "73 00 00 20 ac"},
	{"timestamp [1.6.17]", time.UnixMilli(1311704463521).UTC(), "83 00 00 01 31 67 ad b8 a1"},
	{"timestamp before 1970 [1.6.17]", time.UnixMilli(-1).UTC(), "83 ff ff ff ff ff ff ff ff"},
	{"uuid [1.6.18]", UUID{0: 1, 15: 2}, "98 01 00 00 00 00 00 00 00 00 00 00 00 00 00 00 02"},
	{"binary, empty [1.6.19]", []byte{}, "a0 00"},
	{"binary [1.6.19]", []byte{0, 255}, "a0 02 00 ff"},
	{"string, empty [1.6.20]", "", "a1 00"},
	{"string [1.6.20]", "grüße", "a1 07 67 72 c3 bc c3 9f 65"},
	{"symbol [1.6.21]", Symbol("a:b"), "a3 03 61 3a 62"},
	{"list0 [1.6.22]", []any{}, "45"},
	{"list8 [1.6.22]", []any{nil, []any{true}}, "c0 06 02 40 c0 02 01 41"},
	{"map, empty [1.6.23]", Map{}, "c1 01 00"},
	{"map, keys of any type [1.6.23]", Map{{Symbol("k"), "v"}, {uint32(1), nil}, {nil, []any{}}, {[]any{true}, true}},
		"c1 11 08 a3 01 6b a1 01 76 52 01 40 40 45 c0 02 01 41 41"},
	{"array, empty [1.6.24]", Array{Code: ctorInt, Elems: []any{}}, "e0 02 00 71"},
	{"array of symbols [1.6.24]", Array{Code: ctorSym8, Elems: []any{Symbol("a"), Symbol("bc")}}, "e0 07 02 a3 01 61 02 62 63"},
	{"array of nulls", Array{Code: ctorNull, Elems: []any{nil, nil}}, "e0 02 02 40"},
	{"array of true", Array{Code: ctorTrue, Elems: []any{true}}, "e0 02 01 41"},
	{"array of booleans", Array{Code: ctorBool, Elems: []any{true, false}}, "e0 04 02 56 01 00"},
	{"array of smalluint", Array{Code: ctorSmallUint, Elems: []any{uint32(1), uint32(2)}}, "e0 04 02 52 01 02"},
	{"array of uint0", Array{Code: ctorUint0, Elems: []any{uint32(0)}}, "e0 02 01 43"},
	{"array of smalllong", Array{Code: ctorSmallLong, Elems: []any{int64(-1)}}, "e0 03 01 55 ff"},
	{"array of list0", Array{Code: ctorList0, Elems: []any{[]any{}, []any{}}}, "e0 02 02 45"},
	{"array of list8", Array{Code: ctorList8, Elems: []any{[]any{true}, []any{}}}, "e0 07 02 c0 02 01 41 01 00"},
	{"array of map32", Array{Code: ctorMap32, Elems: []any{Map{{true, nil}}}}, "e0 0c 01 d1 00 00 00 06 00 00 00 02 41 40"},
	{"array of arrays", Array{Code: ctorArray8, Elems: []any{Array{Code: ctorUbyte, Elems: []any{uint8(1)}}, Array{Code: ctorTrue, Elems: []any{true}}}},
		"e0 09 02 e0 03 01 50 01 02 01 41"},
	{"described array", Array{Code: ctorList0, Descriptor: uint64(0x24), Elems: []any{[]any{}}}, "e0 05 01 00 53 24 45"},
	{"described [1.2]", Described{uint64(0x24), []any{}}, "00 53 24 45"},
	{"described by a symbol", Described{Symbol("a"), Described{uint64(1), "x"}}, "00 a3 01 61 00 53 01 a1 01 78"},
}

func TestValuesRoundTrip_1_6(t *testing.T) {
	for _, tt := range values {
		t.Run(tt.name, func(t *testing.T) {
			b, err := AppendValue(nil, tt.value)
			if err != nil {
				t.Fatal(err)
			}
			wantBytes(t, b, tt.bytes)
			b = append(b, 0xee) // what is behind a value is left alone
			v, rest, err := DecodeValue(b)
			if err != nil || !bytes.Equal(rest, []byte{0xee}) {
				t.Fatalf("DecodeValue = %v, % x, %v", v, rest, err)
			}
			if !reflect.DeepEqual(v, tt.value) {
				t.Fatalf("decoded %#v, want %#v", v, tt.value)
			}
			if rest, err = SkipValue(b); err != nil || !bytes.Equal(rest, []byte{0xee}) {
				t.Fatalf("SkipValue = % x, %v", rest, err)
			}
			if n, err := span(b); err != nil || n != len(b)-1 {
				t.Fatalf("span = %d, %v", n, err)
			}
		})
	}
}

func TestValuesOfMoreThan255Bytes(t *testing.T) {
	long := make([]any, 300)
	syms := make([]Symbol, 300)
	for i := range syms {
		syms[i] = "s"
	}
	for _, tt := range []struct {
		name  string
		value any
		ctor  byte
	}{
		{"vbin32 [1.6.19]", bytes5k, ctorBin32},
		{"str32 [1.6.20]", text300, ctorStr32},
		{"sym32 [1.6.21]", Symbol(text300), ctorSym32},
		{"list32, by count [1.6.22]", long, ctorList32},
		{"list32, by size [1.6.22]", []any{text300}, ctorList32},
		{"list32 in list32", []any{text300, []any{text300, Map{{"k", text300}}}, true}, ctorList32},
		{"map32 [1.6.23]", Map{{"k", text300}}, ctorMap32},
		{"array32 [1.6.24]", Array{Code: ctorStr32, Elems: []any{text300, ""}}, ctorArray32},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b, err := AppendValue(nil, tt.value)
			if err != nil || b[0] != tt.ctor {
				t.Fatalf("AppendValue: constructor %#x, %v, want %#x", b[0], err, tt.ctor)
			}
			v, rest, err := DecodeValue(b)
			if err != nil || len(rest) != 0 || !reflect.DeepEqual(v, tt.value) {
				t.Fatalf("decoded %v, % x, %v", v, rest, err)
			}
		})
	}
	for n := range 300 { // the edge where a container changes its encoding
		in := []any{make([]byte, n)}
		b, err := AppendValue(nil, in)
		if err != nil {
			t.Fatal(err)
		}
		if v, _, err := DecodeValue(b); err != nil || !reflect.DeepEqual(v, any(in)) {
			t.Fatalf("list of %d bytes: %v", n, err)
		}
	}
}

// Encodings that we do not send, and must understand.
func TestDecodeOtherEncodings_1_6(t *testing.T) {
	tests := []struct {
		name, bytes string
		want        any
	}{
		{"true in a byte", "56 01", true},
		{"false in a byte", "56 00", false},
		{"uint of 0", "70 00000000", uint32(0)},
		{"smalluint of 0", "52 00", uint32(0)},
		{"ulong of 1", "80 0000000000000001", uint64(1)},
		{"int of 1", "71 00000001", int32(1)},
		{"long of 1", "81 0000000000000001", int64(1)},
		{"vbin32", "b0 00000001 61", []byte("a")},
		{"str32", "b1 00000001 61", "a"},
		{"sym32", "b3 00000001 61", Symbol("a")},
		{"list8 without elements", "c0 01 00", []any{}},
		{"list32", "d0 00000005 00000001 41", []any{true}},
		{"map32", "d1 00000006 00000002 41 40", Map{{true, nil}}},
		{"array32", "f0 00000006 00000001 50 07", Array{Code: ctorUbyte, Elems: []any{uint8(7)}}},
		{"array of uint", "e0 06 01 70 00000001", Array{Code: ctorUint, Elems: []any{uint32(1)}}},
		{"described descriptor", "00 00 40 53 01 41", Described{Described{nil, uint64(1)}, true}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := unhex(t, tt.bytes)
			v, rest, err := DecodeValue(b)
			if err != nil || len(rest) != 0 || !reflect.DeepEqual(v, tt.want) {
				t.Fatalf("DecodeValue = %#v, % x, %v, want %#v", v, rest, err, tt.want)
			}
			if _, err := SkipValue(b); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// Go types that have no AMQP type of their own.
func TestAppendConvenientTypes(t *testing.T) {
	tests := []struct {
		name  string
		value any
		bytes string
	}{
		{"int as long", 1, "55 01"},
		{"symbols as an array", []Symbol{"a"}, "e0 04 01 a3 01 61"},
		{"no symbols as an empty array", []Symbol(nil), "e0 02 00 a3"},
		{"map of strings, sorted", map[string]any{"b": 2, "a": 1}, "c1 0b 04 a1 01 61 55 01 a1 01 62 55 02"},
		{"map of symbols, sorted", map[Symbol]any{"b": nil, "a": nil}, "c1 09 04 a3 01 61 40 a3 01 62 40"},
		{"raw, verbatim", Raw{0x70, 0, 0, 0, 1}, "70 00 00 00 01"},
		{"nil list", []any(nil), "45"},
		{"nil map", Map(nil), "c1 01 00"},
		{"array that chooses its constructor", Array{Elems: []any{uint32(1), uint32(70000)}}, "e0 0a 02 70 00 00 00 01 00 01 11 70"},
		{"empty array without constructor", Array{}, "e0 02 00 40"},
		{"array of ints", Array{Elems: []any{1}}, "e0 0a 01 81 00 00 00 00 00 00 00 01"},
		{"array of strings", Array{Elems: []any{"a", ""}}, "e0 05 02 a1 01 61 00"},
		{"time of another zone", time.UnixMilli(5).In(time.FixedZone("x", 3600)), "83 00 00 00 00 00 00 00 05"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b, err := AppendValue([]byte{}, tt.value)
			if err != nil {
				t.Fatal(err)
			}
			wantBytes(t, b, tt.bytes)
		})
	}
}

// An array that names no constructor takes one that fits all its elements.
func TestArrayOfEachType_1_6_24(t *testing.T) {
	for _, tt := range values {
		if _, ok := tt.value.(Described); ok {
			continue
		}
		in := Array{Elems: []any{tt.value, tt.value}}
		b, err := AppendValue(nil, in)
		if err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		v, _, err := DecodeValue(b)
		if err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		if got := v.(Array); !sameAll(got.Elems, in.Elems) {
			t.Fatalf("%s: decoded %#v", tt.name, got)
		}
	}
}

func TestAppendValueRefuses(t *testing.T) {
	deep := any(nil)
	for range MaxDepth + 1 {
		deep = []any{deep}
	}
	loop := []any{nil}
	loop[0] = loop
	tests := []struct {
		name  string
		value any
		err   string
	}{
		{"a type that AMQP does not have", struct{}{}, "no AMQP type for Go's struct {}"},
		{"inside of a list", []any{complex(1, 1)}, "no AMQP type for Go's complex128"},
		{"a string that is not UTF-8", "\xff", "not valid UTF-8"},
		{"a symbol that is not ASCII", Symbol("é"), "not ASCII"},
		{"symbols that are not ASCII", []Symbol{"é"}, "not ASCII"},
		{"raw bytes that are no value", Raw{0xc0, 1, 1}, "raw value"},
		{"raw bytes that are two values", Raw{0x40, 0x40}, "1 bytes after its end"},
		{"nesting", deep, "nested more than 32 deep"},
		{"a list that contains itself", loop, "nested more than 32 deep"},
		{"array of several types", Array{Elems: []any{uint32(1), "x"}}, "element string does not fit an array of uint"},
		{"array element too large", Array{Code: ctorSmallUint, Elems: []any{uint32(256)}}, "does not fit"},
		{"array element too long", Array{Code: ctorStr8, Elems: []any{text300}}, "does not fit"},
		{"array list too long", Array{Code: ctorList8, Elems: []any{[]any{text300}}}, "does not fit"},
		{"array of map with a list", Array{Code: ctorMap8, Elems: []any{[]any{}}}, "does not fit"},
		{"array of lists with a symbol array", Array{Code: ctorList8, Elems: []any{[]Symbol{}}}, "does not fit"},
		{"array of an unknown constructor", Array{Code: 0x01}, "unknown constructor 0x01"},
		{"array of described", Array{Elems: []any{Described{}}}, "no array type"},
		{"array of more nulls than can be sent", Array{Elems: make([]any, MaxZeroWidth+1)}, "elements without bytes"},
		{"inside of a map key", Map{{struct{}{}, 1}}, "no AMQP type"},
		{"inside of a descriptor", Described{struct{}{}, 1}, "no AMQP type"},
		{"an array's descriptor", Array{Descriptor: struct{}{}}, "no AMQP type"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b, err := AppendValue([]byte{1}, tt.value)
			if err == nil || !strings.Contains(err.Error(), tt.err) {
				t.Fatalf("AppendValue: %v, want %q", err, tt.err)
			}
			if !bytes.Equal(b, []byte{1}) {
				t.Fatalf("left % x behind", b)
			}
		})
	}
}

func TestValueCutShortAtEveryByte(t *testing.T) {
	for _, tt := range values {
		b := unhex(t, tt.bytes)
		for i := range b {
			if _, _, err := DecodeValue(b[:i]); !errors.Is(err, ErrShort) {
				t.Errorf("%s: DecodeValue of %d bytes: %v, want ErrShort", tt.name, i, err)
			}
			if _, err := SkipValue(b[:i]); !errors.Is(err, ErrShort) {
				t.Errorf("%s: SkipValue of %d bytes: %v, want ErrShort", tt.name, i, err)
			}
		}
		// Inside of a list of known size the same is malformed, not short.
		for i := range b {
			list := append([]byte{ctorList8, byte(i + 1), 1}, b[:i]...)
			if _, err := SkipValue(list); err == nil || errors.Is(err, ErrShort) {
				t.Errorf("%s: SkipValue of %d bytes in a list: %v, want malformed", tt.name, i, err)
			}
		}
	}
}

func TestDecodedValueDoesNotAliasInput(t *testing.T) {
	for _, tt := range values {
		b := unhex(t, tt.bytes)
		v, _, err := DecodeValue(b)
		if err != nil {
			t.Fatal(err)
		}
		for i := range b {
			b[i] = 0xee
		}
		if !reflect.DeepEqual(v, tt.value) {
			t.Errorf("%s: changed with the input: %v", tt.name, v)
		}
	}
}
