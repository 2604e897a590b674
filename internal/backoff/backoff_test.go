package backoff

import (
	"math/rand/v2"
	"testing"
	"time"
)

var policy = Policy{First: 100 * time.Millisecond, Longest: 3 * time.Second, Stable: 5 * time.Second}

func none(int64) int64   { return 0 }
func most(n int64) int64 { return n - 1 }

func TestWaitsGrowToTheLongest(t *testing.T) {
	var b Backoff
	for i, want := range []time.Duration{100, 200, 400, 800, 1600, 3000, 3000} {
		if got := b.Next(policy, 0, none); got != want*time.Millisecond {
			t.Errorf("wait %d is %v, want %d ms", i+1, got, want)
		}
	}
}

func TestOnlyWhatHeldLongEnoughEndsTheGrowing(t *testing.T) {
	var b Backoff
	for range 4 {
		b.Next(policy, 0, none)
	}
	if got := b.Next(policy, policy.Stable-1, none); got != 1600*time.Millisecond {
		t.Errorf("after what was shortly there the wait is %v, want it to go on growing", got)
	}
	if got := b.Next(policy, policy.Stable, none); got != policy.First {
		t.Errorf("after what was stable the wait is %v", got)
	}
}

func TestAQuarterOfAWaitIsChance(t *testing.T) {
	var b Backoff
	if got := b.Next(policy, 0, most); got <= 75*time.Millisecond || got > 76*time.Millisecond {
		t.Errorf("the shortest first wait is %v", got)
	}
	var tiny Backoff
	if got := tiny.Next(Policy{First: 1, Longest: 1, Stable: 1}, 0, rand.Int64N); got != 1 {
		t.Errorf("a wait too short to divide is %v", got)
	}
}
