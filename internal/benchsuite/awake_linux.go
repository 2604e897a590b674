package main

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"syscall"
	"unsafe"
)

// schedIdle is SCHED_IDLE of sched(7): such a thread runs where nothing else wants to.
const schedIdle = 5

// spin keeps every processor from sleeping until ctx is done. On a virtual machine it can take
// longer to wake one than to do what it is woken for.
func spin(ctx context.Context) error {
	n := runtime.NumCPU()
	runtime.GOMAXPROCS(n + 1) // one to hear of ctx
	failed := make(chan error, n)
	for range n {
		go func() { // ends with ctx
			runtime.LockOSThread()
			var priority int32
			if _, _, errno := syscall.RawSyscall(syscall.SYS_SCHED_SETSCHEDULER, 0, schedIdle, uintptr(unsafe.Pointer(&priority))); errno != 0 {
				failed <- os.NewSyscallError("sched_setscheduler", errno)
				return
			}
			for ctx.Err() == nil {
			}
		}()
	}
	select {
	case err := <-failed:
		return fmt.Errorf("-awake: %w", err)
	case <-ctx.Done():
		return nil
	}
}
