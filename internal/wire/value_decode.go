package wire

import (
	"encoding/binary"
	"math"
	"unicode/utf8"
)

// DecodeValue decodes the first value of b, of any type, into the Go types listed
// with [Described]. Nothing of the result is a slice of b, and what it allocates
// is in proportion to the value's bytes. A value that goes on beyond b is
// [ErrShort]. [1.6]
func DecodeValue(b []byte) (v any, rest []byte, err error) {
	// The structure is checked as a whole before anything is built, so that the
	// counts are true and the builder stays inside of b.
	n, err := scan(b)
	if err != nil {
		return nil, nil, err
	}
	d := builder{b: b[:n:n]}
	v, _, err = d.value(0)
	if err != nil {
		return nil, nil, err
	}
	return v, b[n:], nil
}

// builder builds Go values from bytes whose structure has been checked. Its
// methods take the index of a value and return the index behind it; they refuse
// only what a structure does not show: bad text, bad booleans.
type builder struct{ b []byte }

func (d *builder) value(i int) (any, int, error) {
	c := d.b[i]
	if c != ctorDescribed {
		return d.payload(c, i+1)
	}
	descriptor, i, err := d.value(i + 1)
	if err != nil {
		return nil, 0, err
	}
	v, i, err := d.value(i)
	return Described{Descriptor: descriptor, Value: v}, i, err
}

// payload builds the value whose constructor c was at i-1, or is shared by the
// elements of an array.
func (d *builder) payload(c byte, i int) (any, int, error) {
	switch shapes[c].kind {
	case shapeFixed:
		end := i + int(shapes[c].width)
		v, err := fixed(c, d.b[i:end], i)
		return v, end, err
	case shapeVar8:
		end := i + 1 + int(d.b[i])
		v, err := variable(c, d.b[i+1:end], i)
		return v, end, err
	case shapeVar32:
		end := i + 4 + int(binary.BigEndian.Uint32(d.b[i:]))
		v, err := variable(c, d.b[i+4:end], i)
		return v, end, err
	case shapeArray8, shapeArray32:
		return d.array(c, i)
	}
	if isMap(c) {
		return d.mapOf(c, i)
	}
	return d.list(c, i)
}

// fixed builds a value of fixed width. [1.2.1]
func fixed(c byte, p []byte, i int) (any, error) {
	switch c {
	case ctorNull:
		return nil, nil
	case ctorTrue:
		return true, nil
	case ctorFalse:
		return false, nil
	case ctorBool:
		if p[0] > 1 {
			return nil, malformedf("value", i, "boolean is %d", p[0])
		}
		return p[0] == 1, nil
	case ctorUbyte:
		return p[0], nil
	case ctorUshort:
		return binary.BigEndian.Uint16(p), nil
	case ctorUint0:
		return uint32(0), nil
	case ctorSmallUint:
		return uint32(p[0]), nil
	case ctorUint:
		return binary.BigEndian.Uint32(p), nil
	case ctorUlong0:
		return uint64(0), nil
	case ctorSmallUlong:
		return uint64(p[0]), nil
	case ctorUlong:
		return binary.BigEndian.Uint64(p), nil
	case ctorByte:
		return int8(p[0]), nil
	case ctorShort:
		return int16(binary.BigEndian.Uint16(p)), nil
	case ctorSmallInt:
		return int32(int8(p[0])), nil
	case ctorInt:
		return int32(binary.BigEndian.Uint32(p)), nil
	case ctorSmallLong:
		return int64(int8(p[0])), nil
	case ctorLong:
		return int64(binary.BigEndian.Uint64(p)), nil
	case ctorFloat:
		return math.Float32frombits(binary.BigEndian.Uint32(p)), nil
	case ctorDouble:
		return math.Float64frombits(binary.BigEndian.Uint64(p)), nil
	case ctorDecimal32:
		return Decimal32(p), nil
	case ctorDecimal64:
		return Decimal64(p), nil
	case ctorDecimal128:
		return Decimal128(p), nil
	case ctorUUID:
		return UUID(p), nil
	case ctorTimestamp:
		return timeOf(binary.BigEndian.Uint64(p)), nil
	case ctorChar:
		r := binary.BigEndian.Uint32(p)
		if r > utf8.MaxRune || !utf8.ValidRune(rune(r)) {
			return nil, malformedf("value", i, "%#x is not a character", r)
		}
		return Char(r), nil
	case ctorList0:
		return []any{}, nil
	}
	return nil, malformed("value", i, ctorText(c))
}

// variable builds a binary, string or symbol. [1.2.2]
func variable(c byte, p []byte, i int) (any, error) {
	switch c {
	case ctorBin8, ctorBin32:
		return cloneBytes(p), nil
	case ctorStr8, ctorStr32:
		if !utf8.Valid(p) {
			return nil, malformed("value", i, "string is not valid UTF-8")
		}
		return string(p), nil
	}
	if !isASCII(p) {
		return nil, malformed("value", i, "symbol is not ASCII")
	}
	return Symbol(p), nil
}

// head reads the size and count of a compound or array: its elements are from
// first on, and the container ends at last.
func (d *builder) head(c byte, i int) (count, first, last int) {
	s := scanner{b: d.b}
	count, first, last, _ = s.head(c, i, len(d.b), true)
	return count, first, last
}

func (d *builder) list(c byte, i int) (any, int, error) {
	count, i, _ := d.head(c, i)
	list := make([]any, 0, count)
	for range count {
		v, next, err := d.value(i)
		if err != nil {
			return nil, 0, err
		}
		list, i = append(list, v), next
	}
	return list, i, nil
}

func (d *builder) mapOf(c byte, i int) (any, int, error) {
	count, i, _ := d.head(c, i)
	m := make(Map, 0, count/2)
	for range count / 2 {
		key, next, err := d.value(i)
		if err != nil {
			return nil, 0, err
		}
		v, next, err := d.value(next)
		if err != nil {
			return nil, 0, err
		}
		m, i = append(m, Pair{key, v}), next
	}
	return m, i, nil
}

func (d *builder) array(c byte, i int) (any, int, error) {
	count, i, _ := d.head(c, i)
	a := Array{Code: d.b[i], Elems: make([]any, 0, count)}
	if i++; a.Code == ctorDescribed {
		var err error
		if a.Descriptor, i, err = d.value(i); err != nil {
			return nil, 0, err
		}
		a.Code = d.b[i]
		i++
	}
	for range count {
		v, next, err := d.payload(a.Code, i)
		if err != nil {
			return nil, 0, err
		}
		a.Elems, i = append(a.Elems, v), next
	}
	return a, i, nil
}

// decodeSymbols decodes a field of several symbols: null, one symbol, or an array
// of symbols. [1.3.2]
func decodeSymbols(b []byte) ([]Symbol, error) {
	v, _, err := DecodeValue(b)
	if err != nil {
		return nil, err
	}
	switch v := v.(type) {
	case nil:
		return nil, nil
	case Symbol:
		return []Symbol{v}, nil
	case Array:
		syms := make([]Symbol, 0, len(v.Elems))
		for _, e := range v.Elems {
			s, ok := e.(Symbol)
			if !ok {
				return nil, malformed("value", 0, "want symbols, got array of "+ctorText(v.Code))
			}
			syms = append(syms, s)
		}
		return syms, nil
	}
	return nil, malformed("value", 0, "want one symbol or an array of symbols, got "+ctorText(b[0]))
}
