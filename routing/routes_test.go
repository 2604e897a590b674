package routing

import "testing"

func TestNothingIsReachedFromARouterThatTheTopologyDoesNotKnow(t *testing.T) {
	r := Compute(topology("A B 1"), "Z")
	if _, ok := r.Cost(0); ok || r.Self() != -1 || r.NextHops(0) != nil {
		t.Errorf("a stranger has routes: self %d, next hops %v", r.Self(), r.NextHops(0))
	}
}
