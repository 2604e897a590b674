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

// child is a process that was started here.
type child struct {
	// Immutable after startChild:
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

func startChild(name string, cmd *exec.Cmd) (*child, error) {
	c := &child{name: name, cmd: cmd, exited: make(chan struct{}), more: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = c, c
	// A process of its own may hold the output open a little longer than it lives.
	cmd.WaitDelay = 5 * time.Second
	endWithParent(cmd)
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go func() { // ends with the process
		_ = cmd.Wait() // ProcessState tells
		close(c.exited)
	}()
	return c, nil
}

// Write takes in what the process says.
func (c *child) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := strings.Split(c.rest+string(p), "\n")
	last := len(all) - 1
	c.rest = all[last]
	if last == 0 {
		return len(p), nil
	}
	c.lines = append(c.lines, all[:last]...)
	if over := len(c.lines) - keptLines; over > 0 {
		c.lines = slices.Clone(c.lines[over:])
		c.first += over
	}
	close(c.more)
	c.more = make(chan struct{})
	return len(p), nil
}

// since returns the lines from a number on, the number of the next one, and what is closed
// when that is there.
func (c *child) since(n int) (lines []string, next int, more <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	skip := max(0, n-c.first)
	return slices.Clone(c.lines[skip:]), c.first + len(c.lines), c.more
}

// await returns when a line is there that fits, however long ago it came.
func (c *child) await(ctx context.Context, what string, fits func(line string) bool) error {
	for next := 0; ; {
		gone := c.gone() // before the last look
		lines, n, more := c.since(next)
		if slices.ContainsFunc(lines, fits) {
			return nil
		}
		if gone {
			return fmt.Errorf("%s ended (%v) before %s:\n%s", c.name, c.cmd.ProcessState, what, c.tail(100))
		}
		next = n
		select {
		case <-more:
		case <-c.exited:
		case <-ctx.Done():
			return fmt.Errorf("%s: waited in vain until %s: %w\n%s", c.name, what, context.Cause(ctx), c.tail(100))
		}
	}
}

func (c *child) gone() bool {
	select {
	case <-c.exited:
		return true
	default:
		return false
	}
}

// tail is the end of what the process said.
func (c *child) tail(count int) string {
	lines, _, _ := c.since(0)
	return strings.Join(lines[max(0, len(lines)-count):], "\n")
}

// kill ends the process at once, and returns when it is gone.
func (c *child) kill() error {
	if err := c.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("kill %s: %w", c.name, err)
	}
	<-c.exited
	return nil
}

// stop asks the process to end, and returns when it has. One that does not is killed.
func (c *child) stop() error {
	if c.gone() {
		return nil
	}
	if err := c.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return c.kill()
	}
	select {
	case <-c.exited:
		return nil
	case <-time.After(stopPatience):
		said := c.tail(100)
		return errors.Join(fmt.Errorf("%s did not end within %v:\n%s", c.name, stopPatience, said), c.kill())
	}
}
