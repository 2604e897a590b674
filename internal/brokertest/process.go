package brokertest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// stopPatience is how long a process may take to end when it is asked to.
const stopPatience = 20 * time.Second

// keptLines is how much of its output is remembered of a process.
const keptLines = 20000

// Process is a process whose output is kept, line by line. Its methods may be called from any
// goroutine.
type Process struct {
	// Immutable after StartProcess:
	name   string
	cmd    *exec.Cmd
	exited chan struct{} // closed when it is gone and what it said was read

	// Guarded by mu:
	mu    sync.Mutex
	first int           // number of the first line that is kept
	lines []string      // what it said, complete lines
	rest  string        // what it said of a line that is not complete
	more  chan struct{} // closed when there are more lines
}

// StartProcess starts a process. The name is for errors.
func StartProcess(name string, cmd *exec.Cmd) (*Process, error) {
	p := &Process{name: name, cmd: cmd, exited: make(chan struct{}), more: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = p, p
	// A process of its own may hold the output open a little longer than it lives.
	cmd.WaitDelay = 5 * time.Second
	endWithParent(cmd)
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go func() { // ends with the process
		_ = cmd.Wait() // ProcessState tells
		close(p.exited)
	}()
	return p, nil
}

// Write takes in what the process says.
func (p *Process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := strings.Split(p.rest+string(b), "\n")
	last := len(all) - 1
	p.rest = all[last]
	if last == 0 {
		return len(b), nil
	}
	p.lines = append(p.lines, all[:last]...)
	if over := len(p.lines) - keptLines; over > 0 {
		p.lines = slices.Clone(p.lines[over:])
		p.first += over
	}
	close(p.more)
	p.more = make(chan struct{})
	return len(b), nil
}

// since returns the lines from a number on, the number of the next one, and what is closed
// when that is there.
func (p *Process) since(n int) (lines []string, next int, more <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	skip := max(0, n-p.first)
	return slices.Clone(p.lines[skip:]), p.first + len(p.lines), p.more
}

// Await returns when a line is there that fits, however long ago it came.
func (p *Process) Await(ctx context.Context, what string, fits func(line string) bool) error {
	for next := 0; ; {
		gone := p.Gone() // before the last look
		lines, n, more := p.since(next)
		if slices.ContainsFunc(lines, fits) {
			return nil
		}
		if gone {
			return fmt.Errorf("%s ended (%v) before %s:\n%s", p.name, p.cmd.ProcessState, what, p.Tail(100))
		}
		next = n
		select {
		case <-more:
		case <-p.exited:
		case <-ctx.Done():
			return fmt.Errorf("%s: waited in vain until %s: %w\n%s", p.name, what, context.Cause(ctx), p.Tail(100))
		}
	}
}

// Gone says whether the process has ended.
func (p *Process) Gone() bool {
	select {
	case <-p.exited:
		return true
	default:
		return false
	}
}

// Wait returns when the process has ended, and says whether it ended well.
func (p *Process) Wait() bool {
	<-p.exited
	return p.cmd.ProcessState.Success()
}

// Tail is the end of what the process said.
func (p *Process) Tail(count int) string {
	lines, _, _ := p.since(0)
	return strings.Join(lines[max(0, len(lines)-count):], "\n")
}

// Kill ends the process at once, and returns when it is gone.
func (p *Process) Kill() error {
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("kill %s: %w", p.name, err)
	}
	<-p.exited
	return nil
}

// Stop asks the process to end, and returns when it has. One that does not is killed.
func (p *Process) Stop() error {
	if p.Gone() {
		return nil
	}
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return p.Kill()
	}
	select {
	case <-p.exited:
		return nil
	case <-time.After(stopPatience):
		said := p.Tail(100)
		return errors.Join(fmt.Errorf("%s did not end within %v:\n%s", p.name, stopPatience, said), p.Kill())
	}
}
