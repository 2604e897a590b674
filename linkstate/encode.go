package linkstate

import (
	"encoding/binary"
)

// A message is a version byte and frames; a frame is its kind, its length and its
// body. An LSA's body is a row of fields: tag, length, value. Routers skip kinds,
// tags and ends of bodies that they do not know, so additions need no new version:
// that changes only when older routers could not even skip.
const version = 1

// Kinds of frames.
const (
	kindLSA     = 1 // an LSA; relayed as it came, with fields that we do not know
	kindHeaders = 2 // what the sender has, in one range of ids
	kindDone    = 3 // what was newer than your headers is sent
	kindHash    = 4 // of the sender's database
)

// Tags of an LSA's fields.
const (
	tagOrigin      = 1
	tagIncarnation = 2
	tagBoot        = 3
	tagSeq         = 4
	tagStarted     = 5
	tagFlags       = 6
	tagTable       = 7
	tagAdjacency   = 8
)

// Bits of flags.
const (
	flagDraining = 1 // of an LSA
	flagBuried   = 1 // of a header
)

func appendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func appendBytes(b, value []byte) []byte {
	return append(binary.AppendUvarint(b, uint64(len(value))), value...)
}

func appendField(b []byte, tag uint64, value []byte) []byte {
	return appendBytes(binary.AppendUvarint(b, tag), value)
}

// encodeLSA encodes l. Adjacencies that find no room are left out, and returned.
func encodeLSA(l *LSA) (body []byte, left []string) {
	var v []byte
	number := func(tag, n uint64) {
		v = binary.AppendUvarint(v[:0], n)
		body = appendField(body, tag, v)
	}
	body = appendField(body, tagOrigin, []byte(l.Origin))
	number(tagIncarnation, l.Incarnation)
	body = appendField(body, tagBoot, binary.BigEndian.AppendUint64(v[:0], l.Boot))
	number(tagSeq, l.Seq)
	number(tagStarted, l.Started)
	if l.Draining {
		number(tagFlags, flagDraining)
	}
	if l.TableVersion != 0 || l.TableDigest != 0 {
		v = binary.AppendUvarint(v[:0], l.TableVersion)
		body = appendField(body, tagTable, binary.BigEndian.AppendUint64(v, l.TableDigest))
	}
	for i, a := range l.Adjacencies {
		v = binary.AppendUvarint(appendString(v[:0], a.Neighbour), uint64(a.Cost))
		if longer := appendField(body, tagAdjacency, v); len(longer) <= maxLSA && i-len(left) < MaxAdjacencies {
			body = longer
		} else {
			left = append(left, a.Neighbour)
		}
	}
	return body, left
}

// headerEntry is a header as it stands in a database.
type headerEntry struct {
	Header
	buried bool
}

// headersFrame is a part of what a database holds: everything with after < origin
// <= upto. The parts of one exchange follow each other; the first has no after, the
// last no upto.
type headersFrame struct {
	exchange    uint64 // counted by the sender
	after, upto string
	entries     []headerEntry // in the order of Origin
}

func appendEntry(b []byte, e headerEntry) []byte {
	v := appendString(nil, e.Origin)
	v = binary.AppendUvarint(v, e.Incarnation)
	v = binary.BigEndian.AppendUint64(v, e.Boot)
	v = binary.AppendUvarint(v, e.Seq)
	flags := byte(0)
	if e.buried {
		flags |= flagBuried
	}
	return appendBytes(b, append(v, flags))
}

func encodeHeaders(f headersFrame) []byte {
	b := binary.AppendUvarint(nil, f.exchange)
	b = appendString(appendString(b, f.after), f.upto)
	for _, e := range f.entries {
		b = appendEntry(b, e)
	}
	return b
}

// encodeExchange splits what a database holds into bodies of headers frames that
// fit a message each. The entries are in the order of Origin.
func encodeExchange(exchange uint64, entries []headerEntry) [][]byte {
	const room = MaxMessage - 2*MaxID - 64
	var bodies [][]byte
	f := headersFrame{exchange: exchange}
	size := 0
	for i, e := range entries {
		n := len(appendEntry(nil, e))
		if size+n > room {
			f.upto = entries[i-1].Origin
			bodies = append(bodies, encodeHeaders(f))
			f = headersFrame{exchange: exchange, after: f.upto}
			size = 0
		}
		f.entries = append(f.entries, e)
		size += n
	}
	return append(bodies, encodeHeaders(f))
}

// packer puts frames into as few messages as they fit in.
type packer struct {
	done [][]byte
	open []byte
}

func (p *packer) frame(kind uint64, body []byte) {
	var room [2 * binary.MaxVarintLen64]byte
	head := binary.AppendUvarint(binary.AppendUvarint(room[:0], kind), uint64(len(body)))
	if len(p.open)+len(head)+len(body) > MaxMessage {
		p.messages()
	}
	if len(p.open) == 0 {
		p.open = append(p.open, version)
	}
	p.open = append(append(p.open, head...), body...)
}

func (p *packer) messages() [][]byte {
	if len(p.open) > 0 {
		p.done = append(p.done, p.open)
		p.open = nil
	}
	return p.done
}

// message is a message of one frame.
func message(kind uint64, body []byte) []byte {
	var p packer
	p.frame(kind, body)
	return p.open
}
