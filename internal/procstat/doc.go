// Package procstat reads what the operating system counts about a process:
// CPU time, resident memory, and calls of read and write.
//
// It consumes a process id and produces figures; it owns nothing.
package procstat

// Calls is how often a process has called read and write, of files and sockets,
// and how many bytes that wrote.
type Calls struct{ Reads, Writes, WriteBytes int64 }
