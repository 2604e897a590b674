package routing

import (
	"fmt"
	"testing"
)

func keysFor(n int) (keys [][]byte) {
	for i := range n {
		keys = append(keys, fmt.Appendf(nil, "device-%d", i))
	}
	return keys
}

func TestKeysSpreadEvenlyOverShards(t *testing.T) {
	for _, names := range [][]string{{"a", "b"}, {"broker-1", "broker-2", "broker-3"}, {"x1", "x2", "x3", "x4", "x5", "x6", "x7"}} {
		s := NewShards(names)
		count := make([]int, s.Len())
		const keys = 10_000
		for _, k := range keysFor(keys) {
			count[s.Choose(k, nil)]++
		}
		for i, n := range count {
			if fair := keys / len(names); n < fair*9/10 || n > fair*11/10 {
				t.Errorf("%v: %s has %d keys, want %d within a tenth", names, names[i], n, fair)
			}
		}
	}
}

func TestOnlyTheKeysOfALostShardMove(t *testing.T) {
	s := NewShards([]string{"broker-1", "broker-2", "broker-3"})
	const lost = 1
	moved := map[int]int{}
	for _, k := range keysFor(3000) {
		before := s.Choose(k, nil)
		after := s.Choose(k, func(i int) bool { return i != lost })
		switch {
		case after == lost:
			t.Fatalf("%s goes to the lost shard", k)
		case before != lost && after != before:
			t.Fatalf("%s moved from %d to %d, which are both there", k, before, after)
		case before == lost:
			moved[after]++
		}
	}
	if len(moved) != 2 || moved[0] < 400 || moved[2] < 400 {
		t.Errorf("the lost shard's keys went to %v, want both others to get about 500", moved)
	}
	if s.Choose([]byte("x"), func(int) bool { return false }) != -1 {
		t.Error("a shard was chosen though none can be used")
	}
}

func TestShardsDoNotDependOnTheOrderOfTheirNames(t *testing.T) {
	a, b := []string{"p", "q", "r"}, []string{"r", "p", "q"}
	x, y := NewShards(a), NewShards(b)
	for _, k := range keysFor(1000) {
		if i, j := x.Choose(k, nil), y.Choose(k, nil); a[i] != b[j] {
			t.Fatalf("%s goes to %s by one list, to %s by the other", k, a[i], b[j])
		}
	}
}
