package loadgen

import (
	"reflect"
	"testing"
	"time"
)

func TestLedgerComparesWhatWasToldWithWhatCame(t *testing.T) {
	var told account
	told.told([]uint32{0, 1, 2}, outcomeAccepted)
	told.told([]uint32{3, 4}, outcomeModified)
	told.told([]uint32{5}, outcomeLost)
	var a, b account
	for _, seq := range []uint64{0, 1, 3} { // 2 was accepted by nobody, 4 and 5 were returned, 6 and 7 nothing is known of
		a.came(seq)
	}
	b.came(1) // which the other one has, too
	b.came(7)
	a.came(ledgerLimit) // no number of ours
	var l Ledger
	l.balance(8, told, []account{a, b})
	if want := (Ledger{Undelivered: 4, Returned: 2, Untold: 1, Pretended: 1, Doubtful: 1, Twice: 1}); !reflect.DeepEqual(l, want) {
		t.Errorf("got %+v, want %+v", l, want)
	}
	if len(a) > 4 {
		t.Errorf("a foreign number made the account grow to %d", len(a))
	}
}

func TestSilenceIsMeasuredFromTheStartToTheEnd(t *testing.T) {
	from := time.Unix(100, 0)
	at := func(ms int) time.Time { return from.Add(time.Duration(ms) * time.Millisecond) }
	for name, c := range map[string]struct {
		arrivals []int
		end      int
		longest  int
		since    int
	}{
		"between two arrivals":            {[]int{1, 2, 50, 51}, 60, 48, 2},
		"before the first":                {[]int{70, 71}, 80, 70, 0},
		"after the last":                  {[]int{1, 2}, 90, 88, 2},
		"nothing came at all":             {nil, 40, 40, 0},
		"warm-up does not count":          {[]int{-500, 1, 9}, 10, 8, 1},
		"an arrival that crossed the end": {[]int{3, 12}, 11, 9, 3},
	} {
		var s silences
		for _, ms := range append(c.arrivals, c.end) {
			s.heard(from, at(ms))
		}
		if s.list[0].Milliseconds != float64(c.longest) || !s.list[0].From.Equal(at(c.since)) || !s.list[0].End().Equal(at(c.since+c.longest)) {
			t.Errorf("%s: got %+v, want %d ms since %d", name, s.list[0], c.longest, c.since)
		}
	}
}

func TestOnlyTheLongestSilencesAreKept(t *testing.T) {
	var s silences
	now := time.Unix(100, 0)
	for i := range 5 * keptSilences {
		next := now.Add(time.Duration(i*7%(5*keptSilences)+1) * time.Millisecond)
		s.heard(now, next)
		now = next
	}
	if len(s.list) != keptSilences {
		t.Fatalf("got %d, want %d", len(s.list), keptSilences)
	}
	for i, it := range s.list {
		if want := float64(5*keptSilences - i); it.Milliseconds != want {
			t.Errorf("number %d: got %v ms, want %v", i, it.Milliseconds, want)
		}
	}
}

// spoilt drops every tenth message.
func spoilt(n int, p []byte) [][]byte {
	if n%10 == 3 {
		return nil
	}
	return [][]byte{p}
}

func TestLedgerOfAPeerThatReturnsMessages(t *testing.T) {
	h := newHub(t)
	h.spoil = spoilt
	res := mustRun(t, h, Options{Senders: 2, Receivers: 2, Size: 100, Count: 700, Ledger: true})
	l := res.Ledger
	if l == nil || l.Undelivered != 140 || l.Returned != 140 || l.Twice != 0 || res.Total.Lost != 0 {
		t.Errorf("got %+v of %+v", l, res.Total)
	}
	if len(l.Silences) <= 2 { // one each ends with the measurement
		t.Errorf("got %d silences between arrivals", len(l.Silences))
	}
}

func TestLedgerOfAPeerThatSaysTheOpposite(t *testing.T) {
	h := newHub(t)
	h.spoil, h.pretend = spoilt, true
	res := mustRun(t, h, Options{Size: 100, Count: 700, Ledger: true})
	if l := res.Ledger; l == nil || l.Pretended != 70 || l.Returned != 0 || l.Doubtful != 70 || res.Total.Lost != 70 {
		t.Errorf("got %+v of %+v", l, res.Total)
	}
}

func TestLedgerOfPresettledMessages(t *testing.T) {
	h := newHub(t)
	h.spoil = spoilt
	res := mustRun(t, h, Options{Size: 100, Count: 700, Presettled: true, Ledger: true})
	if l := res.Ledger; l == nil || l.Untold != 70 || l.Doubtful != 0 || res.Total.Lost != 70 {
		t.Errorf("got %+v of %+v", l, res.Total)
	}
}
