package linkstate

import "time"

// HeartbeatInterval is how often neighbours send each other heartbeats by default.
const HeartbeatInterval = 100 * time.Millisecond

// Verdict is what a [Detector] says of a neighbour.
//
//	alive <-- silent, heard again --> suspect -- still silent --> dead
type Verdict uint8

// A neighbour is alive while anything comes from it. No new traffic goes to one
// that is suspect. The connection to a dead one is to be closed.
const (
	Alive Verdict = iota
	Suspect
	Dead
)

func (v Verdict) String() string {
	return [...]string{"alive", "suspect", "dead"}[v]
}

// Detector tells from silence whether a neighbour is alive. It is to be checked
// once an interval: if a check comes late, it was our machine that stood still, and
// the neighbour is given that time, and one interval to be heard in. It is not safe
// for concurrent use.
type Detector struct {
	interval time.Duration
	rto      time.Duration
	heard    time.Time // or later, by the time that we were not there
	checked  time.Time
}

// NewDetector makes a detector of a neighbour that was heard now and sends a
// heartbeat each interval.
func NewDetector(interval time.Duration, now time.Time) Detector {
	return Detector{interval: interval, heard: now, checked: now}
}

// SetRTO says what the socket's retransmission time-out is now: a lost packet
// costs that, and is no silence.
func (d *Detector) SetRTO(rto time.Duration) { d.rto = rto }

// Heard says that something came from the neighbour, be it what it may.
func (d *Detector) Heard(now time.Time) { d.heard = later(d.heard, now) }

// SuspectAfter is how long a neighbour that is not suspect may be silent.
func (d *Detector) SuspectAfter() time.Duration {
	return max(300*time.Millisecond, 3*d.interval+2*d.rto)
}

// DeadAfter is how long a neighbour that is not dead may be silent.
func (d *Detector) DeadAfter() time.Duration {
	return max(2*time.Second, 4*d.SuspectAfter())
}

// NextCheck is when Check is to be called.
func (d *Detector) NextCheck() time.Time { return d.checked.Add(d.interval) }

// Check judges the neighbour. It is to be called after a read that found nothing.
func (d *Detector) Check(now time.Time) Verdict {
	if late := now.Sub(d.NextCheck()); late > d.interval {
		given := d.heard.Add(late + d.interval)
		if most := now.Add(d.interval); most.Before(given) {
			given = most
		}
		d.heard = later(d.heard, given)
	}
	d.checked = now
	switch silent := now.Sub(d.heard); {
	case silent >= d.DeadAfter():
		return Dead
	case silent >= d.SuspectAfter():
		return Suspect
	default:
		return Alive
	}
}
