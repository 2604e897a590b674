package router

import (
	"errors"

	"github.com/meshway/meshway/internal/buf"
	"github.com/meshway/meshway/internal/wire"
)

// piece is part of a message that is kept beyond the call in which it came: a
// large one stays in the buffer that it was read into, small ones are gathered.
type piece struct {
	bytes []byte
	in    *buf.Ref // what bytes lie in, held; nil: a buffer of our own
}

// keepFrom is how long a part must be to stay where it was read.
const keepFrom = 8 << 10

// keep appends bytes that lie in the given buffer to the pieces. Whoever reads the
// last piece has a view of its own and is not disturbed by what is gathered
// behind.
func keep(list []piece, p []byte, in *buf.Ref) []piece {
	if len(p) == 0 {
		return list
	}
	if in != nil && len(p) >= keepFrom {
		in.Hold()
		return append(list, piece{p, in})
	}
	if n := len(list); n > 0 && list[n-1].in == nil {
		if last := &list[n-1]; cap(last.bytes)-len(last.bytes) >= len(p) {
			last.bytes = append(last.bytes, p...)
			return list
		}
	}
	if len(list) == 0 && len(p) < firstChunk {
		// Ten thousand messages of which one byte has come must not take ten
		// thousand buffers.
		return append(list, piece{bytes: append(make([]byte, 0, firstChunk), p...)})
	}
	return append(list, piece{bytes: append(buf.Get(len(p)), p...)})
}

func (p *piece) free() {
	if p.in != nil {
		p.in.Drop()
	} else {
		buf.Put(p.bytes)
	}
	*p = piece{}
}

func freePieces(list []piece) {
	for i := range list {
		list[i].free()
	}
}

// join makes one piece of several.
func join(list []piece, size int) []piece {
	if len(list) == 1 {
		return list
	}
	all := buf.Get(size)
	for _, p := range list {
		all = append(all, p.bytes...)
	}
	freePieces(list)
	return append(list[:0], piece{bytes: all})
}

// headIsWhole says that all sections before the body lie in these bytes, or that
// they cannot be read anyway.
func headIsWhole(p []byte) bool {
	for len(p) > 0 {
		if p[0] == 0 && len(p) > 2 && p[1] == 0x53 && wire.SectionCode(p[2]) > wire.SectionApplicationProperties {
			return true
		}
		s, rest, err := wire.NextSection(p)
		if err != nil {
			return !errors.Is(err, wire.ErrShort)
		}
		if s.Code > wire.SectionApplicationProperties {
			return true
		}
		p = rest
	}
	return false
}
