package wire

import (
	"encoding/binary"
	"fmt"
	"math"
	"time"
	"unicode/utf8"
)

// appendArray appends an array. All elements must be of the type that a.Code, or
// the first element, gives. [1.6.24]
func appendArray(b []byte, a Array, depth int) ([]byte, error) {
	code := a.Code
	if code == 0 {
		var err error
		if code, err = arrayCode(a.Elems); err != nil {
			return nil, err
		}
	}
	if sh := shapes[code]; sh.kind == shapeBad || sh.kind == shapeDescribed {
		return nil, fmt.Errorf("encode: array of %s", ctorText(code))
	} else if sh == (shape{shapeFixed, 0}) && len(a.Elems) > MaxZeroWidth {
		return nil, fmt.Errorf("encode: array of %d elements without bytes", len(a.Elems))
	}
	start := len(b)
	b = append(b, ctorArray8, 0, 0)
	var err error
	if a.Descriptor != nil {
		if b, err = appendAny(append(b, ctorDescribed), a.Descriptor, depth+1); err != nil {
			return nil, err
		}
	}
	b = append(b, code)
	for _, e := range a.Elems {
		if b, err = appendPayload(b, code, e, depth+1); err != nil {
			return nil, err
		}
	}
	return endCompound(b, start, len(a.Elems), ctorArray32), nil
}

// arrayCode chooses a constructor that every value of the first element's type
// fits, since the elements that follow share it.
func arrayCode(elems []any) (byte, error) {
	if len(elems) == 0 {
		return ctorNull, nil
	}
	switch v := elems[0].(type) {
	case nil:
		return ctorNull, nil
	case bool:
		return ctorBool, nil
	case uint8:
		return ctorUbyte, nil
	case uint16:
		return ctorUshort, nil
	case uint32:
		return ctorUint, nil
	case uint64:
		return ctorUlong, nil
	case int8:
		return ctorByte, nil
	case int16:
		return ctorShort, nil
	case int32:
		return ctorInt, nil
	case int64, int:
		return ctorLong, nil
	case float32:
		return ctorFloat, nil
	case float64:
		return ctorDouble, nil
	case Decimal32:
		return ctorDecimal32, nil
	case Decimal64:
		return ctorDecimal64, nil
	case Decimal128:
		return ctorDecimal128, nil
	case Char:
		return ctorChar, nil
	case time.Time:
		return ctorTimestamp, nil
	case UUID:
		return ctorUUID, nil
	case []byte, string, Symbol:
		return textCode(elems), nil
	case []any:
		return ctorList32, nil
	case Map:
		return ctorMap32, nil
	case Array:
		return ctorArray32, nil
	default:
		return 0, fmt.Errorf("encode: no array type for Go's %T", v)
	}
}

// textCode is the constructor for elements of variable width: the short one when
// all of them fit.
func textCode(elems []any) byte {
	longest, short := 0, byte(ctorBin8)
	for _, e := range elems {
		switch v := e.(type) {
		case []byte:
			longest = max(longest, len(v))
		case string:
			longest, short = max(longest, len(v)), ctorStr8
		case Symbol:
			longest, short = max(longest, len(v)), ctorSym8
		}
	}
	if longest > math.MaxUint8 {
		return short - ctorBin8 + ctorBin32
	}
	return short
}

// appendPayload appends v without its constructor, which is c.
func appendPayload(b []byte, c byte, v any, depth int) ([]byte, error) {
	out, ok := b, false
	switch shapes[c].kind {
	case shapeFixed:
		out, ok = appendFixed(b, c, v)
	case shapeVar8, shapeVar32:
		out, ok = appendVariable(b, c, v)
	default:
		return appendNested(b, c, v, depth)
	}
	if !ok {
		return nil, fmt.Errorf("encode: element %T does not fit an array of %s", v, ctorText(c))
	}
	return out, nil
}

