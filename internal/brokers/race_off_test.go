//go:build !race

package brokers

// raceEnabled has the router built with the race detector too.
const raceEnabled = false
