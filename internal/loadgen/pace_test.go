package loadgen

import (
	"testing"
	"time"
)

func TestTurnsGoRound(t *testing.T) {
	s := newSchedule(3, 10) // 30 a second together
	for _, c := range []struct {
		after time.Duration
		turns uint64
		each  [3]uint64
	}{
		{0, 1, [3]uint64{1, 0, 0}},
		{33 * time.Millisecond, 1, [3]uint64{1, 0, 0}},
		{34 * time.Millisecond, 2, [3]uint64{1, 1, 0}},
		{67 * time.Millisecond, 3, [3]uint64{1, 1, 1}},
		{100 * time.Millisecond, 4, [3]uint64{2, 1, 1}},
		{time.Second, 31, [3]uint64{11, 10, 10}},
	} {
		if got := s.turns(c.after); got != c.turns {
			t.Errorf("after %v: got %d turns, want %d", c.after, got, c.turns)
		}
		for i, want := range c.each {
			if got := s.allowed(i, c.turns); got != want {
				t.Errorf("after %d turns: sender %d may have sent %d, want %d", c.turns, i, got, want)
			}
		}
	}
}

func TestATurnIsGivenWhenItIsDue(t *testing.T) {
	s := newSchedule(200, 100)
	for sender := range s.n {
		for k := range uint64(50) {
			turns := s.turns(s.due(sender, k))
			if got := s.allowed(sender, turns); got != k+1 {
				t.Fatalf("sender %d, message %d: %d allowed when it is due", sender, k, got)
			}
			if early := s.due(sender, k) - 1; early >= 0 && s.allowed(sender, s.turns(early)) != k {
				t.Fatalf("sender %d, message %d: allowed before it is due", sender, k)
			}
		}
	}
}

func TestRatesBeyondTheClock(t *testing.T) {
	s := newSchedule(1000, 1e12)
	if s.turn < 1 {
		t.Errorf("a turn of %v", s.turn)
	}
}

func TestThrottle(t *testing.T) {
	now := time.Unix(1000, 0)
	th := throttle{rate: 1000}
	if d := th.ahead(100, now); d != 100*time.Millisecond {
		t.Errorf("100 bytes at 1000 a second take 100 ms, got %v", d)
	}
	if d := th.ahead(100, now.Add(100*time.Millisecond)); d != 100*time.Millisecond {
		t.Errorf("in time: got %v, want 100 ms more", d)
	}
	if d := th.ahead(100, now.Add(201*time.Millisecond)); d != 99*time.Millisecond {
		t.Errorf("a little late is made up for: got %v, want 99 ms", d)
	}
	if d := th.ahead(100, now.Add(10*time.Second)); d != 100*time.Millisecond {
		t.Errorf("a pause is not made up for: got %v, want 100 ms", d)
	}
}
