package linkstate

import (
	"math/rand/v2"
	"testing"
	"time"
)

func TestSilenceMakesSuspectThenDead(t *testing.T) {
	for _, row := range []struct {
		interval, rto, suspect, dead time.Duration
	}{
		{100 * time.Millisecond, 0, 300 * time.Millisecond, 2 * time.Second},
		{50 * time.Millisecond, 20 * time.Millisecond, 300 * time.Millisecond, 2 * time.Second},
		{100 * time.Millisecond, 200 * time.Millisecond, 700 * time.Millisecond, 2800 * time.Millisecond},
		{time.Second, 0, 3 * time.Second, 12 * time.Second},
	} {
		d := NewDetector(row.interval, start)
		d.SetRTO(row.rto)
		since := map[Verdict]time.Duration{}
		for now := start; len(since) < 3; now = now.Add(row.interval) {
			v := d.Check(now)
			if _, known := since[v]; !known {
				since[v] = now.Sub(start)
			}
			if !d.NextCheck().Equal(now.Add(row.interval)) {
				t.Fatalf("the next check is at %s", d.NextCheck())
			}
		}
		if since[Alive] != 0 || since[Suspect] != row.suspect || since[Dead] != row.dead {
			t.Errorf("interval %s, rto %s: %v", row.interval, row.rto, since)
		}
	}
}

func TestASuspectThatIsHeardIsAlive(t *testing.T) {
	d := NewDetector(HeartbeatInterval, start)
	now := start
	for d.Check(now) != Suspect {
		now = now.Add(HeartbeatInterval)
	}
	d.Heard(now)
	if v := d.Check(now); v != Alive {
		t.Errorf("%s is what it is called", v)
	}
}

// Our machine stood still. Whatever the neighbours sent meanwhile is not read yet.
func TestAPausedMachineDoesNotSuspectItsNeighbours(t *testing.T) {
	for _, pause := range []time.Duration{250 * time.Millisecond, time.Second, time.Hour} {
		d := NewDetector(HeartbeatInterval, start)
		now := start.Add(HeartbeatInterval)
		d.Check(now)
		now = now.Add(pause)
		if v := d.Check(now); v != Alive {
			t.Errorf("after %s it is %s", pause, v)
		}
		if v := d.Check(now.Add(HeartbeatInterval)); v != Alive {
			t.Errorf("%s and an interval later it is %s", pause, v)
		}
		// One that is gone is found nevertheless, not much later.
		for range 4 {
			now = now.Add(HeartbeatInterval)
			d.Check(now)
		}
		if v := d.Check(now); v != Suspect {
			t.Errorf("%s and four intervals later it is %s", pause, v)
		}
	}
}

// A pause gives silent neighbours time, but none beyond that to those that were
// heard since.
func TestAPauseIsNotGivenTwice(t *testing.T) {
	d := NewDetector(HeartbeatInterval, start)
	now := start.Add(time.Hour)
	d.Heard(now)
	d.Check(now)
	for range 4 {
		now = now.Add(HeartbeatInterval)
		d.Check(now)
	}
	if v := d.Check(now); v != Suspect {
		t.Errorf("silent for 400 ms it is %s", v)
	}
}

func TestANeighbourThatIsHeardOftenEnoughIsNeverSuspect(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	d := NewDetector(HeartbeatInterval, start)
	now, beat, check := start, start, start
	for now.Before(start.Add(time.Hour)) {
		if beat.Before(check) {
			now = beat
			d.Heard(now)
			beat = beat.Add(time.Duration(rng.IntN(290)) * time.Millisecond)
		} else {
			now = check
			if v := d.Check(now); v != Alive {
				t.Fatalf("after %s it is %s", now.Sub(start), v)
			}
			check = check.Add(time.Duration(rng.IntN(150)) * time.Millisecond)
		}
	}
}

func TestAdmission(t *testing.T) {
	self := Identity{"B", 2}
	for _, row := range []struct {
		newcomer Identity
		old      *Identity
		want     Admission
	}{
		{Identity{"A", 1}, nil, Welcome},
		{Identity{"A", 1}, &Identity{"A", 1}, Second},
		{Identity{"A", 1}, &Identity{"A", 7}, Challenge},
		{Identity{"B", 2}, nil, RefuseSelf},
		{Identity{"B", 7}, nil, RefuseTwin},
	} {
		if got := Admit(self, row.newcomer, row.old); got != row.want {
			t.Errorf("%v beside %v: %s, not %s", row.newcomer, row.old, got, row.want)
		}
	}
}
