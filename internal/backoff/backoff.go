// Package backoff says how long to wait before something that failed is tried again.
//
// It consumes how long the last try held and chance, and produces waits; it owns nothing.
package backoff

import "time"

// Policy is how waits grow: First, twice that, and so on up to Longest. What held for
// Stable ends the growing: one that fails right after it seemed to work must not be tried
// without pause.
type Policy struct {
	First, Longest, Stable time.Duration
}

// Backoff is the state of one thing that is tried again and again. Its zero value has not
// failed yet.
type Backoff struct {
	wait time.Duration
}

// spread is the part of a wait that is chance: those that failed together come back one by one.
const spread = 4

// Next is how long to wait after a try that held for so long, 0 if it did not work at all.
// random returns a number from 0 up to n, without n.
func (b *Backoff) Next(p Policy, held time.Duration, random func(n int64) int64) time.Duration {
	if held >= p.Stable {
		b.wait = 0
	}
	b.wait = min(max(2*b.wait, p.First), p.Longest)
	return b.wait - time.Duration(random(max(int64(b.wait/spread), 1)))
}
