package linkstate

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
)

// NewerVersionError says that a message is of a version that this router cannot
// read.
type NewerVersionError struct{ Version byte }

func (e NewerVersionError) Error() string {
	return fmt.Sprintf("version %d of the link-state protocol is spoken there, this router knows up to %d: upgrade it", e.Version, version)
}

var errShort = errors.New("it ends in the middle of a value")

// reader takes values off a body. After an error all values are zero.
type reader struct {
	rest []byte
	err  error
}

func (r *reader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
	r.rest = nil
}

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.rest)
	if n <= 0 {
		r.fail(errShort)
		return 0
	}
	r.rest = r.rest[n:]
	return v
}

func (r *reader) fixed64() uint64 {
	if len(r.rest) < 8 {
		r.fail(errShort)
		return 0
	}
	v := binary.BigEndian.Uint64(r.rest)
	r.rest = r.rest[8:]
	return v
}

// bytes takes a length and as many bytes, which stay in the message's memory.
func (r *reader) bytes() []byte {
	n := r.uvarint()
	if n > uint64(len(r.rest)) {
		r.fail(errShort)
		return nil
	}
	v := r.rest[:n]
	r.rest = r.rest[n:]
	return v
}

func (r *reader) id() string {
	id := string(r.bytes())
	if r.err == nil {
		if err := CheckID(id); err != nil {
			r.fail(err)
		}
	}
	return id
}

// count takes an incarnation or a sequence.
func (r *reader) count(what string) uint64 {
	n := r.uvarint()
	if r.err == nil && (n == 0 || n > maxCount) {
		r.fail(fmt.Errorf("%s %d is not within 1 and %d", what, n, uint64(maxCount)))
	}
	return n
}

// eachFrame calls handle with each frame of a message, until one returns an error.
func eachFrame(msg []byte, handle func(kind uint64, body []byte) error) error {
	switch {
	case len(msg) == 0:
		return errShort
	case len(msg) > MaxMessage:
		return fmt.Errorf("it has %d bytes: at most %d are allowed", len(msg), MaxMessage)
	case msg[0] > version:
		return NewerVersionError{msg[0]}
	case msg[0] < version:
		return fmt.Errorf("version %d does not exist", msg[0])
	}
	r := reader{rest: msg[1:]}
	for len(r.rest) > 0 {
		kind := r.uvarint()
		body := r.bytes()
		if r.err != nil {
			return r.err
		}
		if err := handle(kind, body); err != nil {
			return err
		}
	}
	return nil
}

func decodeLSA(body []byte) (*LSA, error) {
	if len(body) > maxLSA {
		return nil, fmt.Errorf("LSA of %d bytes: at most %d are allowed", len(body), maxLSA)
	}
	l := new(LSA)
	r := reader{rest: body}
	for len(r.rest) > 0 {
		tag := r.uvarint()
		f := reader{rest: r.bytes()}
		if r.err == nil {
			l.decodeField(tag, &f)
		}
		if err := errors.Join(r.err, f.err); err != nil {
			return nil, fmt.Errorf("LSA of router %q, field %d: %w", l.Origin, tag, err)
		}
	}
	if l.Origin == "" || l.Incarnation == 0 || l.Seq == 0 {
		return nil, fmt.Errorf("LSA of router %q lacks origin, incarnation or sequence", l.Origin)
	}
	if _, itself := l.cost(l.Origin); itself {
		return nil, fmt.Errorf("LSA of router %q lists itself as its neighbour", l.Origin)
	}
	return l, nil
}

func (l *LSA) decodeField(tag uint64, f *reader) {
	switch tag {
	case tagOrigin:
		l.Origin = string(f.rest)
		if err := CheckID(l.Origin); err != nil {
			l.Origin = ""
			f.fail(err)
		}
	case tagIncarnation:
		l.Incarnation = f.count("incarnation")
	case tagBoot:
		l.Boot = f.fixed64()
	case tagSeq:
		l.Seq = f.count("sequence")
	case tagStarted:
		l.Started = f.uvarint()
	case tagFlags:
		l.Draining = f.uvarint()&flagDraining != 0
	case tagTable:
		l.TableVersion, l.TableDigest = f.uvarint(), f.fixed64()
	case tagAdjacency:
		l.decodeAdjacency(f)
	}
}

func (l *LSA) decodeAdjacency(f *reader) {
	a := Adjacency{Neighbour: f.id()}
	cost := f.uvarint()
	n := len(l.Adjacencies)
	switch {
	case f.err != nil:
	case cost == 0 || cost > MaxCost:
		f.fail(fmt.Errorf("cost %d of the adjacency to %q is not within 1 and %d", cost, a.Neighbour, MaxCost))
	case n == MaxAdjacencies:
		f.fail(fmt.Errorf("more than %d adjacencies", MaxAdjacencies))
	case n > 0 && strings.Compare(l.Adjacencies[n-1].Neighbour, a.Neighbour) >= 0:
		f.fail(fmt.Errorf("adjacency to %q stands after that to %q", a.Neighbour, l.Adjacencies[n-1].Neighbour))
	default:
		a.Cost = uint32(cost)
		l.Adjacencies = append(l.Adjacencies, a)
	}
}

func decodeHeaders(body []byte) (headersFrame, error) {
	r := reader{rest: body}
	f := headersFrame{exchange: r.uvarint(), after: string(r.bytes()), upto: string(r.bytes())}
	if r.err == nil && f.upto != "" && f.after >= f.upto {
		return f, fmt.Errorf("headers after %.20q up to %.20q: that is no range", f.after, f.upto)
	}
	last := f.after
	for len(r.rest) > 0 {
		e, err := decodeEntry(r.bytes())
		if err = errors.Join(r.err, err); err != nil {
			return f, fmt.Errorf("header of router %q: %w", e.Origin, err)
		}
		if e.Origin <= last || f.upto != "" && e.Origin > f.upto {
			return f, fmt.Errorf("header of router %q is out of order", e.Origin)
		}
		last = e.Origin
		f.entries = append(f.entries, e)
	}
	return f, r.err
}

func decodeEntry(body []byte) (headerEntry, error) {
	r := reader{rest: body}
	h := Header{Origin: r.id(), Incarnation: r.count("incarnation"), Boot: r.fixed64(), Seq: r.count("sequence")}
	if r.err == nil && len(r.rest) == 0 {
		r.fail(errShort)
	}
	if r.err != nil {
		return headerEntry{Header: h}, r.err
	}
	return headerEntry{h, r.rest[0]&flagBuried != 0}, nil
}

func decodeHash(body []byte) (uint64, error) {
	r := reader{rest: body}
	return r.fixed64(), r.err
}

func decodeDone(body []byte) (uint64, error) {
	r := reader{rest: body}
	return r.uvarint(), r.err
}
