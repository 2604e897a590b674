// Package checks holds the rules of the source tree that no ready-made tool
// knows: which packages may import which, how long a file may be, by which clock
// things are decided, and that what the documentation names and links to is there.
// They are tests, so that they run wherever tests do.
package checks