func appendFixed(b []byte, c byte, v any) ([]byte, bool) {
	switch v := v.(type) {
	case nil:
		return b, c == ctorNull
	case bool:
		if c == ctorBool {
			if v {
				return append(b, 1), true
			}
			return append(b, 0), true
		}
		return b, v && c == ctorTrue || !v && c == ctorFalse
	case uint8:
		return append(b, v), c == ctorUbyte
	case uint16:
		return binary.BigEndian.AppendUint16(b, v), c == ctorUshort
	case uint32:
		return appendWidth(b, c, uint64(v), ctorUint0, ctorSmallUint, ctorUint)
	case uint64:
		return appendWidth(b, c, v, ctorUlong0, ctorSmallUlong, ctorUlong)
	case int8:
		return append(b, byte(v)), c == ctorByte
	case int16:
		return binary.BigEndian.AppendUint16(b, uint16(v)), c == ctorShort
	case int32:
		if c == ctorSmallInt {
			return append(b, byte(v)), v == int32(int8(v))
		}
		return binary.BigEndian.AppendUint32(b, uint32(v)), c == ctorInt
	case int:
		return appendFixed(b, c, int64(v))
	case int64:
		if c == ctorSmallLong {
			return append(b, byte(v)), v == int64(int8(v))
		}
		return binary.BigEndian.AppendUint64(b, uint64(v)), c == ctorLong
	case float32:
		return binary.BigEndian.AppendUint32(b, math.Float32bits(v)), c == ctorFloat
	case float64:
		return binary.BigEndian.AppendUint64(b, math.Float64bits(v)), c == ctorDouble
	case Decimal32:
		return append(b, v[:]...), c == ctorDecimal32
	case Decimal64:
		return append(b, v[:]...), c == ctorDecimal64
	case Decimal128:
		return append(b, v[:]...), c == ctorDecimal128
	case Char:
		return binary.BigEndian.AppendUint32(b, uint32(v)), c == ctorChar
	case time.Time:
		return binary.BigEndian.AppendUint64(b, uint64(v.UnixMilli())), c == ctorTimestamp
	case UUID:
		return append(b, v[:]...), c == ctorUUID
	case []any:
		return b, len(v) == 0 && c == ctorList0
	}
	return b, false
}

// appendWidth appends an unsigned number in the width of constructor c.
func appendWidth(b []byte, c byte, v uint64, zero, small, full byte) ([]byte, bool) {
	switch c {
	case zero:
		return b, v == 0
	case small:
		return append(b, byte(v)), v <= math.MaxUint8
	case full:
		if full == ctorUint {
			return binary.BigEndian.AppendUint32(b, uint32(v)), true
		}
		return binary.BigEndian.AppendUint64(b, v), true
	}
	return b, false
}

func appendVariable(b []byte, c byte, v any) ([]byte, bool) {
	var text string
	switch v := v.(type) {
	case []byte:
		if c != ctorBin8 && c != ctorBin32 {
			return b, false
		}
		text = string(v)
	case string:
		if c != ctorStr8 && c != ctorStr32 || !utf8.ValidString(v) {
			return b, false
		}
		text = v
	case Symbol:
		if c != ctorSym8 && c != ctorSym32 || !isASCII(v) {
			return b, false
		}
		text = string(v)
	default:
		return b, false
	}
	if shapes[c].kind == shapeVar32 {
		return append(binary.BigEndian.AppendUint32(b, uint32(len(text))), text...), true
	}
	if len(text) > math.MaxUint8 {
		return b, false
	}
	return append(append(b, byte(len(text))), text...), true
}

// appendNested appends a list, map or array as an element. It is encoded as if it
// stood alone, and then its head is rewritten to the width that c asks for.
func appendNested(b []byte, c byte, v any, depth int) ([]byte, error) {
	switch v.(type) {
	case []any, Map, Array:
	default:
		return nil, fmt.Errorf("encode: element %T does not fit an array of %s", v, ctorText(c))
	}
	enc, err := appendAny(nil, v, depth)
	if err != nil {
		return nil, err
	}
	if ctorNames[enc[0]] != ctorNames[c] {
		return nil, fmt.Errorf("encode: element %T does not fit an array of %s", v, ctorText(c))
	}
	count, elems := 0, enc[1:]
	if enc[0] != ctorList0 {
		s := scanner{b: enc}
		var first int
		if count, first, _, err = s.head(enc[0], 1, len(enc), true); err != nil {
			return nil, err
		}
		elems = enc[first:]
	}
	if kind := shapes[c].kind; kind == shapeList32 || kind == shapeArray32 {
		b = binary.BigEndian.AppendUint32(b, uint32(4+len(elems)))
		b = binary.BigEndian.AppendUint32(b, uint32(count))
		return append(b, elems...), nil
	}
	if len(elems)+1 > math.MaxUint8 || count > math.MaxUint8 {
		return nil, fmt.Errorf("encode: element of %d bytes does not fit an array of %s", len(elems), ctorText(c))
	}
	return append(append(b, byte(1+len(elems)), byte(count)), elems...), nil
}
