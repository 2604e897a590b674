package brokerlink

import (
	"errors"
	"fmt"
	"time"

	"github.com/meshway/meshway/internal/backoff"
	"github.com/meshway/meshway/internal/wire"
)

// AttachState is how far a link has got.
type AttachState uint8

// The states of a link. See the diagram in the package's documentation.
const (
	Inactive  AttachState = iota // there is no connection for it, or its turn has not come
	Attaching                    // the broker has not answered yet
	Active                       // it stands
	Failed                       // refused or ended; it is tried again
)

func (s AttachState) String() string {
	switch s {
	case Inactive:
		return "inactive"
	case Attaching:
		return "attaching"
	case Active:
		return "active"
	case Failed:
		return "failed"
	}
	return "unknown"
}

// AttachStatus is how a link stands.
type AttachStatus struct {
	State     AttachState
	Since     time.Time // of the state
	LastError string    // why it failed last, or has no answer; once it is active, what is wrong with it all the same
	Seen      time.Time // until when it stood last, also on an earlier connection; zero if it never did
}

// relinks is how the waits between attaches of one link grow.
var relinks = backoff.Policy{First: 500 * time.Millisecond, Longest: 30 * time.Second, Stable: 5 * time.Second}

// answerWithin is how long a broker may take to answer an attach before the next ones go
// ahead.
const answerWithin = 10 * time.Second

// attempt is the state of one link, without what is done about it: methods take the time
// and chance.
type attempt struct {
	status  AttachStatus
	back    backoff.Backoff
	due     time.Time // when it is tried next; Inactive or Failed
	overdue bool      // Attaching, and the answer is late
}

// wants says whether the link should be attached now.
func (a *attempt) wants(now time.Time) bool {
	return (a.status.State == Inactive || a.status.State == Failed) && !now.Before(a.due)
}

// attaching notes that the attach is on its way.
func (a *attempt) attaching(now time.Time) {
	a.become(Attaching, now)
	a.overdue = false
}

// late says whether the answer has just become late.
func (a *attempt) late(now time.Time) bool {
	if a.status.State != Attaching || a.overdue || now.Sub(a.status.Since) < answerWithin {
		return false
	}
	a.overdue = true
	a.status.LastError = errNoAnswer.Error()
	return true
}

var errNoAnswer = errors.New("the broker has not answered the attach for " + answerWithin.String())

// answered notes that the link stands.
func (a *attempt) answered(now time.Time) {
	a.become(Active, now)
	a.status.LastError = ""
}

// ended notes that the link was refused, or is over, and when it is tried again. It says
// whether it had held for long.
func (a *attempt) ended(now time.Time, err error, random func(int64) int64) (stable bool) {
	held := time.Duration(0)
	if a.status.State == Active {
		held = now.Sub(a.status.Since)
		a.status.Seen = now
	}
	a.become(Failed, now)
	a.status.LastError = err.Error()
	a.due = now.Add(a.back.Next(relinks, held, random))
	return held >= relinks.Stable
}

func (a *attempt) become(s AttachState, now time.Time) { a.status.State, a.status.Since = s, now }

// wakes is when something is to be done about the link without anything happening; zero if
// never.
func (a *attempt) wakes() time.Time {
	switch {
	case a.status.State == Attaching && !a.overdue:
		return a.status.Since.Add(answerWithin)
	case a.status.State == Inactive || a.status.State == Failed:
		return a.due
	}
	return time.Time{}
}

// errRefused and errEnded stand for reasons that the broker did not give, and errLost for
// that of the connection, which is its own to tell.
var (
	errLost    = errors.New("the connection to the broker is lost")
	errRefused = errors.New("the broker refused the link, and gave no reason")
	errEnded   = errors.New("the broker ended the link, and gave no reason")
)

// missingError says that the broker does not have any more what a link was attached to.
type missingError struct {
	reason *wire.Error
	until  time.Time
}

func (e *missingError) Error() string {
	return fmt.Sprintf("%v: it was there until %s, and what it kept is lost unless the broker finds it again", e.reason, e.until.Format(time.DateTime))
}

func (e *missingError) Unwrap() error { return e.reason }

// reasonOf is why a link is over: what the broker said, or that it said nothing. seen is
// until when it stood before, if it did.
func reasonOf(e *wire.Error, refused bool, seen time.Time) error {
	switch {
	case e != nil && refused && e.Condition == wire.CondNotFound && !seen.IsZero():
		return &missingError{e, seen}
	case e != nil:
		return e
	case refused:
		return errRefused
	}
	return errEnded
}
