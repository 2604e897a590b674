package amqp

import (
	"encoding/binary"
	"net"
	"sync"

	"github.com/meshway/meshway/internal/buf"
)

// output is encoded frames on their way to the socket. Most of it is bytes; the
// payload of a large frame stays in the buffer that it was read into, and is only
// mentioned.
type output struct {
	bytes   []byte
	extents []extent
	extra   int // bytes in extents
}

// extent is a payload that stands in the output behind the first at bytes.
type extent struct {
	at   int
	part []byte
	in   *buf.Ref // held
}

// extentList is how many payloads an output mentions as a rule: those of a full one.
const extentList = 32

// extentLists holds the lists of outputs that mention nothing. A connection has two while it
// waits for its socket, and none while it has nothing to say.
var extentLists = sync.Pool{New: func() any { return new([extentList]extent) }}

// mentionFrom is how long a payload must be to be mentioned rather than copied.
const mentionFrom = 8 << 10

func (o *output) len() int { return len(o.bytes) + o.extra }

// mention puts a payload behind the frame that begins at start, whose size it
// corrects.
func (o *output) mention(start int, part []byte, in *buf.Ref) {
	binary.BigEndian.PutUint32(o.bytes[start:], uint32(len(o.bytes)-start+len(part)))
	in.Hold()
	if o.extents == nil {
		o.extents = extentLists.Get().(*[extentList]extent)[:0]
	}
	o.extents = append(o.extents, extent{at: len(o.bytes), part: part, in: in})
	o.extra += len(part)
}

// free gives back what the output holds, and leaves it empty.
func (o *output) free() {
	for i := range o.extents {
		o.extents[i].in.Drop()
		o.extents[i] = extent{}
	}
	if cap(o.extents) == extentList {
		extentLists.Put((*[extentList]extent)(o.extents[:extentList]))
	}
	buf.Put(o.bytes)
	*o = output{}
}

// pieces appends what is left behind the first n bytes to list.
func (o *output) pieces(list [][]byte, n int) [][]byte {
	add := func(p []byte) {
		if n >= len(p) {
			n -= len(p)
			return
		}
		list = append(list, p[n:])
		n = 0
	}
	at := 0
	for i := range o.extents {
		e := &o.extents[i]
		add(o.bytes[at:e.at])
		add(e.part)
		at = e.at
	}
	add(o.bytes[at:])
	return list
}

// writeOp is one non-blocking write, pooled because its callback would otherwise
// be allocated for each.
type writeOp struct {
	fn     func(fd uintptr) bool
	list   [][]byte
	vector ioVector
	n      int
	err    error
}

// writeOps holds the callbacks of non-blocking writes.
var writeOps = sync.Pool{New: func() any {
	op := new(writeOp)
	op.fn = func(fd uintptr) bool {
		if len(op.list) == 1 {
			op.n, op.err = rawWrite(fd, op.list[0])
		} else {
			op.n, op.err = op.vector.write(fd, op.list)
		}
		return true // never wait here
	}
	return op
}}

// tryWrite writes what the socket takes at once of all but the first n bytes, and returns how
// much that was. It never waits; a full socket is less than there was and no error.
func (t *transport) tryWrite(o *output, n int) (int, error) {
	op := writeOps.Get().(*writeOp)
	op.list, op.n, op.err = o.pieces(op.list[:0], n), 0, nil
	var err error
	switch {
	case t.sock != nil:
		op.fn(uintptr(t.sock.fd))
	case t.raw != nil:
		err = t.raw.Write(op.fn)
	default:
		op.n, err = t.tryPlain(op.list)
	}
	if err == nil {
		err = op.err
	}
	n = op.n
	clear(op.list)
	op.err = nil
	writeOps.Put(op)
	return n, err
}

// tryWriter is a connection that is no socket, and can write without waiting all
// the same.
type tryWriter interface{ TryWrite(b []byte) (int, error) }

func (t *transport) tryPlain(pieces [][]byte) (n int, err error) {
	w, ok := t.nc.(tryWriter)
	if !ok {
		return 0, nil
	}
	for _, p := range pieces {
		k, err := w.TryWrite(p)
		n += k
		if err != nil || k < len(p) {
			return n, err
		}
	}
	return n, nil
}

// write writes all but the first n bytes, waiting as long as it takes.
func (t *transport) write(o *output, n int) error {
	list := net.Buffers(o.pieces(nil, n))
	_, err := list.WriteTo(t.nc)
	return err
}
