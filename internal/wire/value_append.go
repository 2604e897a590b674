package wire

import (
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"
	"unicode/utf8"
)

// AppendValue appends a value of any of the types listed with [Described], in its
// shortest encoding. It fails for other types, for strings that are not UTF-8,
// symbols that are not ASCII, and nesting beyond [MaxDepth]; b is then returned
// as it was. [1.6]
func AppendValue(b []byte, v any) ([]byte, error) {
	out, err := appendAny(b, v, 0)
	if err != nil {
		return b, err
	}
	return out, nil
}

func appendAny(b []byte, v any, depth int) ([]byte, error) {
	if out, ok := appendScalar(b, v); ok {
		return out, nil
	}
	switch v := v.(type) {
	case string:
		if !utf8.ValidString(v) {
			return nil, fmt.Errorf("encode: string %q is not valid UTF-8", v)
		}
		return appendString(b, v), nil
	case Symbol:
		if !isASCII(v) {
			return nil, fmt.Errorf("encode: symbol %q is not ASCII", string(v))
		}
		return appendSymbol(b, v), nil
	case Raw:
		if n, err := scan(v); err != nil {
			return nil, fmt.Errorf("encode: raw value: %w", err)
		} else if n != len(v) {
			return nil, fmt.Errorf("encode: raw value: %d bytes after its end", len(v)-n)
		}
		return append(b, v...), nil
	}
	if depth >= MaxDepth {
		return nil, fmt.Errorf("encode: nested more than %d deep", MaxDepth)
	}
	switch v := v.(type) {
	case Described:
		return appendDescribed(b, v, depth)
	case []any:
		return appendList(b, v, depth)
	case Map:
		return appendMap(b, v, keysAny, depth)
	case map[string]any:
		return appendSorted(b, v, func(k string) any { return k }, depth)
	case map[Symbol]any:
		return appendSorted(b, v, func(k Symbol) any { return k }, depth)
	case Array:
		return appendArray(b, v, depth)
	case []Symbol:
		for _, s := range v {
			if !isASCII(s) {
				return nil, fmt.Errorf("encode: symbol %q is not ASCII", string(s))
			}
		}
		if v == nil {
			v = []Symbol{} // an array without elements, not null
		}
		return appendSymbols(b, v), nil
	}
	return nil, fmt.Errorf("encode: no AMQP type for Go's %T", v)
}

// appendScalar appends a value that cannot be wrong; not ok for other types.
func appendScalar(b []byte, v any) (out []byte, ok bool) {
	switch v := v.(type) {
	case nil:
		return append(b, ctorNull), true
	case bool:
		return appendBool(b, v), true
	case uint8:
		return append(b, ctorUbyte, v), true
	case uint16:
		return appendUshort(b, v), true
	case uint32:
		return appendUint(b, v), true
	case uint64:
		return appendUlong(b, v), true
	case int8:
		return append(b, ctorByte, byte(v)), true
	case int16:
		return append(b, ctorShort, byte(v>>8), byte(v)), true
	case int32:
		if v == int32(int8(v)) {
			return append(b, ctorSmallInt, byte(v)), true
		}
		return binary.BigEndian.AppendUint32(append(b, ctorInt), uint32(v)), true
	case int64:
		return appendLong(b, v), true
	case int:
		return appendLong(b, int64(v)), true
	case float32:
		return binary.BigEndian.AppendUint32(append(b, ctorFloat), math.Float32bits(v)), true
	case float64:
		return binary.BigEndian.AppendUint64(append(b, ctorDouble), math.Float64bits(v)), true
	case Decimal32:
		return append(append(b, ctorDecimal32), v[:]...), true
	case Decimal64:
		return append(append(b, ctorDecimal64), v[:]...), true
	case Decimal128:
		return append(append(b, ctorDecimal128), v[:]...), true
	case Char:
		return binary.BigEndian.AppendUint32(append(b, ctorChar), uint32(v)), true
	case time.Time:
		return appendTimestamp(b, v), true
	case UUID:
		return append(append(b, ctorUUID), v[:]...), true
	case []byte:
		return appendBinary(b, v), true
	}
	return nil, false
}

func appendLong(b []byte, v int64) []byte {
	if v == int64(int8(v)) {
		return append(b, ctorSmallLong, byte(v))
	}
	return binary.BigEndian.AppendUint64(append(b, ctorLong), uint64(v))
}

func appendDescribed(b []byte, v Described, depth int) ([]byte, error) {
	b, err := appendAny(append(b, ctorDescribed), v.Descriptor, depth+1)
	if err != nil {
		return nil, err
	}
	return appendAny(b, v.Value, depth+1)
}

func appendList(b []byte, list []any, depth int) ([]byte, error) {
	start := len(b)
	b = append(b, ctorList8, 0, 0)
	for _, e := range list {
		var err error
		if b, err = appendAny(b, e, depth+1); err != nil {
			return nil, err
		}
	}
	return endList(b, start, len(list)), nil
}

// appendSorted appends a Go map with its keys in order, so that equal maps have
// equal encodings.
func appendSorted[K string | Symbol](b []byte, m map[K]any, key func(K) any, depth int) ([]byte, error) {
	pairs := make(Map, 0, len(m))
	for _, k := range slices.Sorted(maps.Keys(m)) {
		pairs = append(pairs, Pair{key(k), m[k]})
	}
	return appendMap(b, pairs, keysAny, depth)
}
