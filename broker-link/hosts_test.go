package brokerlink

import (
	"fmt"
	"slices"
	"testing"

	"github.com/meshway/meshway/internal/wire"
)

func entry(pairs ...any) wire.Map {
	var m wire.Map
	for i := 0; i < len(pairs); i += 2 {
		m = append(m, wire.Pair{Key: wire.Symbol(pairs[i].(string)), Value: pairs[i+1]})
	}
	return m
}

func open(list any) wire.Map { return entry(FailoverProperty, list) }

func TestWhatAPeerSaysOfOtherPlacesIsReadAsFarAsItMakesSense(t *testing.T) {
	got := Failover(open([]any{
		entry("network-host", "b", "port", "5673"),
		entry("network-host", "c", "port", uint16(5674)),
		entry("network-host", wire.Symbol("d"), "port", int32(5675), "scheme", "amqp"),
		entry("network-host", "e"),
		entry("network-host", "::1", "port", uint32(5672)),
		entry("network-host", "over-tls", "port", "5671", "scheme", "amqps"),
		entry("network-host", "no-port", "port", "many"),
		entry("network-host", "port-zero", "port", int64(0)),
		entry("network-host", "negative", "port", int64(-1)),
		entry("port", "5672"),
		"b:5672", nil, 7,
	}))
	want := []string{"b:5673", "c:5674", "d:5675", "e:5672", "[::1]:5672"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	for _, odd := range []any{nil, "b:5672", []any{}, wire.Map{}, uint32(7)} {
		if got := Failover(open(odd)); got != nil {
			t.Errorf("%v: got %q", odd, got)
		}
	}
}

// round is the places in the order in which they are tried.
func (h *Hosts) round() (list []string) {
	for more := true; more; more = h.Advance() {
		list = append(list, h.Current())
	}
	return list
}

func TestHostsAreTriedInOrderAndLearnedOnesBehindThem(t *testing.T) {
	h := Hosts{configured: []string{"a", "b"}}
	want := func(list ...string) {
		t.Helper()
		for range 2 {
			if got := h.round(); !slices.Equal(got, list) {
				t.Errorf("tried %q, want %q", got, list)
			}
		}
	}
	want("a", "b")
	h.Learn([]string{"c", "a", "d", "c"})
	want("a", "b", "c", "d")
	h.Learn([]string{"e"})
	want("a", "b", "e")
	h.Learn(nil)
	want("a", "b")
}

func TestAPeerNamesOnlySoManyPlaces(t *testing.T) {
	h := Hosts{configured: []string{"a"}}
	var list []string
	for i := range 1000 {
		list = append(list, fmt.Sprint("host-", i))
	}
	h.Learn(list)
	if n := len(h.round()); n != 1+mostLearned {
		t.Errorf("%d places", n)
	}
}

// The connection may have been one to a place that its peer does not name any more.
func TestWhatIsForgottenIsNotDialled(t *testing.T) {
	h := Hosts{configured: []string{"a"}}
	h.Learn([]string{"b", "c"})
	h.Advance()
	h.Advance()
	h.Learn(nil)
	if got := h.Current(); got != "a" {
		t.Errorf("%q is next", got)
	}
}
