package router

import (
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"

	"github.com/meshway/meshway/internal/config"
	"github.com/meshway/meshway/linkstate"
)

// drawn is a topology of routers with one letter each, and the adjacencies "AB AC".
func drawn(routers string, adjacencies ...string) *linkstate.Topology {
	nodes := make([]linkstate.Node, len(routers))
	at := map[byte]int{}
	for i := range routers {
		at[routers[i]] = i
		nodes[i].ID = routers[i : i+1]
	}
	for _, a := range adjacencies {
		i, j := at[a[0]], at[a[1]]
		nodes[i].Edges = append(nodes[i].Edges, linkstate.Edge{To: j, Cost: 1})
		nodes[j].Edges = append(nodes[j].Edges, linkstate.Edge{To: i, Cost: 1})
	}
	return linkstate.NewTopology(nodes)
}

func TestALossIsOneWhateverElseIsNew(t *testing.T) {
	old := drawn("BDE", "BD", "DE")
	for what, c := range map[string]struct {
		now  *linkstate.Topology
		want bool
	}{
		"nothing":                           {old, false},
		"a router more":                     {drawn("ABDE", "AB", "BD", "DE"), false},
		"an adjacency more":                 {drawn("BDE", "BD", "DE", "BE"), false},
		"a router less":                     {drawn("BD", "BD"), true},
		"an adjacency less":                 {drawn("BDE", "BD"), true},
		"one less and another one":          {drawn("BDE", "BD", "BE"), true},
		"one less and a new router":         {drawn("ABDE", "AB", "BD", "AE"), true},
		"a router less and another instead": {drawn("BCE", "BC", "CE"), true},
	} {
		if got := lost(old, c.now); got != c.want {
			t.Errorf("%s: lost %v", what, got)
		}
	}
}

// The mesh changes two hundred times a second. The first loss is acted on at once, and then routes
// are computed now and then, and from the newest in the end.
func TestRoutesOfAMeshThatFlapsAreComputedNowAndThen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, err := New(config.Config{Router: config.Router{ID: "A", Mode: config.Interior}}, zap.NewNop())
		if err != nil {
			t.Fatal(err)
		}
		x := r.mesh
		whole, part := drawn("ABC", "AB", "BC", "AC"), drawn("ABC", "AB", "BC")
		x.onUpdate(linkstate.Update{Topology: whole})
		time.Sleep(time.Minute)
		computed, routes := 0, x.forwarding.Load().routes
		for i := range 400 {
			x.onUpdate(linkstate.Update{Topology: [...]*linkstate.Topology{part, whole}[i%2]})
			if now := x.forwarding.Load().routes; now != routes {
				computed, routes = computed+1, now
			}
			if i == 0 && computed != 1 {
				t.Error("the first loss waits")
			}
			time.Sleep(5 * time.Millisecond)
		}
		if computed < 3 || computed > 40 {
			t.Errorf("routes were computed %d times in two seconds", computed)
		}
		time.Sleep(2 * time.Second)
		if x.forwarding.Load().routes.Topology() != whole {
			t.Error("the last change was forgotten")
		}
		x.close()
		time.Sleep(2 * time.Minute) // what gossip has begun ends with its timers
	})
}
