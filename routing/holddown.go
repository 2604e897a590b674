package routing

import "time"

// Holddown says when routes are to be computed: soon after the first change, at
// growing intervals while changes press, and soon again after a quiet time, much
// as [RFC 8405] does. It is owned by the loop that computes them.
//
//	        a change: due after Gather, a loss at once
//	quiet ---------------------------------------------> due
//	  ^                                         computed |  ^ a change: the same, but not before the
//	  |                                                  v  | interval since then is over; if the change
//	  +------------------------------------------------ held  presses, the next interval is twice as long
//	              Quiet passed without a change
type Holddown struct {
	// Immutable: how long a first change waits for others of the same cause, which is
	// also the first interval; how soon after a computation a change presses; the
	// longest interval; and how long there must have been no change until one counts
	// as the first, no less than Longest.
	Gather, Press, Longest, Quiet time.Duration

	interval time.Duration // from the next computation to the one after it
	earliest time.Time     // when the next computation may be
	computed time.Time     // the last computation
	changed  time.Time     // the last change
	due      time.Time     // zero if there is nothing to compute
}

// NewHolddown has the times that suit a mesh, where a computation takes less than a
// millisecond.
func NewHolddown() Holddown {
	return Holddown{Gather: 5 * time.Millisecond, Press: 100 * time.Millisecond, Longest: time.Second, Quiet: 2 * time.Second}
}

// Changed says that the topology has changed, and whether something was lost: that
// does not wait for what else may have changed, unless it is too early.
func (h *Holddown) Changed(now time.Time, loss bool) {
	if h.due.IsZero() {
		h.begin(now)
	}
	h.changed = now
	if loss && now.Before(h.due) {
		h.due = later(now, h.earliest)
	}
}

// begin sets the time for a change after which nothing was computed yet.
func (h *Holddown) begin(now time.Time) {
	switch {
	case now.Sub(h.changed) >= h.Quiet:
		h.interval = h.Gather
	case now.Sub(h.computed) < h.Press:
		h.interval = min(2*h.interval, h.Longest)
	}
	h.due = later(now.Add(h.Gather), h.earliest)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// Due is when routes are to be computed. The zero time is never: nothing has changed.
func (h *Holddown) Due() time.Time { return h.due }

// Computed says that routes were computed from all that has changed so far.
func (h *Holddown) Computed(now time.Time) {
	h.computed, h.earliest, h.due = now, now.Add(h.interval), time.Time{}
}
