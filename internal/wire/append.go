package wire

import (
	"encoding/binary"
	"math"
	"time"
)

// The append... functions choose the shortest encoding of a value. [1.6]

func appendUint(b []byte, v uint32) []byte {
	switch {
	case v > math.MaxUint8:
		return append(b, ctorUint, byte(v>>24), byte(v>>16), byte(v>>8), byte(v))
	case v > 0:
		return append(b, ctorSmallUint, byte(v))
	}
	return append(b, ctorUint0)
}

func appendUlong(b []byte, v uint64) []byte {
	switch {
	case v > math.MaxUint8:
		return binary.BigEndian.AppendUint64(append(b, ctorUlong), v)
	case v > 0:
		return append(b, ctorSmallUlong, byte(v))
	}
	return append(b, ctorUlong0)
}

func appendUshort(b []byte, v uint16) []byte {
	return append(b, ctorUshort, byte(v>>8), byte(v))
}

func appendBool(b []byte, v bool) []byte {
	if v {
		return append(b, ctorTrue)
	}
	return append(b, ctorFalse)
}

func appendTimestamp(b []byte, t time.Time) []byte {
	return binary.BigEndian.AppendUint64(append(b, ctorTimestamp), uint64(t.UnixMilli()))
}

func appendBinary(b, v []byte) []byte {
	return append(appendLength(b, len(v), ctorBin8, ctorBin32), v...)
}

func appendString(b []byte, v string) []byte {
	return append(appendLength(b, len(v), ctorStr8, ctorStr32), v...)
}

func appendSymbol(b []byte, v Symbol) []byte {
	return append(appendLength(b, len(v), ctorSym8, ctorSym32), v...)
}

// appendLength appends the constructor and the length of n bytes.
func appendLength(b []byte, n int, short, long byte) []byte {
	if n <= math.MaxUint8 {
		return append(b, short, byte(n))
	}
	return binary.BigEndian.AppendUint32(append(b, long), uint32(n))
}

// appendSymbols appends an array of symbols, null when nil. One symbol is an
// array too: not every peer takes the short form of [1.3.2].
func appendSymbols(b []byte, syms []Symbol) []byte {
	if syms == nil {
		return append(b, ctorNull)
	}
	elem := byte(ctorSym8)
	for _, s := range syms {
		if len(s) > math.MaxUint8 {
			elem = ctorSym32
		}
	}
	start := len(b)
	b = append(b, ctorArray8, 0, 0, elem)
	for _, s := range syms {
		if elem == ctorSym8 {
			b = append(b, byte(len(s)))
		} else {
			b = binary.BigEndian.AppendUint32(b, uint32(len(s)))
		}
		b = append(b, s...)
	}
	return endCompound(b, start, len(syms), ctorArray32)
}

// endCompound completes a list, map or array that was begun at start with its
// 8-bit constructor and two bytes for size and count, and moves what follows when
// those turn out too small. [1.2.3]
func endCompound(b []byte, start, count int, long byte) []byte {
	const head, longHead = 3, 9
	if size := len(b) - start - 2; size <= math.MaxUint8 && count <= math.MaxUint8 {
		b[start+1], b[start+2] = byte(size), byte(count)
		return b
	}
	elems := len(b) - start - head
	b = append(b, make([]byte, longHead-head)...)
	copy(b[start+longHead:], b[start+head:start+head+elems])
	b[start] = long
	binary.BigEndian.PutUint32(b[start+1:], uint32(elems+4))
	binary.BigEndian.PutUint32(b[start+5:], uint32(count))
	return b
}

// endList is endCompound for a list, which without elements is a single byte.
func endList(b []byte, start, count int) []byte {
	if count == 0 {
		b[start] = ctorList0
		return b[:start+1]
	}
	return endCompound(b, start, count, ctorList32)
}

// writer appends the fields of a composite type in order and leaves out the nulls
// at its end [1.4], for the types that are not sent for every message.
type writer struct {
	b     []byte
	start int // of the list
	n     int // fields so far
	keepN int // fields up to the last that is not null
	keep  int // where that one ends
}

func (t *composite) write(b []byte) writer {
	b = append(b, ctorDescribed, ctorSmallUlong, byte(t.code), ctorList8, 0, 0)
	return writer{b: b, start: len(b) - 3, keep: len(b)}
}

func (w *writer) done() []byte { return endList(w.b[:w.keep], w.start, w.keepN) }

func (w *writer) null() {
	w.b = append(w.b, ctorNull)
	w.n++
}

// put takes b, which is what was written so far and one more field.
func (w *writer) put(b []byte) {
	w.b = b
	w.n++
	w.keep, w.keepN = len(b), w.n
}

// putIf is put for a field that may be absent.
func (w *writer) putIf(ok bool, b []byte) {
	if !ok {
		w.null()
		return
	}
	w.put(b)
}

func (w *writer) uint(v uint32)      { w.put(appendUint(w.b, v)) }
func (w *writer) ulong(v uint64)     { w.put(appendUlong(w.b, v)) }
func (w *writer) ubyte(v uint8)      { w.put(append(w.b, ctorUbyte, v)) }
func (w *writer) boolean(v bool)     { w.put(appendBool(w.b, v)) }
func (w *writer) str(v string)       { w.put(appendString(w.b, v)) }
func (w *writer) symbol(v Symbol)    { w.put(appendSymbol(w.b, v)) }
func (w *writer) binary(v []byte)    { w.put(appendBinary(w.b, v)) }
func (w *writer) symbols(v []Symbol) { w.putIf(v != nil, appendSymbols(w.b, v)) }

func (w *writer) optUint(v Opt[uint32])     { w.putIf(v.OK, appendUint(w.b, v.V)) }
func (w *writer) optUlong(v Opt[uint64])    { w.putIf(v.OK, appendUlong(w.b, v.V)) }
func (w *writer) optUshort(v Opt[uint16])   { w.putIf(v.OK, appendUshort(w.b, v.V)) }
func (w *writer) optUbyte(v uint8, ok bool) { w.putIf(ok, append(w.b, ctorUbyte, v)) }
func (w *writer) optStr(v Opt[string])      { w.putIf(v.OK, appendString(w.b, v.V)) }
func (w *writer) optSymbol(v Opt[Symbol])   { w.putIf(v.OK, appendSymbol(w.b, v.V)) }
func (w *writer) optBinary(v []byte)        { w.putIf(v != nil, appendBinary(w.b, v)) }
func (w *writer) optTime(v Opt[time.Time])  { w.putIf(v.OK, appendTimestamp(w.b, v.V)) }

// strIf and its like leave a field out when it has the value that absence means.
func (w *writer) strIf(v string)    { w.putIf(v != "", appendString(w.b, v)) }
func (w *writer) symbolIf(v Symbol) { w.putIf(v != "", appendSymbol(w.b, v)) }
func (w *writer) flag(v bool)       { w.putIf(v, append(w.b, ctorTrue)) }

// raw appends an encoded value; none is null.
func (w *writer) raw(v []byte) {
	w.putIf(len(v) > 0 && v[0] != ctorNull, append(w.b, v...))
}

func (w *writer) fieldsMap(m Map) {
	w.putIf(m != nil, appendKnownMap(w.b, m, keysSymbol))
}

func (w *writer) errorField(e *Error) {
	if e == nil {
		w.null()
		return
	}
	w.put(e.Append(w.b))
}
