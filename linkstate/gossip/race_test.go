//go:build race

package gossip

// The race detector makes a mesh of hundreds ten times slower, and its own tables
// have overflowed with one.
const raceEnabled = true
