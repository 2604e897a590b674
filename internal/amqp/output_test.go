package amqp

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/meshway/meshway/internal/buf"
	"github.com/meshway/meshway/internal/wire"
)

// Payloads that are mentioned stand in the output as if they had been copied, and
// any number of bytes from its beginning may have been written already.
func TestOutputIsWhatItMentions(t *testing.T) {
	for seed := range uint64(50) {
		rnd := rand.New(rand.NewPCG(seed, 4))
		var o output
		var want []byte
		var refs []*buf.Ref
		for range rnd.IntN(8) {
			ref := buf.GetRef(buf.Small)
			payload := ref.Bytes()[:1+rnd.IntN(buf.Small)]
			for i := range payload {
				payload[i] = byte(rnd.Uint32())
			}
			tr := wire.Transfer{Handle: rnd.Uint32N(10), More: rnd.IntN(2) == 0}
			want = wire.AppendTransferFrame(want, 3, &tr, payload)
			if rnd.IntN(2) == 0 {
				o.bytes = wire.AppendTransferFrame(buf.Reserve(o.bytes, len(payload)+maxTransferHeader), 3, &tr, payload)
				ref.Drop()
				continue
			}
			start := len(o.bytes)
			o.bytes = wire.AppendTransferFrame(buf.Reserve(o.bytes, maxTransferHeader), 3, &tr, nil)
			o.mention(start, payload, ref)
			ref.Drop() // the output holds it
			refs = append(refs, ref)
		}
		if o.len() != len(want) {
			t.Fatalf("seed %d: %d bytes, want %d", seed, o.len(), len(want))
		}
		for _, n := range []int{0, 1, len(want) / 3, len(want) / 2, len(want) - 1, len(want)} {
			n = min(max(n, 0), len(want))
			pieces := o.pieces(nil, n)
			if got := bytes.Join(pieces, nil); !bytes.Equal(got, want[n:]) {
				t.Fatalf("seed %d: what is left behind %d of %d bytes differs", seed, n, len(want))
			}
			if slices.ContainsFunc(pieces, func(p []byte) bool { return len(p) == 0 }) {
				t.Fatalf("seed %d: a piece has nothing in it", seed)
			}
		}
		for _, r := range refs {
			if !r.Alone() {
				t.Fatalf("seed %d: the output has let go of what it mentions", seed)
			}
			r.Hold() // or it would be somebody else's when looked at again
		}
		o.free()
		for _, r := range refs {
			if !r.Alone() {
				t.Fatalf("seed %d: the output has not let go of what it mentioned", seed)
			}
			r.Drop()
		}
		if o.len() != 0 || o.bytes != nil {
			t.Fatalf("seed %d: %d bytes are left", seed, o.len())
		}
	}
}
