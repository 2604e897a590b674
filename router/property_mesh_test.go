package router_test

import (
	"fmt"
	"os"
	"testing"
	"testing/synctest"
)

// TestLawsHoldInMeshes plays applications that do things at random at the routers of
// random meshes, of which parts fail, and looks in the end whether the laws hold.
func TestLawsHoldInMeshes(t *testing.T) {
	if *seedFlag >= 0 {
		simulateMesh(t, uint64(*seedFlag))
		return
	}
	seeds := usualSeeds
	if os.Getenv("MESHWAY_SOAK") != "" {
		seeds = soakSeeds
	}
	if *seedsFlag > 0 {
		seeds = *seedsFlag
	}
	var done stats
	for seed := *fromFlag; seed < *fromFlag+seeds; seed++ {
		if !t.Run(fmt.Sprint(seed), func(t *testing.T) { done.add(simulateMesh(t, uint64(seed))) }) {
			return
		}
	}
	t.Logf("%d seeds: %+v", seeds, done)
}

// simulateMesh plays one seed.
func simulateMesh(t *testing.T, seed uint64) (done stats) {
	synctest.Test(t, func(t *testing.T) {
		w := newMeshWorld(t, seed)
		w.run()
		w.ledger.report(t, seed, "TestLawsHoldInMeshes")
		done = w.ledger.stats
	})
	return done
}
