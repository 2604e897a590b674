package router

import "testing"

// What is left for other addresses is the difference of two sums that grow while they are taken:
// it may come out less than it was, and even below nothing, and is never said so.
func TestACounterOfOtherAddressesNeverFalls(t *testing.T) {
	var s seriesSet
	for _, step := range []struct {
		what       string
		all, named uint64
		want       float64
	}{
		{"in", 10, 3, 7}, {"in", 11, 6, 7}, {"in", 2, 6, 7}, {"out", 2, 6, 0}, {"in", 20, 6, 14},
	} {
		if got := s.rest(step.what, step.all, step.named); got != step.want {
			t.Errorf("%s: of %d, %d have names, and the others are told as %v, want %v", step.what, step.all, step.named, got, step.want)
		}
	}
}
