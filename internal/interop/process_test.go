package interop

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"
)

// process is a client in a process of its own, spoken to by lines of JSON.
type process struct {
	// Immutable after startProcess:
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	log    *logBuffer
	exited chan struct{} // closed when the process is gone and all it said was read

	mu      sync.Mutex
	lastID  int
	waiting map[int]chan reply // by the id of the command
}

// drivers are the commands that start the two clients.
var drivers = map[kind]struct {
	command []string
	dir     string
	trace   string // environment that makes the library log its frames
}{
	// The system's Python has Proton; another one may stand first on PATH.
	proton: {[]string{"/usr/bin/python3", "driver.py"}, "proton", "PN_TRACE_FRM=1"},
	rhea:   {[]string{"node", "driver.js"}, "rhea", "DEBUG=rhea:frames"},
}

// startProcess starts the driver of a client. Set INTEROP_TRACE to have its
// frames in the diary.
func startProcess(k kind) (*process, error) {
	d := drivers[k]
	cmd := exec.Command(d.command[0], d.command[1:]...)
	cmd.Dir = filepath.Join("testdata", d.dir)
	cmd.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1")
	if os.Getenv("INTEROP_TRACE") != "" {
		cmd.Env = append(cmd.Env, d.trace)
	}
	p := &process{cmd: cmd, log: &logBuffer{}, exited: make(chan struct{}), waiting: map[int]chan reply{}}
	cmd.Stderr = p.log
	dieWithUs(cmd)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.stdin = stdin
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the driver of %s: %w", k, err)
	}
	go p.readReplies(stdout)
	return p, nil
}

// readReplies ends when the driver closes its output, that is, ends.
func (p *process) readReplies(stdout io.Reader) {
	defer close(p.exited)
	lines := bufio.NewReader(stdout)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			break
		}
		var r reply
		if err := json.Unmarshal(line, &r); err != nil {
			// Proton traces its frames to standard output.
			p.log.Write(line)
			continue
		}
		p.trace("-> ", line)
		p.mu.Lock()
		answer := p.waiting[r.ID]
		delete(p.waiting, r.ID)
		p.mu.Unlock()
		if answer != nil {
			answer <- r
		}
	}
	p.cmd.Wait()
}

func (p *process) do(ctx context.Context, c command) (reply, error) {
	answer := make(chan reply, 1)
	p.mu.Lock()
	p.lastID++
	c.ID = p.lastID
	p.waiting[c.ID] = answer
	line, err := json.Marshal(c)
	p.trace("<- ", line)
	if err == nil {
		_, err = p.stdin.Write(append(line, '\n'))
	}
	p.mu.Unlock()
	if err != nil {
		return reply{}, fmt.Errorf("%s: %w", c.Op, err)
	}
	select {
	case r := <-answer:
		return r, r.err()
	case <-p.exited:
		return reply{}, fmt.Errorf("%s: the driver ended: %v", c.Op, p.cmd.ProcessState)
	case <-ctx.Done():
		return reply{}, fmt.Errorf("%s: %w", c.Op, ctx.Err())
	}
}

// trace puts a line of the protocol beside the frames, when those are wanted.
func (p *process) trace(direction string, line []byte) {
	if os.Getenv("INTEROP_TRACE") != "" {
		fmt.Fprintf(p.log, "%s%s\n", direction, bytes.TrimSpace(line))
	}
}

// err is the reply's failure as an error.
func (r reply) err() error {
	switch {
	case r.Lacks != "":
		return &lackError{r.Lacks}
	case r.Error != nil && *r.Error != (peerError{}):
		return r.Error
	default:
		return nil
	}
}

func (p *process) kill() {
	p.cmd.Process.Kill()
	<-p.exited
}

// stop ends the driver by ending its input.
func (p *process) stop() error {
	p.stdin.Close()
	select {
	case <-p.exited:
		return nil
	case <-time.After(10 * time.Second):
		p.kill()
		return errors.New("the driver did not end with its input")
	}
}

func (p *process) diary() string { return p.log.String() }

// logBuffer collects what a process writes; any goroutine may write and read.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *logBuffer) all() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// longestLog is how much of a log a failed row shows, its end.
const longestLog = 16 << 10

func (b *logBuffer) String() string {
	text := b.all()
	if cut := len(text) - longestLog; cut > 0 {
		return "...\n" + text[cut:]
	}
	return text
}
