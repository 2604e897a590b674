// Package routing decides where messages go: pure functions on plain values,
// with no I/O, no clock and no state between calls.
package routing
