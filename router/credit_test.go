package router

import "testing"

func TestEverySenderHasALittleCreditHoweverManyThereAre(t *testing.T) {
	for n, want := range map[int]uint32{0: 65536, 1: 65536, 400: 163, 8192: 8, 9000: 8, 1_000_000: 8} {
		if got := shareOf(n); got != want {
			t.Errorf("each of %d senders gets %d, want %d", n, got, want)
		}
	}
}

func TestConsumersMakeAWindowThatHasABound(t *testing.T) {
	for n, want := range map[int]uint32{0: 250, 1: 250, 3: 750, 32: 8000, 33: 8192, 1_000_000: 8192} {
		if got := spreadOf(n); got != want {
			t.Errorf("%d consumers make a window of %d, want %d", n, got, want)
		}
	}
}
