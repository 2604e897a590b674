//go:build race

package interop

// raceEnabled has the router built with the race detector too.
const raceEnabled = true
