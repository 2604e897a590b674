package addrtable

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// A message is the format's version and records:
//
//	record = kind (1), length of the rest (4), length of the head (2), head, body
//
// Records of unknown kinds are skipped, and so is what follows the known fields of
// a head: that is how later releases add something. Numbers without a size below
// are varints, others big-endian.
//
//	owner      = kind (1), length of the id, id
//	have       = owner, incarnation, version
//	haveEnd    = nothing: there are no more tables
//	ask        = owner, incarnation, version
//	askSums    = owner, incarnation, version
//	sums       = owner, incarnation, version; body: 256 digests (8)
//	askContent = owner, incarnation, version, mask (32)
//	changes    = span; body: entries
//	content    = span, newest version, mask (32); body: entries
//	span       = to (8), digest (8), flags (1), owner, incarnation, from, floor, width
//	entry      = (version - the one before)*2 + 1 if a tombstone, bytes shared with the
//	            name before, length of the rest of the name, rest;
//	            if live: flags (1), phase (1), and the rest of width bytes
const format = 1

type kind uint8

const (
	kindHave kind = iota + 1
	kindHaveEnd
	kindAsk
	kindAskSums
	kindSums
	kindAskContent
	kindChanges
	kindContent
)

const (
	recordPrefix = 1 + 4 + 2
	valueWidth   = 2
	// maxHead is more than the longest head with its record's prefix.
	maxHead = recordPrefix + 17 + 3 + maxOwnerID + 5*10 + 32
	// sumsSize is what a record of digests takes.
	sumsSize = maxHead + 8*buckets
)

const (
	flagExact = 1 << iota // the sender has nothing after to, and lacks nothing before it
	flagWord              // digest is the owner's, for the table at version to
	flagLast              // of the records of a content
)

var errShort = errors.New("it ends too early")

// span is the head of a record with entries: all changes with versions after from,
// up to to.
type span struct {
	owner       Owner
	incarnation uint64
	from, to    uint64
	floor       uint64 // tombstones up to here are not there
	digest      uint64
	flags       uint8
	width       int // bytes of the value of an entry

	newest uint64 // the sender's version
	mask   mask
	body   []byte
}

// writer makes a message.
type writer struct {
	buf   []byte
	limit int
	begun int // of the record that is being written
}

func (w *writer) room() int { return w.limit - len(w.buf) }

func (w *writer) begin(k kind) {
	if len(w.buf) == 0 {
		w.buf = append(w.buf, format)
	}
	w.begun = len(w.buf)
	w.buf = append(w.buf, byte(k), 0, 0, 0, 0, 0, 0)
}

// body ends the head.
func (w *writer) body() {
	n := len(w.buf) - w.begun - recordPrefix
	binary.BigEndian.PutUint16(w.buf[w.begun+5:], uint16(n))
}

// end ends the record.
func (w *writer) end() {
	binary.BigEndian.PutUint32(w.buf[w.begun+1:], uint32(len(w.buf)-w.begun-5))
}

func (w *writer) number(n uint64) { w.buf = binary.AppendUvarint(w.buf, n) }

func (w *writer) owner(o Owner, incarnation uint64) {
	w.buf = append(w.buf, byte(o.Kind))
	w.number(uint64(len(o.ID)))
	w.buf = append(w.buf, o.ID...)
	w.number(incarnation)
}

func (w *writer) mask(m *mask) {
	for _, word := range m {
		w.buf = binary.BigEndian.AppendUint64(w.buf, word)
	}
}

// about begins a record about a table; about, body and end make one of the short
// records.
func (w *writer) about(k kind, tb *table) {
	w.begin(k)
	w.owner(tb.owner, tb.incarnation)
	w.number(tb.version)
}

// short writes a record that says no more than which table it is about.
func (w *writer) short(k kind, tb *table) {
	w.about(k, tb)
	w.body()
	w.end()
}

// span begins a record of entries; sealSpan ends it.
func (w *writer) span(k kind, s *span) {
	w.begin(k)
	w.buf = append(w.buf, make([]byte, 17)...)
	w.owner(s.owner, s.incarnation)
	w.number(s.from)
	w.number(s.floor)
	w.number(valueWidth)
	if k == kindContent {
		w.number(s.newest)
		w.mask(&s.mask)
	}
	w.body()
}

func (w *writer) sealSpan(s *span) {
	head := w.buf[w.begun+recordPrefix:]
	binary.BigEndian.PutUint64(head, s.to)
	binary.BigEndian.PutUint64(head[8:], s.digest)
	head[16] = s.flags
	w.end()
}

