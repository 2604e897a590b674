package linkstate

import (
	"errors"
	"slices"
	"testing"
	"time"
)

// Copies of many earlier lives are about. None of them answers, so nobody shares
// the id, however many there are.
func TestLeftoversOfEarlierLivesAreNoSecondRouter(t *testing.T) {
	a, _, now := neighbours(t)
	far := a.own.incarnation + 1000
	for i := range uint64(50) {
		receive(a, &LSA{Header: Header{"A", far, 77, 1 + i}, Started: 1}, now)
		receive(a, &LSA{Header: Header{"A", far + i, 100 + i, 1}, Started: 1}, now)
		if out := a.Flush(now); out.Fatal != nil {
			t.Fatal(out.Fatal)
		}
	}
	if a.own.incarnation < far+49 || len(a.own.rivals) > maxRivals {
		t.Errorf("incarnation %d, %d lives watched", a.own.incarnation, len(a.own.rivals))
	}
	if a.db.records["A"].lsa.Incarnation != a.own.incarnation {
		t.Error("A does not announce that")
	}
}

// The highest numbers that there are do not come from counting. Nobody can go above
// them, but that is no reason to stop, or to send what others refuse.
func TestWhenOurIncarnationRisesItIsHandedOut(t *testing.T) {
	a, _, now := neighbours(t)
	far := a.own.incarnation + 1000
	receive(a, &LSA{Header: Header{"A", far, 77, 1}}, now)
	if out := a.Flush(now); !slices.Equal(out.Tables, []Table{{Owner: "A", Incarnation: far + 1}}) {
		t.Errorf("A hands out %v", out.Tables)
	}
}

func TestTheHighestNumbersDoNotStopUs(t *testing.T) {
	a, _, now := neighbours(t)
	for _, boot := range []uint64{0, 1 << 63} {
		for range 10 {
			receive(a, &LSA{Header: Header{"A", maxCount, boot, maxCount}}, now)
			a.SetDraining(!a.own.draining, now)
			if out := a.Flush(now); out.Fatal != nil {
				t.Fatal(out.Fatal)
			}
			if _, err := decodeLSA(a.db.records["A"].raw); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestOfTwoRoutersWithOneIDTheLaterOneStops(t *testing.T) {
	for _, row := range []struct {
		why    string
		other  Config
		stops  bool
		rounds int
	}{
		{"it started earlier", Config{ID: "A", Boot: 1, Started: start.Add(-time.Second)}, true, 10},
		{"it started later", Config{ID: "A", Boot: 9, Started: start.Add(time.Second)}, false, 10},
		{"both at once, ours has the higher boot id", Config{ID: "A", Boot: 1, Started: start}, true, 10},
		{"both at once, ours has the lower boot id", Config{ID: "A", Boot: 9, Started: start}, false, 10},
	} {
		ours := newTestCore(t, "A", 5, start)
		other, _ := NewCore(row.other)
		var stopped, named bool
		for range row.rounds {
			receive(ours, other.db.records["A"].lsa, start)
			out := ours.Flush(start)
			var fatal *DuplicateIDError
			stopped = stopped || errors.As(out.Fatal, &fatal) && fatal.TheyBoot == row.other.Boot
			for _, e := range out.Events {
				_, duplicate := e.(DuplicateID)
				named = named || duplicate
			}
			if stopped {
				break
			}
			receive(other, ours.db.records["A"].lsa, start)
			other.Flush(start)
		}
		if stopped != row.stops || named == row.stops {
			t.Errorf("%s: stopped %v, named %v", row.why, stopped, named)
		}
	}
}

func TestTablesThatWereAnnouncedAreHandedOut(t *testing.T) {
	a, b, now := neighbours(t)
	b.SetTable(7, 70, now)
	deliver(b, a, now)
	if out := a.Flush(now); !slices.Equal(out.Tables, []Table{{"B", b.own.incarnation, 7, 70}}) || out.Topology != nil {
		t.Errorf("A hands out %v", out.Tables)
	}
}
