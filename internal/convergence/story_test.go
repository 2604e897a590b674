package convergence

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/meshway/meshway/linkstate"
	"github.com/meshway/meshway/routing"
)

// small are the meshes that every run of the tests has.
var small = []struct {
	kind string
	size int
}{{"random", 12}, {"ring", 10}, {"line", 10}}

// inSmallMeshes runs a story in each of them, once all routers know the whole mesh.
func inSmallMeshes(t *testing.T, story func(m *mesh)) {
	for i, s := range small {
		t.Run(s.kind, func(t *testing.T) {
			inMesh(t, s.kind, s.size, 2, uint64(i), func(m *mesh) {
				m.startAll()
				m.agree(5*time.Second, "the start")
				time.Sleep(3 * time.Second)
				story(m)
			})
		})
	}
}

// agree waits until all routers go by the topology that there is, and checks that their
// routes are those of that topology.
func (m *mesh) agree(limit time.Duration, what string) {
	m.t.Helper()
	m.took(limit, what, same)
	for _, id := range m.ids {
		have, _ := m.routers[id].Routes()
		t := have.Topology()
		want := routing.Compute(t, id)
		for i := range t.Len() {
			cost, ok := have.Cost(i)
			wantCost, wantOK := want.Cost(i)
			if cost != wantCost || ok != wantOK || !slices.Equal(have.NextHops(i), want.NextHops(i)) {
				m.t.Errorf("%s: %s to %s: cost %d (%v) by %v, it should be %d (%v) by %v", what, id, t.Node(i).ID,
					cost, ok, have.NextHops(i), wantCost, wantOK, want.NextHops(i))
			}
		}
	}
}

const (
	// promised is how long a change may take until every router has new routes, once
	// somebody has noticed it.
	promised = time.Second
	// noticed is how long it may take until a silent neighbour is noticed.
	noticed = 500 * time.Millisecond
)

func TestRoutersWhoseAdjacencyIsLostAreRoutedAround(t *testing.T) {
	inSmallMeshes(t, func(m *mesh) {
		for range 3 {
			p := anyOf(m, m.pairs())
			m.lose(p)
			m.agree(promised, fmt.Sprint("the loss of ", p))
			time.Sleep(time.Second)
		}
	})
}

func TestANewAdjacencyIsUsedOnceItsEndsKnow(t *testing.T) {
	inSmallMeshes(t, func(m *mesh) {
		for _, p := range m.spare {
			m.mend(p)
			routed, usable := m.took(promised, fmt.Sprint("the new adjacency ", p), same)
			if wait := usable - routed; wait > 20*time.Millisecond {
				t.Errorf("%s: new next hops waited for %v; a neighbour knows within a few milliseconds", m.kind, wait)
			}
			if routed >= linkstate.HeartbeatInterval/2 {
				t.Errorf("%s: a new adjacency was used after %v: its ends wait for heartbeats", m.kind, routed)
			}
			m.agree(promised, fmt.Sprint("the new adjacency ", p))
		}
	})
}

func TestAnAdjacencyThatFallsSilentIsRoutedAround(t *testing.T) {
	inSmallMeshes(t, func(m *mesh) {
		p := anyOf(m, m.pairs())
		m.silence(p)
		m.agree(noticed+promised, fmt.Sprint("the silence of ", p))
	})
}

func TestARouterThatIsKilledIsRoutedAround(t *testing.T) {
	inSmallMeshes(t, func(m *mesh) {
		for range 2 {
			id := anyOf(m, m.ids)
			m.kill(id)
			m.agree(promised, "the death of "+id)
		}
	})
}

func TestTwoHalvesThatMeetAgainAreOne(t *testing.T) {
	inSmallMeshes(t, func(m *mesh) {
		cut := m.across()
		for _, p := range cut {
			m.lose(p)
		}
		m.agree(promised, "the split")
		m.mend(cut...)
		m.agree(10*time.Second, "the healed split")
	})
}

func TestALossCostsAFewLSAsAndHashesOnEachAdjacency(t *testing.T) {
	inSmallMeshes(t, func(m *mesh) {
		adjacencies := len(m.edges)
		before := m.meter.read()
		time.Sleep(3 * time.Second)
		if n := m.meter.since(before)[trafficLinkState]; n != 0 {
			t.Errorf("%s: %d bytes of link state while nothing changed", m.kind, n)
		}
		before = m.meter.read()
		m.lose(anyOf(m, m.pairs()))
		time.Sleep(3 * time.Second)
		n := m.meter.since(before)[trafficLinkState]
		// Two LSAs and as many hashes, each way at most.
		if most := uint64(adjacencies * 2 * 250); n == 0 || n > most {
			t.Errorf("%s: %d bytes of link state over %d adjacencies, it should be some, and at most %d", m.kind, n, adjacencies, most)
		}
	})
}
