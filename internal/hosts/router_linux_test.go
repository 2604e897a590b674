package hosts

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

const (
	clientPort = 5672
	meshPort   = 55672
)

// router is one life of the router on a host: a process.
type router struct {
	// Immutable after start.
	host     *host
	cmd      *exec.Cmd
	previous *router
	exited   chan struct{} // closed when it is gone and all it said was read

	ending bool // it was asked to end, or killed; of the test's goroutine

	// Guarded by the lab's mutex.
	log      []string
	adjacent map[string]string // what it last said of each neighbour: up, lost, suspect
	reaches  map[string]bool
	lost     int // how often it has lost an adjacency
	suspects int // how often it has left one for a while
	ready    bool
}

const up = "up"

// start starts a router, and returns when it listens.
func (h *host) start() *router {
	l := h.lab
	l.t.Helper()
	file := filepath.Join(l.t.TempDir(), h.name+".yaml")
	l.must(os.WriteFile(file, []byte(h.configuration()), 0o600))
	r := &router{host: h, previous: h.router, exited: make(chan struct{}), adjacent: map[string]string{}, reaches: map[string]bool{}}
	// `ip netns exec` becomes the router: its id is the router's.
	r.cmd = exec.Command("ip", "netns", "exec", h.namespace, meshway, "run", "-c", file, "--grace", patience.String())
	// No router outlives a test that dies without cleaning up.
	r.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	stderr, err := r.cmd.StderrPipe()
	l.must(err)
	l.must(r.cmd.Start())
	l.update(func() { h.router = r })
	go r.read(stderr) // ends with the process
	l.t.Cleanup(r.cleanUp)
	l.await(h.name+" listens", func() bool { return r.ready })
	return r
}

func (h *host) configuration() string {
	connectors := ""
	if len(h.connectors) > 0 {
		connectors = "connectors:\n  - " + strings.Join(h.connectors, "\n  - ") + "\n"
	}
	return fmt.Sprintf(`router: {id: %s, mode: interior, heartbeatMilliseconds: %d}
listeners:
  - {name: clients, host: %s, port: %d, stripAnnotations: no}
  - {name: mesh, host: 0.0.0.0, port: %d, role: inter-router}
`, h.name, h.lab.heartbeat.Milliseconds(), h.address, clientPort, meshPort) + connectors
}

// read takes in the log.
func (r *router) read(stderr io.Reader) {
	defer close(r.exited)
	lines := bufio.NewReader(stderr)
	for {
		line, err := lines.ReadString('\n')
		if line != "" {
			r.host.lab.update(func() { r.note(strings.TrimSpace(line)) })
		}
		if err != nil {
			break
		}
	}
	_ = r.cmd.Wait() // ProcessState tells
}

// note understands a line of the log. The lab's mutex is held.
func (r *router) note(line string) {
	r.log = append(r.log, line)
	var entry struct {
		Msg, Listener string
	}
	if json.Unmarshal([]byte(line), &entry) != nil {
		return
	}
	words := strings.Fields(entry.Msg)
	switch {
	case entry.Msg == "listening" && entry.Listener == "mesh": // the last one
		r.ready = true
	case len(words) >= 5 && words[0] == "adjacency" && words[3] == "is":
		r.adjacent[words[2]] = words[4]
		switch words[4] {
		case "lost":
			r.lost++
		case "suspect":
			r.suspects++
		}
	case len(words) == 4 && words[0] == "router" && words[2] == "is":
		r.reaches[words[1]] = words[3] == "reachable"
	}
}

// said tells whether a line of the log has such a part. The lab's mutex is held.
func (r *router) said(part string) bool {
	return slices.ContainsFunc(r.log, func(line string) bool { return strings.Contains(line, part) })
}

// lives are this router and those before it on the host, the first one first.
func (r *router) lives() []*router {
	if r == nil {
		return nil
	}
	return append(r.previous.lives(), r)
}

// kill ends the process as a power failure would, but for what the kernel says on
// behalf of the dead.
func (r *router) kill() {
	r.host.lab.t.Helper()
	r.ending = true
	r.signal(syscall.SIGKILL)
	<-r.exited
}

// terminate asks the router to end, and returns when it has.
func (r *router) terminate() {
	r.host.lab.t.Helper()
	r.ending = true
	r.signal(syscall.SIGTERM)
	select {
	case <-r.exited:
	case <-time.After(patience):
		r.host.lab.t.Errorf("router %s did not end within %v of SIGTERM", r.host.name, patience)
		r.kill()
	}
	if !r.cmd.ProcessState.Success() {
		r.host.lab.t.Errorf("router %s ended with %v", r.host.name, r.cmd.ProcessState)
	}
}

func (r *router) signal(s syscall.Signal) {
	r.host.lab.t.Helper()
	if err := r.cmd.Process.Signal(s); err != nil {
		r.host.lab.t.Errorf("signal router %s: %v", r.host.name, err)
	}
}

// cleanUp ends the process if nobody has, and searches its log for what must not be
// in any.
func (r *router) cleanUp() {
	l := r.host.lab
	select {
	case <-r.exited:
		if !r.ending {
			l.t.Errorf("router %s ended by itself: %v", r.host.name, r.cmd.ProcessState)
		}
	default:
		r.signal(syscall.SIGCONT) // if it was paused
		r.terminate()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, bad := range []string{"panic:", "DATA RACE", "protocol violation", "bad control message", "bad message"} {
		if r.said(bad) {
			l.t.Errorf("the log of router %s has %q", r.host.name, bad)
		}
	}
	if l.t.Failed() && r.host.router == r {
		l.t.Logf("router %s:\n%s", r.host.name, strings.Join(r.log, "\n"))
	}
}
