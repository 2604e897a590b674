package wire

import (
	"errors"
	"unicode/utf8"
)

// composite describes a composite type as the specification does. [1.3.2] The
// decoders take from it how many fields there may be, which must be there, and
// what to call them in an error.
type composite struct {
	code   Code
	fields []field
}

type field struct {
	name string
	typ  string // as in ctorNames; "" when any is possible or a reader checks it
	must bool
}

// field tables are written with these, mandatory fields standing out.
func must(name, typ string) field { return field{name: name, typ: typ, must: true} }
func may(name, typ string) field  { return field{name: name, typ: typ} }

// fail says why field k of l could not be read. It looks at the list again, from
// its start, so that the readers need not keep account of what they saw.
func (t *composite) fail(l List, k int) error {
	if k >= len(t.fields) {
		return malformedf(t.code.String(), -1, "%d fields, but there are only %d", l.n, len(t.fields))
	}
	f := t.fields[k]
	where := t.code.String() + "." + f.name
	all := len(l.b)
	for range k {
		if _, ok, err := l.Next(); !ok || err != nil {
			break
		}
	}
	offset := all - len(l.b)
	if l.n == 0 || len(l.b) > 0 && l.b[0] == ctorNull {
		if !f.must {
			return malformed(where, offset, "null where a value was wanted")
		}
		return &DecodeError{Where: where, What: "mandatory field is missing", Offset: -1, Cond: CondInvalidField}
	}
	if len(l.b) == 0 {
		return malformed(where, offset, "cut short")
	}
	value, ok, err := l.Next()
	got := ""
	if err == nil && ok {
		got = ctorNames[value[0]]
	}
	var d *DecodeError
	switch {
	case errors.Is(err, ErrShort):
		return malformedf(where, offset, "%s is cut short", ctorText(l.b[0]))
	case errors.As(err, &d):
		return malformed(where, offset, d.What)
	case f.typ != "" && got != f.typ:
		return malformedf(where, offset, "want %s, got %s", f.typ, ctorText(value[0]))
	case got == "string":
		return malformed(where, offset, "string is not valid UTF-8")
	case got == "symbol":
		return malformed(where, offset, "symbol is not ASCII")
	}
	return malformedf(where, offset, "%s has a value that is not allowed: % x", ctorText(value[0]), value[1:min(len(value), 9)])
}

// trailing is the error for bytes behind the last field.
func (t *composite) trailing(l List, i int) error {
	return malformedf(t.code.String(), i, "%d bytes after the last of %d fields", len(l.b)-i, l.n)
}

// reader reads the fields of a composite type in order and remembers the first
// error, for the types that are not read for every message.
type reader struct {
	t   *composite
	l   List
	k   int // the next field
	i   int // where it starts
	err error
	odd *TerminusError // the rest can be read
}

func (t *composite) read(l List) reader {
	r := reader{t: t, l: l}
	if l.n > len(t.fields) {
		r.err = t.fail(l, len(t.fields))
	}
	return r
}

// more says whether there is another field to read, and counts it as read. Of a
// field that is left out it checks that it may be.
func (r *reader) more() bool {
	if r.err != nil {
		return false
	}
	r.k++
	if r.k <= r.l.n {
		return true
	}
	if r.t.fields[r.k-1].must {
		r.err = r.t.fail(r.l, r.k-1)
	}
	return false
}

// moved goes on behind the field just read, which was null or not.
func (r *reader) moved(next int, null bool) bool {
	if next < 0 || null && r.t.fields[r.k-1].must {
		r.err = r.t.fail(r.l, r.k-1)
		return false
	}
	r.i = next
	return true
}

// done returns the first error, or that there is something after the last field, or that
// a terminus is none that we know.
func (r *reader) done() error {
	if r.err == nil && r.i != len(r.l.b) {
		r.err = r.t.trailing(r.l, r.i)
	}
	if r.err == nil && r.odd != nil {
		return r.odd
	}
	return r.err
}

// bad refuses the value of the field just read.
func (r *reader) bad(what string) {
	if r.err == nil {
		r.err = malformed(r.where(), -1, what)
	}
}

