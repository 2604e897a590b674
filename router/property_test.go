package router_test

import (
	"flag"
	"fmt"
	"os"
	"testing"
	"testing/synctest"
)

var (
	seedFlag  = flag.Int64("seed", -1, "play the simulation with this seed alone")
	seedsFlag = flag.Int("seeds", 0, "how many seeds the simulation plays; 0 is 200, or 10,000 with MESHWAY_SOAK")
	traceFlag = flag.Bool("trace", false, "print all that happened in the simulation")
)

const (
	usualSeeds = 200
	soakSeeds  = 10_000
	// shownLines is how much of what happened is printed when a law is broken.
	shownLines = 200
)

// TestLawsHoldWhateverApplicationsDo plays applications that do things at random,
// and looks whether the laws of the design hold: see the sim_... files.
func TestLawsHoldWhateverApplicationsDo(t *testing.T) {
	if *seedFlag >= 0 {
		simulate(t, uint64(*seedFlag))
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
	for seed := range seeds {
		if !t.Run(fmt.Sprint(seed), func(t *testing.T) { done.add(simulate(t, uint64(seed))) }) {
			return
		}
	}
	t.Logf("%d seeds: %+v", seeds, done)
	if seeds >= usualSeeds && done.poor() {
		t.Errorf("the applications did not do enough for this to mean anything: %+v", done)
	}
}

// simulate plays one seed.
func simulate(t *testing.T, seed uint64) (done stats) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, seed)
		w.run(planOf(seed))
		for _, what := range w.ledger.violations {
			t.Error(what)
		}
		shown := 0
		if t.Failed() {
			shown = shownLines
		}
		if *traceFlag {
			shown = len(w.ledger.trace.lines)
		}
		if shown > 0 {
			t.Logf("what happened:\n%s", w.ledger.trace.last(shown))
		}
		if t.Failed() {
			t.Logf("seed %d; to play it again: go test ./router -race -run %s -seed %d", seed, "TestLawsHoldWhateverApplicationsDo", seed)
		}
		done = w.ledger.stats
	})
	return done
}
