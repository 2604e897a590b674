package router

import (
	"testing"

	"github.com/meshway/meshway/internal/buf"
)

// A stream may last for hours: what it makes anew for each part is garbage, and the heap grows to twice
// of what lives before that is collected.
func TestAStreamMakesNothingAnewForItsParts(t *testing.T) {
	ref := buf.GetRef(buf.Large)
	defer ref.Drop()
	c := new(streamCopy)
	s := &stream{copies: []*streamCopy{c}, expected: 1}
	comes := func() { s.chunks = keep(s.chunks, ref.Bytes()[:16<<10], ref) }
	for range 3 { // some are always there
		comes()
	}
	n := testing.AllocsPerRun(10, func() {
		for range 100 {
			comes()
			c.chunk++
			if freed := s.free(); freed != 16<<10 {
				t.Fatalf("%d bytes are free, want those of the part that has left", freed)
			}
		}
	})
	if n > 1 {
		t.Errorf("%v allocations for 100 parts of a stream", n)
	}
	if len(s.chunks) != 3 {
		t.Errorf("%d parts are left, want 3", len(s.chunks))
	}
}
