package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"time"
)

// process is one that we started. It ends with us.
type process struct {
	name   string
	cmd    *exec.Cmd
	log    transcript
	exited chan struct{}
}

// start runs a program with its output in the log. Where the system can, the
// kernel ends it when we are gone; that holds for the thread that calls, so the
// caller must be the main goroutine.
func start(name, path string, args ...string) (*process, error) {
	return startWith(nil, name, path, args...)
}

// startWith is start with more in the environment.
func startWith(env []string, name, path string, args ...string) (*process, error) {
	p := &process{name: name, cmd: exec.Command(path, args...), exited: make(chan struct{})}
	p.log.written = make(chan struct{}, 1)
	p.cmd.Stdout, p.cmd.Stderr = &p.log, &p.log
	p.cmd.Env = append(os.Environ(), env...)
	dieWithUs(p.cmd)
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go func() {
		_ = p.cmd.Wait()
		close(p.exited)
	}()
	return p, nil
}

func (p *process) pid() int { return p.cmd.Process.Pid }

func (p *process) hasExited() bool {
	select {
	case <-p.exited:
		return true
	default:
		return false
	}
}

// stopPatience is how long a process may take to end when it is asked to.
const stopPatience = 15 * time.Second

// stop asks the process to end, and makes it when it does not.
func (p *process) stop() {
	_ = p.cmd.Process.Signal(os.Interrupt)
	t := time.NewTimer(stopPatience)
	defer t.Stop()
	select {
	case <-p.exited:
	case <-t.C:
		_ = p.end()
	}
}

// end ends the process without asking.
func (p *process) end() error {
	err := p.cmd.Process.Kill()
	<-p.exited
	return err
}

// transcript is what a process has written so far.
type transcript struct {
	written chan struct{} // tells that there is more

	mu   sync.Mutex
	text []byte
}

// Write adds to the transcript.
func (t *transcript) Write(b []byte) (int, error) {
	t.mu.Lock()
	t.text = append(t.text, b...)
	t.mu.Unlock()
	select {
	case t.written <- struct{}{}:
	default:
	}
	return len(b), nil
}

// Bytes returns what was written until now.
func (t *transcript) Bytes() []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text
}

// says waits until the process has written what ok wants to see of it. Only one
// may wait at a time.
func (p *process) says(ctx context.Context, what string, ok func([]byte) bool) error {
	ctx, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	for !ok(p.log.Bytes()) {
		select {
		case <-p.log.written:
		case <-p.exited:
			return fmt.Errorf("%s ended:\n%s", p.name, p.log.Bytes())
		case <-ctx.Done():
			return fmt.Errorf("%s does not say that %s: %w\n%s", p.name, what, ctx.Err(), p.log.Bytes())
		}
	}
	return nil
}

// startPatience is how long a server may take until it accepts, and a mesh until
// it stands.
const startPatience = 15 * time.Second

// accepts waits until a server can be connected to. There is no event to wait
// for in another process: it tries every 10 ms.
func (p *process) accepts(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for {
		nc, err := net.Dial("tcp", address)
		if err == nil {
			return nc.Close()
		}
		select {
		case <-again.C:
		case <-p.exited:
			return fmt.Errorf("%s ended at once:\n%s", p.name, p.log.Bytes())
		case <-ctx.Done():
			return fmt.Errorf("%s does not accept: %w", p.name, err)
		}
	}
}

func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
