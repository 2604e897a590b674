package amqp

import "testing"

// [2.8.10] Comparisons of RFC 1982: within half the circle, over the wrap.
func TestSerialNumbers(t *testing.T) {
	for _, tt := range []struct {
		a, b uint32
		diff int32
	}{
		{0, 0, 0}, {1, 0, 1}, {0, 1, -1}, {0, 1<<32 - 1, 1}, {1<<32 - 1, 0, -1}, {5, 1<<32 - 5, 10},
		{1 << 31, 1, 1<<31 - 1}, {1, 1 << 31, -(1<<31 - 1)}, {1<<31 - 1, 0, 1<<31 - 1}, {1<<32 - 1, 1 << 31, 1<<31 - 1},
	} {
		if got := serialDiff(tt.a, tt.b); got != tt.diff {
			t.Errorf("%d is %d past %d, want %d", tt.a, got, tt.b, tt.diff)
		}
		if got := serialLess(tt.a, tt.b); got != (tt.diff < 0) {
			t.Errorf("%d before %d: %v", tt.a, tt.b, got)
		}
	}
}

func TestWhatRemains(t *testing.T) {
	for _, tt := range []struct{ n, seen, sent, want uint32 }{
		{0, 0, 0, 0}, {10, 0, 0, 10}, {10, 0, 4, 6}, {10, 0, 10, 0}, {10, 0, 11, 0}, {10, 4, 4, 10},
		{10, 1<<32 - 2, 3, 5}, {1<<32 - 1, 0, 0, 1<<32 - 1}, {1<<32 - 1, 1<<32 - 1, 4, 1<<32 - 6},
		{10, 5, 0, 10}, {0, 5, 0, 0}, {10, 1 << 30, 0, 10},
	} {
		if got := remaining(tt.n, tt.seen, tt.sent); got != tt.want {
			t.Errorf("%d told at %d, with %d sent: %d remain, want %d", tt.n, tt.seen, tt.sent, got, tt.want)
		}
	}
}
