//go:build !linux

package procstat

import (
	"errors"
	"time"
)

var errUnsupported = errors.New("figures of other processes can be read on Linux only")

// CPU is not available here.
func CPU(int) (time.Duration, error) { return 0, errUnsupported }

// Resident is not available here.
func Resident(int) (int64, error) { return 0, errUnsupported }

// CountCalls is not available here.
func CountCalls(int) (Calls, error) { return Calls{}, errUnsupported }
