// Package checks holds the rules of the source tree that no ready-made tool
// knows: which packages may import which, and how long a file may be. They are
// tests, so that they run wherever tests do.
package checks