// entry writes an entry behind another. It reports whether there was room.
func (w *writer) entry(before uint64, beforeName []byte, e *entry, name []byte) bool {
	shared := 0
	for shared < min(len(name), len(beforeName)) && name[shared] == beforeName[shared] {
		shared++
	}
	start := len(w.buf)
	head := (e.version - before) << 1
	if e.state == tombstone {
		head |= 1
	}
	w.number(head)
	w.number(uint64(shared))
	w.number(uint64(len(name) - shared))
	w.buf = append(w.buf, name[shared:]...)
	if e.state == live {
		w.buf = append(w.buf, byte(e.value.Flags), e.value.Phase)
	}
	if len(w.buf) > w.limit {
		w.buf = w.buf[:start]
		return false
	}
	return true
}

// reader takes numbers off a head. After the first that is missing, all are 0.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) bytes(n uint64) []byte {
	if r.bad || n > uint64(len(r.b)) {
		r.bad = true
		return nil
	}
	b := r.b[:n:n]
	r.b = r.b[n:]
	return b
}

func (r *reader) byte() byte {
	if b := r.bytes(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *reader) fixed() uint64 {
	if b := r.bytes(8); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

func (r *reader) number() uint64 {
	n, size := binary.Uvarint(r.b)
	if r.bad || size <= 0 {
		r.bad = true
		return 0
	}
	r.b = r.b[size:]
	return n
}

func (r *reader) owner() (Owner, uint64, error) {
	k := OwnerKind(r.byte())
	id := r.bytes(r.number())
	o := Owner{k, string(id)}
	incarnation := r.number()
	switch {
	case r.bad:
		return o, 0, errShort
	case len(id) == 0 || len(id) > maxOwnerID:
		return o, 0, fmt.Errorf("an owner's id has %d bytes: it must have 1 to %d", len(id), maxOwnerID)
	case incarnation == 0:
		return o, 0, fmt.Errorf("%s has no incarnation", o)
	}
	return o, incarnation, nil
}

func (r *reader) mask() (m mask) {
	for i := range m {
		m[i] = r.fixed()
	}
	return m
}

// span reads the head of a record with entries, and looks at all of these, so that
// a record is applied as a whole or not at all.
func (r *reader) span(k kind, body []byte) (s span, err error) {
	s.to, s.digest, s.flags = r.fixed(), r.fixed(), r.byte()
	if s.owner, s.incarnation, err = r.owner(); err != nil {
		return s, err
	}
	s.from, s.floor = r.number(), r.number()
	width := r.number()
	if k == kindContent {
		s.newest, s.mask = r.number(), r.mask()
	}
	s.body = body
	switch {
	case r.bad:
		return s, errShort
	case width < valueWidth || width > 1<<16:
		return s, fmt.Errorf("entries of %s have values of %d bytes: there must be at least %d", s.owner, width, valueWidth)
	case s.from > s.to || s.to > maxVersion:
		return s, fmt.Errorf("changes of %s lead from version %d to %d", s.owner, s.from, s.to)
	}
	s.width = int(width)
	all := s.entries()
	for all.next() {
	}
	return s, all.err
}

// maxVersion is beyond what an owner can reach.
const maxVersion = 1 << 62

// entries reads a span's entries one after the other.
func (s *span) entries() entryReader {
	return entryReader{span: s, rest: reader{b: s.body}, version: s.from}
}

type entryReader struct {
	span    *span
	rest    reader
	err     error
	version uint64
	state   state
	value   Entry
	length  int
	buf     [MaxAddress]byte
}

func (r *entryReader) name() []byte { return r.buf[:r.length] }

// next reads an entry; false at the end, or at the first that is wrong, which err
// tells.
func (r *entryReader) next() bool {
	if r.err != nil || len(r.rest.b) == 0 {
		return false
	}
	head, shared, length := r.rest.number(), r.rest.number(), r.rest.number()
	rest := r.rest.bytes(length)
	if r.rest.bad {
		r.err = errShort
		return false
	}
	if shared > uint64(r.length) || shared+length > MaxAddress || shared+length == 0 {
		r.err = fmt.Errorf("an address of %s shares %d of %d bytes and has %d more: it must have 1 to %d",
			r.span.owner, shared, r.length, length, MaxAddress)
		return false
	}
	r.length = int(shared) + copy(r.buf[shared:], rest)
	if head>>1 > r.span.to-r.version || r.version+head>>1 == 0 {
		r.err = fmt.Errorf("address %.40q of %s: its version is not between those around it", r.name(), r.span.owner)
		return false
	}
	r.version += head >> 1
	r.state, r.value = tombstone, Entry{}
	if head&1 == 0 {
		v := r.rest.bytes(uint64(r.span.width))
		if r.rest.bad {
			r.err = errShort
			return false
		}
		r.state, r.value = live, Entry{Flags(v[0]), v[1]}
	}
	return true
}
