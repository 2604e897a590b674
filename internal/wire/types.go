package wire

import "time"

// Symbol is an AMQP symbol: ASCII text from a constrained domain. [1.6.21]
type Symbol string

// Char is a single Unicode character. [1.6.16]
type Char rune

// UUID is a universally unique identifier. [1.6.18]
type UUID [16]byte

// Decimal32, Decimal64 and Decimal128 are IEEE 754-2008 decimals, kept as their
// encoded bytes since nothing here computes with them. [1.6.13]-[1.6.15]
type (
	Decimal32  [4]byte
	Decimal64  [8]byte
	Decimal128 [16]byte
)

// Described is a value with a descriptor that says what it means. [1.2]
type Described struct {
	Descriptor any // uint64 or Symbol, in practice
	Value      any
}

// Pair is one entry of a [Map].
type Pair struct{ Key, Value any }

// Map is an AMQP map in the order in which it was encoded. [1.6.23]
type Map []Pair

// Get returns the value of a string or symbol key, and whether it is there.
func (m Map) Get(key string) (any, bool) {
	for _, p := range m {
		switch k := p.Key.(type) {
		case string:
			if k == key {
				return p.Value, true
			}
		case Symbol:
			if string(k) == key {
				return p.Value, true
			}
		}
	}
	return nil, false
}

// Array is an AMQP array: every element has one type. [1.6.24]
//
// Code is the constructor byte of the elements (as decoded; when an Array is
// encoded, Code 0 lets the encoder choose from the first element).
type Array struct {
	Code       byte
	Descriptor any // nil unless the elements are described
	Elems      []any
}

// Raw is one encoded value, copied from a frame and passed on unchanged.
type Raw []byte

// A generic value ("any" in this package) holds one of: nil, bool, uint8,
// uint16, uint32, uint64, int8, int16, int32, int64, float32, float64,
// Decimal32/64/128, Char, time.Time (timestamp, millisecond precision, UTC),
// UUID, []byte, string, Symbol, []any (list), Map, Array, Described. Encoders
// also take []Symbol (as an array of symbols), Raw (verbatim), int (as long)
// and map[string]any, map[Symbol]any (keys sorted).
var _ = time.Time{}
