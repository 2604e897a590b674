package router

import (
	"runtime"
	"testing"
	"weak"
)

// Metrics keep the name of an address that is out of use, and what it has carried; all else of
// it goes. While a new one comes by that name, both may be there for a moment.
func TestMetricsDoNotKeepAnAddressThatIsGone(t *testing.T) {
	s := &seriesSet{limit: 1}
	former, current := &address{key: "M0prices"}, &address{key: "M0prices"}
	for _, a := range []*address{former, current} {
		a.consumers.Store(noConsumers)
		s.enter(a)
	}
	was := weak.Make(former)
	s.leave(former)
	former = nil
	runtime.GC()
	if was.Value() != nil {
		t.Error("an address that is gone is kept while another goes by its name")
	}
	was = weak.Make(current)
	s.leave(current)
	current = nil
	runtime.GC()
	if was.Value() != nil {
		t.Error("an address that is gone is kept by its metrics")
	}
	if list, _ := s.look(); len(list) != 1 {
		t.Errorf("%d addresses have metrics of their own, want the one that is out of use", len(list))
	}
}

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
