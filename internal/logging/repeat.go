package logging

import "time"

// Repeat decides which of the lines that somebody would write again and again are
// written: one that says something new, and one that says the same when enough time has
// passed. Its zero value has written nothing. It is not for several goroutines at once.
type Repeat struct {
	text string
	at   time.Time
	left int
}

// Write says whether a line with that text is to be written now, and how many of the same
// were left out before it.
func (r *Repeat) Write(text string, now time.Time, every time.Duration) (left int, write bool) {
	if text == r.text && !r.at.IsZero() && now.Sub(r.at) < every {
		r.left++
		return 0, false
	}
	if text == r.text {
		left = r.left
	}
	r.text, r.at, r.left = text, now, 0
	return left, true
}