// failIn passes on an error from inside the field just read.
func (r *reader) failIn(err error) {
	if r.err == nil && err != nil {
		r.err = within(r.where(), err)
	}
}

// where is the name of the field just read.
func (r *reader) where() string { return r.t.code.String() + "." + r.t.fields[r.k-1].name }

func readOpt[T any](r *reader, at func([]byte, int) (Opt[T], int)) Opt[T] {
	if !r.more() {
		return Opt[T]{}
	}
	v, next := at(r.l.b, r.i)
	if !r.moved(next, !v.OK) {
		return Opt[T]{}
	}
	return v
}

func readBytes(r *reader, at func([]byte, int) ([]byte, int)) []byte {
	if !r.more() {
		return nil
	}
	v, next := at(r.l.b, r.i)
	if !r.moved(next, v == nil) {
		return nil
	}
	return v
}

func (r *reader) uint() Opt[uint32]      { return readOpt(r, uintAt) }
func (r *reader) ulong() Opt[uint64]     { return readOpt(r, ulongAt) }
func (r *reader) ushort() Opt[uint16]    { return readOpt(r, ushortAt) }
func (r *reader) ubyte() Opt[uint8]      { return readOpt(r, ubyteAt) }
func (r *reader) boolean() Opt[bool]     { return readOpt(r, boolAt) }
func (r *reader) str() string            { return string(readBytes(r, stringAt)) }
func (r *reader) symbol() Symbol         { return Symbol(readBytes(r, symbolAt)) }
func (r *reader) optStr() Opt[string]    { return optOf[string](readBytes(r, stringAt)) }
func (r *reader) optSymbol() Opt[Symbol] { return optOf[Symbol](readBytes(r, symbolAt)) }

func optOf[T string | Symbol](text []byte) Opt[T] {
	return Opt[T]{V: T(text), OK: text != nil}
}

// binary returns a copy; nil for null.
func (r *reader) binary() []byte { return cloneBytes(readBytes(r, binaryAt)) }

// value returns the encoded value of the next field, a slice of the input, its
// structure checked; nil for null.
func (r *reader) value() []byte { return readBytes(r, valueAt) }

// valueAt reads any value, or nil for null.
func valueAt(b []byte, i int) ([]byte, int) {
	if i >= len(b) {
		return nil, -1
	}
	if b[i] == ctorNull {
		return nil, i + 1
	}
	n, err := scan(b[i:])
	if err != nil {
		return nil, -1
	}
	return b[i : i+n : i+n], i + n
}

// rawMap returns a copy of an encoded map; nil for null.
func (r *reader) rawMap() Raw {
	v := r.value()
	if v == nil {
		return nil
	}
	if !isMap(v[0]) {
		r.err = r.t.fail(r.l, r.k-1)
		return nil
	}
	return Raw(cloneBytes(v))
}

// symbols reads a field that holds several symbols: null, one symbol, or an
// array of them. [1.3.2]
func (r *reader) symbols() []Symbol {
	v := r.value()
	if v == nil {
		return nil
	}
	syms, err := decodeSymbols(v)
	if err != nil {
		r.bad(err.Error())
	}
	return syms
}

// fieldsMap reads a map with symbols as keys. [2.8.13]
func (r *reader) fieldsMap() Map { return r.mapOf(keysSymbol) }

func (r *reader) mapOf(keys mapKeys) Map {
	v := r.value()
	if v == nil {
		return nil
	}
	m, err := decodeMap(v, keys)
	r.failIn(err)
	return m
}

// errorField reads an error. [2.8.14]
func (r *reader) errorField() *Error {
	v := r.value()
	if v == nil {
		return nil
	}
	e, err := decodeError(v)
	r.failIn(err)
	return e
}

func cloneBytes(b []byte) []byte {
	if b == nil {
		return nil
	}
	return append(make([]byte, 0, len(b)), b...)
}

// validText replaces what is not UTF-8, since text that we put on the wire may
// quote what a peer sent. [1.6.20]
func validText(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	out := make([]rune, 0, len(s))
	for _, r := range s {
		out = append(out, r) // an invalid byte ranges as U+FFFD
	}
	return string(out)
}
