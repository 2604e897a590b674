// Package procstat reads what the operating system counts about a process:
// CPU time and resident memory.
//
// It consumes a process id and produces figures; it owns nothing.
package procstat
