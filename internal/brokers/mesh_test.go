package brokers

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/meshway/meshway/internal/brokertest"
	"github.com/meshway/meshway/internal/freeport"
)

// patience bounds every wait for something that should happen soon.
const patience = 2 * time.Minute

// mesh is three routers in a line: A - B - C.
type mesh struct {
	t       *testing.T
	routers map[string]*router
}

// router is one `meshway run`.
type router struct {
	id      string
	process *brokertest.Process
	clients int // port for clients
	mesh    int // port for neighbours
}

// section is a part of a configuration: entries of a list of YAML.
type section struct{ name, entry string }

// entries are what the files of some routers have beside what all have: by router, "*" for each.
type entries map[string][]section

func connector(name string, port int, more ...string) section {
	entry := fmt.Sprintf("{name: %s, host: 127.0.0.1, port: %d, role: route-container", name, port)
	return section{"connectors", strings.Join(append([]string{entry}, more...), ", ") + "}"}
}

func address(entry string) section   { return section{"addresses", "{" + entry + "}"} }
func autoLink(entry string) section  { return section{"autoLinks", "{" + entry + "}"} }
func linkRoute(entry string) section { return section{"linkRoutes", "{" + entry + "}"} }

// both are the two auto-links of a queue by the address's own name.
func both(address, connection, more string) []section {
	return []section{
		autoLink(fmt.Sprintf("address: %s, connection: %s, direction: out%s", address, connection, more)),
		autoLink(fmt.Sprintf("address: %s, connection: %s, direction: in%s", address, connection, more)),
	}
}

// startMesh starts the routers, which are stopped when the test ends, and their logs searched.
func startMesh(t *testing.T, more entries) *mesh {
	t.Helper()
	lookAtSources(t)
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	m := &mesh{t: t, routers: map[string]*router{}}
	var previous *router
	for _, id := range []string{"A", "B", "C"} {
		ports, err := freeport.Several(2)
		if err != nil {
			t.Fatal(err)
		}
		r := &router{id: id, clients: ports[0], mesh: ports[1]}
		m.routers[id] = r
		own := append(more["*"], more[id]...)
		if previous != nil {
			own = append(own, section{"connectors", fmt.Sprintf("{name: neighbour, host: 127.0.0.1, port: %d, role: inter-router}", previous.mesh)})
		}
		r.start(t, path, own)
		previous = r
	}
	for id, r := range m.routers {
		for other := range m.routers {
			if other != id {
				r.awaitLog(t, fmt.Sprintf("router %s is reachable", other))
			}
		}
	}
	return m
}

func (r *router) start(t *testing.T, path string, own []section) {
	t.Helper()
	file := filepath.Join(t.TempDir(), r.id+".yaml")
	if err := os.WriteFile(file, []byte(r.configuration(own)), 0o600); err != nil {
		t.Fatal(err)
	}
	process, err := brokertest.StartProcess("router "+r.id, exec.Command(path, "run", "-c", file, "--grace", "15s"))
	if err != nil {
		t.Fatal(err)
	}
	r.process = process
	t.Cleanup(func() { r.end(t) })
}

func (r *router) configuration(own []section) string {
	text := fmt.Sprintf(`router: {id: %s, mode: interior}
listeners:
  - {name: clients, port: %d}
  - {name: mesh, host: 127.0.0.1, port: %d, role: inter-router}
`, r.id, r.clients, r.mesh)
	for _, name := range []string{"connectors", "addresses", "autoLinks", "linkRoutes"} {
		title := name + ":\n"
		for _, s := range own {
			if s.name == name {
				text += title + "  - " + s.entry + "\n"
				title = ""
			}
		}
	}
	return text
}

// awaitLog returns when the router has said something.
func (r *router) awaitLog(t *testing.T, parts ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	err := r.process.Await(ctx, fmt.Sprintf("it said %q", parts), func(line string) bool {
		for _, part := range parts {
			if !strings.Contains(line, part) {
				return false
			}
		}
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
}

// wantAttachedOnce wants both auto-links of a queue attached at the broker, and says at once when
// one was refused, or was attached again because its session had ended.
func (r *router) wantAttachedOnce(t *testing.T, external string) {
	t.Helper()
	for _, direction := range []string{"out", "in"} {
		r.awaitLog(t, "attached at the broker", fmt.Sprintf(`"direction":%q,"address":%q`, direction, external))
	}
	var said []string
	for _, line := range strings.Split(r.process.Tail(100_000), "\n") {
		if strings.Contains(line, "attached at the broker") && strings.Contains(line, fmt.Sprintf(`"address":%q`, external)) {
			said = append(said, line)
		}
	}
	if all := strings.Join(said, "\n"); len(said) != 2 || strings.Contains(all, "not attached") {
		t.Fatalf("the auto-links of %q were not attached at the broker once each and left there; router %s said of them\n%s", external, r.id, all)
	}
}

// end stops the router, and searches its log for what must not be in any.
func (r *router) end(t *testing.T) {
	if r.process.Gone() {
		t.Errorf("router %s ended by itself", r.id)
	}
	if err := r.process.Stop(); err != nil {
		t.Error(err)
	}
	log := r.process.Tail(100_000)
	for _, bad := range []string{"panic:", "DATA RACE", "protocol violation", "bad control message"} {
		if strings.Contains(log, bad) {
			t.Errorf("the log of router %s has %q", r.id, bad)
		}
	}
	if t.Failed() {
		t.Logf("router %s:\n%s", r.id, r.process.Tail(200))
	}
}
