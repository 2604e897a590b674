package buf

import (
	"bytes"
	"sync"
	"testing"
)

func TestABufferHasRoomForWhatWasAsked(t *testing.T) {
	for n, size := range map[int]int{
		0: Small, 1: Small, Small: Small, Small + 1: Large, Large: Large, Large + 1: Huge, Huge: Huge, Huge + 1: Huge + 1, 10 * Huge: 10 * Huge,
	} {
		b := Get(n)
		if len(b) != 0 || cap(b) != size {
			t.Errorf("for %d bytes: %d of %d, want 0 of %d", n, len(b), cap(b), size)
		}
		Put(b)
	}
}

// Only whole buffers go back: a slice of one would shrink what the next gets.
func TestOnlyWholeBuffersGoBack(t *testing.T) {
	Put(nil)
	for range 100 {
		Put(Get(Small)[5:5])
		Put(Get(Large)[: 10 : Large-1])
		Put(make([]byte, 100))
		Put(make([]byte, Small+1))
		for _, size := range []int{Small, Large, Huge} {
			b := Get(size)
			if len(b) != 0 || cap(b) != size {
				t.Fatalf("got %d of %d, want 0 of %d", len(b), cap(b), size)
			}
			Put(b)
		}
	}
}

// A buffer that was put back full, or in part, comes empty.
func TestABufferComesEmpty(t *testing.T) {
	for range 100 {
		Put(Get(Small)[:Small])
		Put(Get(Small)[:7])
		if b := Get(Small); len(b) != 0 {
			t.Fatalf("a buffer of %d bytes", len(b))
		}
	}
}

func TestReserveKeepsWhatIsThere(t *testing.T) {
	var b, want []byte
	for i := range 3 * Huge / 1000 {
		piece := bytes.Repeat([]byte{byte(i)}, 1000)
		b = append(Reserve(b, len(piece)), piece...)
		want = append(want, piece...)
		if c := cap(b); c != Small && c != Large && c != Huge && len(b) <= Huge {
			t.Fatalf("%d bytes in a buffer of %d, which is none of the pools'", len(b), c)
		}
	}
	if !bytes.Equal(b, want) {
		t.Error("what was appended is not what is there")
	}
	if same := Reserve(b, cap(b)-len(b)); &same[0] != &b[0] {
		t.Error("moved though there was room")
	}
	Put(b)
	if b := Reserve(nil, 5); len(b) != 0 || cap(b) != Small {
		t.Errorf("the first buffer has %d of %d", len(b), cap(b))
	}
}

// What grows beyond the pools doubles: a byte at a time would be quadratic.
func TestReserveDoublesBeyondThePools(t *testing.T) {
	b := Get(Huge)[:Huge]
	moves := 0
	for len(b) < 32*Huge {
		c := cap(b)
		if b = append(Reserve(b, 100), make([]byte, 100)...); cap(b) != c {
			moves++
		}
	}
	if moves > 6 {
		t.Errorf("moved %d times on the way to 32 times its size", moves)
	}
}

func TestARefGoesBackWithItsLastHolder(t *testing.T) {
	for _, n := range []int{1, Small, Large, Huge, Huge + 1} {
		r := GetRef(n)
		if len(r.Bytes()) < n || !r.Alone() {
			t.Fatalf("%d bytes for %d, alone: %v", len(r.Bytes()), n, r.Alone())
		}
		r.Hold()
		if r.Alone() {
			t.Error("two hold it, and it says one")
		}
		r.Drop()
		if !r.Alone() {
			t.Error("one holds it, and it says more")
		}
		r.Drop()
		func() {
			defer func() {
				if recover() == nil {
					t.Error("let go once more than held, and nobody minds")
				}
			}()
			r := &Ref{}
			r.Drop()
		}()
	}
}

// Nobody gets a buffer that somebody holds. The race detector sees it if the
// bytes below do not.
func TestNobodyGetsWhatAnotherHolds(t *testing.T) {
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 2000 {
				mark := byte(g<<5 | i&31)
				b, r := Get(Small), GetRef(Small)
				b = b[:Small]
				b[0], b[Small-1], r.Bytes()[0], r.Bytes()[Small-1] = mark, mark, mark, mark
				r.Hold()
				wg.Go(func() {
					defer r.Drop()
					if r.Bytes()[0] != mark || r.Bytes()[Small-1] != mark {
						t.Error("the bytes of a buffer that is held have changed")
					}
				})
				if b[0] != mark || b[Small-1] != mark {
					t.Error("the bytes of our buffer have changed")
				}
				Put(b)
				r.Drop()
			}
		})
	}
	wg.Wait()
}

func TestLendingAllocatesNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("under the race detector pools forget on purpose")
	}
	if n := testing.AllocsPerRun(1000, func() {
		Put(Get(Small))
		Put(Get(Large))
		Put(Get(Huge))
		GetRef(Small).Drop()
		GetRef(Large).Drop()
	}); n > 0.1 {
		t.Errorf("%v allocations to lend five buffers", n)
	}
}
