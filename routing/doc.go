// Package routing decides where messages go: pure functions on plain values,
// with no I/O, no clock and no goroutine.
//
// It consumes the topology that link state publishes, and the patterns of the
// configuration. It produces, for one router, [Routes]: to each other router the
// cost and the next hops, what a set of egress routers splits into, and which
// new next hops have to wait until the neighbour knows of a change. [Holddown]
// says when to compute them. It owns nothing: a value is made by its caller, and
// what is called immutable may be read by any number of goroutines.
package routing
