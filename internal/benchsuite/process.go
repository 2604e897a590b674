package main

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"strconv"
	"time"
)

// process is one that we started. It ends with us.
type process struct {
	name   string
	cmd    *exec.Cmd
	log    bytes.Buffer // read once it has exited
	exited chan struct{}
}

// start runs a program with its output in the log. Where the system can, the
// kernel ends it when we are gone; that holds for the thread that calls, so the
// caller must be the main goroutine.
func start(name, path string, args ...string) (*process, error) {
	p := &process{name: name, cmd: exec.Command(path, args...), exited: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = &p.log, &p.log
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
		_ = p.cmd.Process.Kill()
		<-p.exited
	}
}

// startPatience is how long a server may take until it accepts.
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

// Ports are chosen below those that systems give to outgoing connections, so that
// none of these takes one before a server of ours does.
const (
	portLow  = 15_000
	portHigh = 32_000
)

// freePort is a loopback port that is free now; nobody is asked to keep it so.
func freePort() (int, error) {
	for range 100 {
		port := portLow + rand.IntN(portHigh-portLow)
		if l, err := net.Listen("tcp", loopback(port)); err == nil {
			return port, l.Close()
		}
	}
	return 0, fmt.Errorf("no free port found between %d and %d", portLow, portHigh)
}

func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
