package loadgen

import (
	"context"
	"time"

	"github.com/meshway/meshway/internal/amqp"
)

// schedule says how many messages each of n senders may have sent by a time,
// when each sends at the same rate and their turns are spread evenly: the k-th
// turn of all is that of sender k mod n.
type schedule struct {
	n    int
	turn time.Duration // between one turn and the next, of whatever sender
}

// newSchedule makes the schedule of n senders with rate messages a second each.
func newSchedule(n int, rate float64) schedule {
	return schedule{n: n, turn: max(time.Duration(float64(time.Second)/(rate*float64(n))), 1)}
}

// turns is how many turns have come after so long: the first at once.
func (s schedule) turns(elapsed time.Duration) uint64 { return uint64(elapsed/s.turn) + 1 }

// allowed is how many of the first turns are those of one sender.
func (s schedule) allowed(sender int, turns uint64) uint64 {
	n := uint64(s.n)
	return (turns + n - 1 - uint64(sender)) / n
}

// until is how long after the start a turn comes, counted from 0.
func (s schedule) until(turn uint64) time.Duration { return time.Duration(turn) * s.turn }

// due is when a sender's k-th message is due, after the start.
func (s schedule) due(sender int, k uint64) time.Duration {
	return s.until(k*uint64(s.n) + uint64(sender))
}

// pacing is a schedule under way.
type pacing struct {
	schedule
	start time.Time
}

// pace gives the senders their turns until ctx ends. It sleeps until the next
// turn; a timer that comes late finds several turns due and gives them at once.
func pace(ctx context.Context, senders []*sender, rate float64) {
	s := &pacing{newSchedule(len(senders), rate), time.Now()}
	for _, l := range senders {
		l.pacing.Store(s)
	}
	t := time.NewTimer(0)
	defer t.Stop()
	var b amqp.Batch
	var done uint64
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		turns := s.turns(time.Since(s.start))
		// No sender needs to be told twice.
		for k := done; k < turns && k < done+uint64(s.n); k++ {
			i := int(k % uint64(s.n))
			senders[i].allow(&b, s.allowed(i, turns))
			b.Flush()
		}
		done = turns
		t.Reset(time.Until(s.start.Add(s.until(done))))
	}
}
