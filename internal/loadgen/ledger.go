package loadgen

import (
	"slices"
	"time"
)

// Ledger is the account of every message: what its receiver saw is compared with
// what its sender was told.
type Ledger struct {
	// Silences are the longest times in which some receiver got nothing while it
	// was measured, longest first.
	Silences []Silence `json:"silences"`

	// Of those that were sent, how many were never received, and how many of these
	// the sender was told to have failed, was told nothing of, and was told to have
	// been accepted. Presettled ones are told nothing of.
	Undelivered uint64 `json:"undelivered"`
	Returned    uint64 `json:"undeliveredReturned"`
	Untold      uint64 `json:"undeliveredUntold"`
	Pretended   uint64 `json:"undeliveredAccepted"`

	Doubtful uint64 `json:"deliveredReturned"` // received, though the sender was told that they failed
	Twice    uint64 `json:"deliveredTwice"`    // received more than once
}

// Silence is a time in which a receiver got nothing.
type Silence struct {
	From         time.Time `json:"from"`
	Milliseconds float64   `json:"milliseconds"`
}

// End is when something came again.
func (s Silence) End() time.Time {
	return s.From.Add(time.Duration(s.Milliseconds * float64(time.Millisecond)))
}

// account notes something of each message of one sender, by sequence number. It
// belongs to one goroutine.
type account []uint8

// ledgerLimit is how many messages of each sender an account has room for. It
// bounds what a number that is not ours can make it grow to.
const ledgerLimit = 1 << 26

// at returns the place of a message; nil beyond the limit.
func (a *account) at(seq uint64) *uint8 {
	if seq >= ledgerLimit {
		return nil
	}
	if n := int(seq) + 1; n > len(*a) {
		*a = slices.Grow(*a, n-len(*a))[:n]
	}
	return &(*a)[seq]
}

// told notes an outcome, as its number plus one.
func (a *account) told(refs []uint32, outcome int) {
	for _, seq := range refs {
		if p := a.at(uint64(seq)); p != nil {
			*p = uint8(outcome) + 1
		}
	}
}

// came counts that a message was received.
func (a *account) came(seq uint64) {
	if p := a.at(seq); p != nil && *p < 2 {
		*p++
	}
}

// get is what was noted of a message; 0 is nothing.
func (a account) get(seq uint64) uint8 {
	if seq < uint64(len(a)) {
		return a[seq]
	}
	return 0
}

// balance compares what a sender was told of each of its messages with how often
// the receivers got it.
func (l *Ledger) balance(sent uint64, told account, came []account) {
	for seq := range min(sent, ledgerLimit) {
		n := 0
		for _, c := range came {
			n += int(c.get(seq))
		}
		outcome := int(told.get(seq)) - 1
		switch {
		case n == 0 && outcome < 0:
			l.Untold++
		case n == 0 && outcome == outcomeAccepted:
			l.Pretended++
		case n == 0:
			l.Returned++
		case outcome > outcomeAccepted:
			l.Doubtful++
		}
		if n > 1 {
			l.Twice++
		}
	}
	l.Undelivered = l.Returned + l.Untold + l.Pretended
}

// silences finds the longest times without an arrival. It belongs to one
// goroutine.
type silences struct {
	last time.Time // of the arrivals
	list []Silence // longest first, at most keptSilences
}

const keptSilences = 100

// heard takes an arrival into account, or the end of the measurement that began
// at from.
func (s *silences) heard(from, now time.Time) {
	if s.last.Before(from) {
		s.last = from
	}
	if now.After(s.last) {
		s.add(Silence{s.last, now.Sub(s.last).Seconds() * 1e3})
		s.last = now
	}
}

func (s *silences) add(it Silence) {
	i := len(s.list)
	for i > 0 && s.list[i-1].Milliseconds < it.Milliseconds {
		i--
	}
	if i < keptSilences {
		s.list = slices.Insert(s.list, i, it)
		s.list = s.list[:min(len(s.list), keptSilences)]
	}
}

// ledger puts the accounts together. Every connection has ended.
func (r *run) ledger(from, to counts) *Ledger {
	l := new(Ledger)
	var all silences
	for _, c := range r.receivers {
		c.silences.heard(from.at, to.at)
		for _, it := range c.silences.list {
			all.add(it)
		}
	}
	l.Silences = all.list
	for i, s := range r.senders {
		var came []account
		for _, c := range r.receivers {
			came = append(came, c.came[i])
		}
		l.balance(s.sent.Load(), s.told, came)
	}
	return l
}
