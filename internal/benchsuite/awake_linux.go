package main

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"syscall"
)

// spin keeps every processor busy until ctx is done, with threads of the lowest priority. On a
// virtual machine it can take longer to wake a processor than to do what it is woken for.
func spin(ctx context.Context) error {
	n := runtime.NumCPU()
	runtime.GOMAXPROCS(n + 1) // one to hear of ctx
	failed := make(chan error, n)
	for range n {
		go func() { // ends with ctx
			runtime.LockOSThread()
			// Not SCHED_IDLE: whoever is woken would be sent to a processor that has nothing
			// else, and that costs what is to be saved.
			if err := syscall.Setpriority(syscall.PRIO_PROCESS, 0, 19); err != nil {
				failed <- os.NewSyscallError("setpriority", err)
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
