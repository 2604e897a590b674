package addrtable

import (
	"slices"
	"testing"
	"time"
)

// Addresses of certain beginnings are watched without being asked for: new ones, also of
// owners that could not be reached when they came, and those that go.
func TestSomeAddressesAreWatchedUnasked(t *testing.T) {
	var told []string
	now := time.Unix(1, 0)
	far := New(Options{})
	own, err := far.Originate(Owner{ID: "far"}, 1)
	if err != nil {
		t.Fatal(err)
	}
	here := New(Options{Always: []string{"!"}, OnChange: func(addr string) { told = append(told, addr) }})
	far.AdjacencyUp("here")
	here.AdjacencyUp("far")
	sync := func() {
		for range 20 {
			now = now.Add(time.Second)
			for {
				m := far.Next("here", now, MinMessage)
				n := here.Next("far", now, MinMessage)
				if m == nil && n == nil {
					break
				}
				if m != nil {
					if _, err := here.Receive("far", m, now); err != nil {
						t.Fatal(err)
					}
				}
				if n != nil {
					if _, err := far.Receive("here", n, now); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
	}
	want := func(why string, addresses ...string) {
		t.Helper()
		slices.Sort(told)
		if got := slices.Compact(told); !slices.Equal(got, addresses) {
			t.Errorf("%s: told of %q, want %q", why, got, addresses)
		}
		told = nil
	}
	_ = own.Set("!a", Entry{})
	_ = own.Set("b", Entry{})
	sync()
	want("its owner cannot be reached yet")
	here.Unmask(Owner{ID: "far"})
	want("it can", "!a")
	_ = own.Set("!c", Entry{})
	_ = own.Set("d", Entry{})
	sync()
	want("a new one", "!c")
	if !here.Known("!c", Owner{ID: "x"}) || here.Known("!c", Owner{ID: "far"}) || here.Known("!x", Owner{}) {
		t.Error("known are not those that others have")
	}
	here.Mask(Owner{ID: "far"}, now)
	want("it is lost", "!a", "!c")
	if len(here.Owners("!c", nil)) != 0 || !here.Known("!c", Owner{}) {
		t.Error("what a lost owner has is known, and nobody has it")
	}
	here.Unmask(Owner{ID: "far"})
	own.Delete("!a")
	sync()
	want("it is back, and one is gone", "!a", "!c")
	if here.Known("!a", Owner{}) {
		t.Error("what was deleted is known")
	}
}
