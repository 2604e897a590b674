package interop

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/meshway/meshway/internal/freeport"
)

// The listeners of the router under test.
const (
	plainListener = "plain" // ANONYMOUS, or no SASL
	usersListener = "users" // PLAIN only
	idleListener  = "idle"  // a short idle time-out
)

const (
	userName     = "alice"
	userPassword = "open sesame"
	// idleTimeout is the listener's setting: it drops a peer that is silent for so long.
	idleTimeout = 2 * time.Second
)

// router is one `meshway run` in a process of its own.
type router struct {
	cmd    *exec.Cmd
	file   string         // its configuration
	ports  map[string]int // by name of the listener
	log    *logBuffer
	exited chan struct{}
	asked  bool // to end
}

// startRouter starts the router that rows share.
func startRouter(t *testing.T) *router {
	t.Helper()
	users := filepath.Join(t.TempDir(), "users.yaml")
	addUser(t, users)
	return launch(t, func(port func(string) int) string { return sharedConfiguration(port, users) })
}

// launch runs a router whose configuration names its ports, and returns when every listener
// accepts. The router is stopped, and its log searched for panics and races, when the test
// ends.
func launch(t *testing.T, configuration func(port func(listener string) int) string) *router {
	t.Helper()
	r := &router{ports: map[string]int{}, log: &logBuffer{}, exited: make(chan struct{})}
	text := configuration(func(listener string) int {
		r.ports[listener] = freePort(t)
		return r.ports[listener]
	})
	r.file = filepath.Join(t.TempDir(), "meshway.yaml")
	if err := os.WriteFile(r.file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	// More grace than usual: a machine may be held for longer than 10 s.
	r.cmd = exec.Command(meshway, "run", "-c", r.file, "--grace", longestRow.String())
	r.cmd.Stdout, r.cmd.Stderr = r.log, r.log
	dieWithUs(r.cmd)
	if err := r.cmd.Start(); err != nil {
		t.Fatalf("start the router: %v", err)
	}
	go func() {
		r.cmd.Wait()
		close(r.exited)
	}()
	t.Cleanup(func() { r.stop(t) })
	r.awaitListeners(t)
	return r
}

func sharedConfiguration(port func(string) int, users string) string {
	return fmt.Sprintf(`router: {id: interop}
listeners:
  - {name: plain, host: 127.0.0.1, port: %d}
  - {name: users, host: 127.0.0.1, port: %d, saslMechanisms: [PLAIN], authenticatePeer: true}
  - {name: idle, host: 127.0.0.1, port: %d, idleTimeoutSeconds: %d}
addresses:
  - {prefix: multicast, distribution: multicast}
  - {prefix: closest, distribution: closest}
  - {prefix: gone, distribution: unavailable}
users: {file: %q}
`, port(plainListener), port(usersListener), port(idleListener), int(idleTimeout.Seconds()), users)
}

func addUser(t *testing.T, file string) {
	t.Helper()
	cmd := exec.Command(meshway, "user", "add", userName, "--file", file, "--password-stdin")
	cmd.Stdin = strings.NewReader(userPassword + "\n")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("meshway user add: %v\n%s", err, out)
	}
}

// freePort is for a server that is about to start.
func freePort(t *testing.T) int {
	t.Helper()
	port, err := freeport.Take()
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// awaitListeners tries to connect until it can: there is no event to wait for
// in another process.
func (r *router) awaitListeners(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for name, port := range r.ports {
		for {
			c, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
			if err == nil {
				c.Close()
				break
			}
			select {
			case <-again.C:
			case <-r.exited:
				t.Fatalf("the router ended at once (%v):\n%s", r.cmd.ProcessState, r.log)
			case <-ctx.Done():
				t.Fatalf("listener %s: %v\n%s", name, err, r.log)
			}
		}
	}
}

// running says whether the router still is.
func (r *router) running() bool {
	select {
	case <-r.exited:
		return false
	default:
		return true
	}
}

// terminate asks the router to end, once: a second signal would end it at once.
func (r *router) terminate(t *testing.T) {
	t.Helper()
	if r.asked {
		return
	}
	r.asked = true
	if err := r.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Errorf("stop the router: %v", err)
	}
}

func (r *router) stop(t *testing.T) {
	t.Helper()
	if r.running() {
		r.terminate(t)
	}
	select {
	case <-r.exited:
	case <-time.After(longestRow):
		r.cmd.Process.Kill()
		<-r.exited
		t.Errorf("the router did not end within %v of SIGTERM", longestRow)
	}
	log := r.log.String()
	if !r.cmd.ProcessState.Success() || strings.Contains(log, "panic:") || strings.Contains(log, "DATA RACE") {
		t.Errorf("the router ended with %v, its log:\n%s", r.cmd.ProcessState, log)
	}
}

// linesAbout are the lines of the log that name a container of one row, that
// are about such a connection, or about none at all.
func (r *router) linesAbout(slug string) string {
	var about strings.Builder
	ours := map[int]bool{}
	for line := range strings.Lines(r.log.all()) {
		var entry struct {
			Connection int
			Container  string
		}
		if err := json.Unmarshal([]byte(line), &entry); err == nil && entry.Connection != 0 {
			if strings.HasPrefix(entry.Container, slug) {
				ours[entry.Connection] = true
			}
			if !ours[entry.Connection] {
				continue
			}
		}
		about.WriteString(line)
	}
	return about.String()
}
