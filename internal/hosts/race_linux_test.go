//go:build race

package hosts

// raceEnabled has the router built with the race detector too.
const raceEnabled = true
