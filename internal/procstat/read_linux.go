package procstat

import (
	"fmt"
	"os"
	"time"
)

// CPU is user and system time of all threads of a process since it began, in
// steps of 10 ms.
func CPU(pid int) (time.Duration, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, fmt.Errorf("process %d: %w", pid, err)
	}
	return parseStat(b)
}

// Resident is the memory of a process that is in RAM, in bytes.
func Resident(pid int) (int64, error) {
	// The kernel keeps the figure of "status" per thread and adds it up late; the
	// rollup is exact, but not every kernel has it.
	if b, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid)); err == nil {
		return parseKiB(b, "Rss")
	}
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, fmt.Errorf("process %d: %w", pid, err)
	}
	return parseKiB(b, "VmRSS")
}

// CountCalls is how often a process has called read and write so far. Some
// systems keep that to themselves.
func CountCalls(pid int) (Calls, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/io", pid))
	if err != nil {
		return Calls{}, fmt.Errorf("process %d: %w", pid, err)
	}
	return parseCalls(b)
}
