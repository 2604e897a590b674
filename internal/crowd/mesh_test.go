package crowd

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/meshway/meshway/internal/freeport"
	"github.com/meshway/meshway/internal/procstat"
)

// node is a router, in a process of its own.
type node struct {
	t       *testing.T
	id      string
	clients string // where it listens for clients
	mesh    int    // the port for neighbours
	cmd     *exec.Cmd
	listens chan struct{} // closed when it does
	ended   chan struct{}

	mu  sync.Mutex
	log []string
}

// startChain starts routers, each connected to the one before it, with so many
// milliseconds between their heartbeats.
func startChain(t *testing.T, heartbeat int, ids ...string) map[string]*node {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "meshway")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "./cmd/meshway")
	build.Dir = filepath.Join("..", "..")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build ./cmd/meshway: %v\n%s", err, out)
	}
	nodes := map[string]*node{}
	connectors := ""
	for _, id := range ids {
		n := &node{t: t, id: id, listens: make(chan struct{}), ended: make(chan struct{})}
		ports, err := freeport.Several(2)
		if err != nil {
			t.Fatal(err)
		}
		clients := ports[0]
		n.clients, n.mesh = fmt.Sprintf("127.0.0.1:%d", clients), ports[1]
		n.start(binary, fmt.Sprintf(`router: {id: %s, mode: interior, heartbeatMilliseconds: %d}
listeners:
  - {name: clients, host: 127.0.0.1, port: %d}
  - {name: mesh, host: 127.0.0.1, port: %d, role: inter-router}
%s`, id, heartbeat, clients, n.mesh, connectors))
		connectors = fmt.Sprintf("connectors:\n  - {host: 127.0.0.1, port: %d, role: inter-router}\n", n.mesh)
		nodes[id] = n
	}
	return nodes
}

// start starts the router, and returns when it listens.
func (n *node) start(binary, configuration string) {
	n.t.Helper()
	file := filepath.Join(n.t.TempDir(), n.id+".yaml")
	if err := os.WriteFile(file, []byte(configuration), 0o600); err != nil {
		n.t.Fatal(err)
	}
	n.cmd = exec.Command(binary, "run", "-c", file)
	stderr, err := n.cmd.StderrPipe()
	if err == nil {
		err = n.cmd.Start()
	}
	if err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(n.end)
	go n.read(stderr) // ends with the process
	select {
	case <-n.listens:
	case <-n.ended:
		n.t.Fatalf("router %s ended", n.id)
	}
}

// read takes in the log.
func (n *node) read(stderr io.Reader) {
	defer close(n.ended)
	for lines := bufio.NewScanner(stderr); lines.Scan(); {
		line := lines.Text()
		n.mu.Lock()
		n.log = append(n.log, line)
		n.mu.Unlock()
		if strings.Contains(line, `"listening","listener":"mesh"`) {
			close(n.listens)
		}
	}
	_ = n.cmd.Wait()
}

// end kills the router.
func (n *node) end() {
	_ = n.cmd.Process.Kill()
	<-n.ended
}

// check searches the router's log for what must not be in any.
func (n *node) check() {
	n.mu.Lock()
	defer n.mu.Unlock()
	suspects := 0
	for _, line := range n.log {
		if strings.Contains(line, " is suspect") {
			suspects++
		}
		for _, bad := range []string{"panic:", `"level":"error"`, " is lost", "protocol violation", "bad message", "bad control"} {
			if strings.Contains(line, bad) {
				n.t.Errorf("router %s: %s", n.id, line)
			}
		}
	}
	n.t.Logf("router %s found neighbours silent %d times", n.id, suspects)
}

// usage is the CPU time and the resident memory of a router.
type usage struct {
	cpu    time.Duration
	memory int64 // bytes
}

// usage is 0 where the system does not tell.
func (n *node) usage() (u usage) {
	u.cpu, _ = procstat.CPU(n.cmd.Process.Pid)
	u.memory, _ = procstat.Resident(n.cmd.Process.Pid)
	return u
}
