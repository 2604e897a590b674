package amqp

import (
	"bytes"
	"encoding/binary"
	"runtime"
	"slices"
	"sync"
	"testing"

	"github.com/meshway/meshway/internal/buf"
)

// keeper keeps what comes in, in the buffers that it was read into.
type keeper struct {
	*relay
	mu       sync.Mutex
	refs     []*buf.Ref // all different
	payloads [][]byte
}

// kept is how many buffers and payloads there are.
func (k *keeper) kept() (refs, payloads int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.refs), len(k.payloads)
}

func (k *keeper) OnAttach(b *Batch, q *AttachRequest) {
	k.in, _ = q.AcceptReceiver(b, keeperIn{k, relayIn{k.relay}}, &Answer{Source: q.Attach.Source, Target: q.Attach.Target})
	k.in.SetWindow(b, 10_000)
}

type keeperIn struct {
	*keeper
	relayIn
}

func (k keeperIn) OnTransfer(_ *Batch, d *Delivery) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !slices.Contains(k.refs, d.In) {
		d.In.Hold()
		k.refs = append(k.refs, d.In)
	}
	k.payloads = append(k.payloads, d.Payload)
}

// What waits is counted by its own bytes. The buffers that it keeps busy must not be many times
// as large, however it came, or nobody knows how much memory that is.
func TestWhatWaitsKeepsNoBuffersManyTimesAsLarge(t *testing.T) {
	for name, tt := range map[string]struct {
		frames, size int // at a time, and of each
		times        int // as large, at the most
	}{
		"many frames at once":        {8, 40 << 10, 2},
		"large frames one by one":    {1, 60 << 10, 2},
		"middling frames one by one": {1, 20 << 10, 4},
		"small frames one by one":    {1, 9 << 10, 4},
	} {
		t.Run(name, func(t *testing.T) {
			k := &keeper{relay: new(relay)}
			p := dial(t, k, sending("q", 0))
			count := 0
			send := func(frames, size int) {
				var all []byte
				for range frames {
					f := transferTemplate(size, true)
					binary.BigEndian.PutUint32(f.bytes[f.id:], 1<<16+uint32(count))
					copy(f.bytes[len(f.bytes)-size:], bytes.Repeat([]byte{byte(count)}, size))
					all = append(all, f.bytes...)
					count++
				}
				p.write(all)
				for _, n := k.kept(); n < count; _, n = k.kept() {
					runtime.Gosched()
				}
			}
			for range 4 {
				send(8, 60<<10) // so that large buffers are in use
			}
			before, _ := k.kept()
			for range 64 / tt.frames {
				send(tt.frames, tt.size)
			}
			k.mu.Lock()
			defer k.mu.Unlock()
			room := 0
			for _, r := range k.refs[before:] {
				room += len(r.Bytes())
			}
			if held := 64 * tt.size; room > tt.times*held+buf.Huge {
				t.Errorf("%d bytes that wait keep buffers of %d busy", held, room)
			}
			for i, b := range k.payloads {
				if bytes.Count(b, []byte{byte(i)}) != len(b) {
					t.Fatalf("the bytes of frame %d of %d have changed while it waited", i, count)
				}
			}
		})
	}
}
