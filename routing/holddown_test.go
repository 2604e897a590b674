package routing

import (
	"testing"
	"time"
)

// clock plays the loop that computes: at each step it computes if that is due.
type clock struct {
	h     Holddown
	start time.Time
	now   time.Time
	at    []time.Duration // of each computation
}

func newClock() *clock {
	start := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	return &clock{h: NewHolddown(), start: start, now: start}
}

// until lets time pass, a millisecond at a time.
func (c *clock) until(at time.Duration) {
	for ; ; c.now = c.now.Add(time.Millisecond) {
		if due := c.h.Due(); !due.IsZero() && !c.now.Before(due) {
			c.h.Computed(c.now)
			c.at = append(c.at, c.now.Sub(c.start))
		}
		if c.now.Sub(c.start) >= at {
			return
		}
	}
}

func (c *clock) change(at time.Duration, loss bool) {
	c.until(at)
	c.h.Changed(c.now, loss)
}

func (c *clock) want(t *testing.T, want ...time.Duration) {
	t.Helper()
	if len(c.at) != len(want) {
		t.Fatalf("computed at %v, want %v", c.at, want)
	}
	for i := range want {
		if c.at[i] != want[i] {
			t.Fatalf("computed at %v, want %v", c.at, want)
		}
	}
	c.at = nil
}

const ms = time.Millisecond

func TestNothingIsComputedWithoutAChange(t *testing.T) {
	c := newClock()
	c.until(10 * time.Second)
	c.want(t)
}

func TestTheFirstLossIsComputedAtOnce(t *testing.T) {
	c := newClock()
	c.change(3*ms, true)
	c.until(time.Second)
	c.want(t, 3*ms)
}

func TestTheFirstGainWaitsForOthersOfItsCause(t *testing.T) {
	c := newClock()
	c.change(10*ms, false)
	c.change(12*ms, false)
	c.change(14*ms, false)
	c.until(time.Second)
	c.want(t, 15*ms)
}

func TestALossDoesNotWaitForTheGainBeforeIt(t *testing.T) {
	c := newClock()
	c.change(10*ms, false)
	c.change(12*ms, true)
	c.until(time.Second)
	c.want(t, 12*ms)
}

// A router that dies is lost by one neighbour after the other.
func TestTheNewsOfADeadRouterCostTwoComputations(t *testing.T) {
	c := newClock()
	for i := range time.Duration(5) {
		c.change(100*ms+i*ms, true)
	}
	c.until(time.Second)
	c.want(t, 100*ms, 105*ms)
}

func TestALossThatComesRightAfterAComputationIsNotEarlierThanTheIntervalAllows(t *testing.T) {
	c := newClock()
	c.change(0, true)
	c.change(1*ms, false)
	c.change(2*ms, true)
	c.until(time.Second)
	c.want(t, 0, 5*ms)
}

func TestAFlappingAdjacencyIsComputedEverMoreSeldomButNotNever(t *testing.T) {
	for name, f := range map[string]struct {
		apart time.Duration
		loss  func(i int) bool
	}{
		"only gains":       {2 * ms, func(int) bool { return false }},
		"only losses":      {2 * ms, func(int) bool { return true }},
		"losses and gains": {2 * ms, func(i int) bool { return i%2 == 0 }},
		"slowly":           {50 * ms, func(i int) bool { return i%2 == 0 }},
	} {
		t.Run(name, func(t *testing.T) { flap(t, f.apart, f.loss) })
	}
}

// flap has changes for ten seconds.
func flap(t *testing.T, apart time.Duration, loss func(i int) bool) {
	c := newClock()
	for i := range int(10 * time.Second / apart) {
		c.change(time.Duration(i)*apart, loss(i))
	}
	c.until(20 * time.Second)
	for i := 2; i < len(c.at); i++ {
		gap, before := c.at[i]-c.at[i-1], c.at[i-1]-c.at[i-2]
		if gap+apart < before || gap > max(2*before, 2*apart)+10*ms || gap > time.Second+apart+5*ms {
			t.Fatalf("computed at %v: gap %v after %v", c.at, gap, before)
		}
	}
	if n := len(c.at); n < 15 || n > 22 {
		t.Errorf("%d computations in 10 s of flapping: %v", n, c.at)
	}
	if last := c.at[len(c.at)-1]; last < 10*time.Second-apart {
		t.Errorf("the last change was never computed: %v", c.at)
	}
}

func TestChangesThatKeepTheirDistanceDoNotRaiseTheInterval(t *testing.T) {
	c := newClock()
	for i := range time.Duration(20) {
		c.change(i*100*ms, true)
	}
	c.until(3 * time.Second)
	if len(c.at) != 20 || c.at[19] != 1900*ms {
		t.Errorf("computed at %v, want every 100 ms", c.at)
	}
}

func TestAfterAQuietTimeTheNextLossIsTheFirstAgain(t *testing.T) {
	c := newClock()
	for at := time.Duration(0); at < 5*time.Second; at += 10 * ms {
		c.change(at, true)
	}
	c.until(6 * time.Second)
	c.at = nil
	c.change(8*time.Second, true)
	c.change(8*time.Second+1*ms, true)
	c.until(9 * time.Second)
	c.want(t, 8*time.Second, 8*time.Second+5*ms)
}

func TestAComputationThatNobodyAskedForStartsNoInterval(t *testing.T) {
	c := newClock()
	c.h.Computed(c.now)
	c.change(0, true)
	c.until(time.Second)
	c.want(t, 0)
}
