package hosts

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// lab is a set of hosts with a router each, and lines between them.
type lab struct {
	// Immutable after start.
	t         *testing.T
	name      string
	clients   string // namespace of the clients
	heartbeat time.Duration
	hosts     map[string]*host
	lines     int

	// mu guards what is known of routers and messages; changed is told of all of that.
	mu      sync.Mutex
	changed *sync.Cond
}

// host is a machine with a router, whose id is its name.
type host struct {
	// Immutable after the lab's start.
	lab        *lab
	name       string
	namespace  string
	address    string            // where its clients find it
	towards    map[string]string // addresses on the lines, by name of the neighbour
	connectors []string          // their lines in the configuration

	router *router // the present one
}

// patience is how long anything is waited for that will happen. A machine may be busy,
// and an adjacency that is lost again and again is left alone for a minute.
const patience = 2 * time.Minute

var labs atomic.Int32

// newLab makes a lab of hosts without lines. It ends with the test; a test on a
// machine without namespaces ends now.
func newLab(t *testing.T, names ...string) *lab {
	t.Helper()
	if err := prepared(); err != nil {
		t.Skip(err)
	}
	if err := built(); err != nil {
		t.Fatal(err)
	}
	lookAtSources(t)
	l := &lab{t: t, name: fmt.Sprintf("%s%d-%d", prefix, os.Getpid(), labs.Add(1)), heartbeat: 250 * time.Millisecond, hosts: map[string]*host{}}
	l.changed = sync.NewCond(&l.mu)
	l.clients = l.name + "-clients"
	l.namespace(l.clients)
	l.in(l.clients, "link add lan type bridge", "link set lan up", "addr add 10.0.0.254/24 dev lan")
	for i, name := range names {
		h := &host{lab: l, name: name, namespace: l.name + "-" + name, address: fmt.Sprintf("10.0.0.%d", i+1), towards: map[string]string{}}
		l.hosts[name] = h
		l.namespace(h.namespace)
		l.in(l.clients, fmt.Sprintf("link add to-%s type veth peer name lan netns %s", name, h.namespace), fmt.Sprintf("link set to-%s master lan up", name))
		l.in(h.namespace, "addr add "+h.address+"/24 dev lan", "link set lan up")
		h.filter()
	}
	return l
}

// namespace makes a network namespace for as long as the test runs.
func (l *lab) namespace(name string) {
	l.t.Helper()
	l.must(command("", "ip", "netns", "add", name))
	l.t.Cleanup(func() {
		if err := command("", "ip", "netns", "del", name); err != nil {
			l.t.Error(err)
		}
	})
	l.in(name, "link set lo up")
}

// in gives commands to ip in a namespace.
func (l *lab) in(namespace string, lines ...string) {
	l.t.Helper()
	l.must(command(strings.Join(lines, "\n")+"\n", "ip", "-n", namespace, "-batch", "-"))
}

func (l *lab) must(err error) {
	l.t.Helper()
	if err != nil {
		l.t.Fatal(err)
	}
}

// line connects two hosts; the first dials. At each end the device has the name of
// the other.
func (l *lab) line(a, b string, cost int) {
	l.t.Helper()
	from, to := l.plan(a, b, cost)
	l.in(from.namespace, fmt.Sprintf("link add %s type veth peer name %s netns %s", device(b), device(a), to.namespace))
	for _, end := range []struct {
		at   *host
		name string
	}{{from, b}, {to, a}} {
		l.in(end.at.namespace, fmt.Sprintf("addr add %s/30 dev %s", end.at.towards[end.name], device(end.name)), "link set "+device(end.name)+" up")
	}
}

// plan gives both ends of a line their addresses, and the dialling one its connector.
func (l *lab) plan(a, b string, cost int) (from, to *host) {
	from, to = l.hosts[a], l.hosts[b]
	from.towards[b] = fmt.Sprintf("10.1.%d.1", l.lines)
	to.towards[a] = fmt.Sprintf("10.1.%d.2", l.lines)
	l.lines++
	from.connectors = append(from.connectors, fmt.Sprintf("{name: to-%s, host: %s, port: %d, role: inter-router, cost: %d}", b, to.towards[a], meshPort, cost))
	return from, to
}

func device(neighbour string) string { return "to-" + neighbour }

// start starts a router on each host, and returns when each knows all the others by
// every line.
func (l *lab) start() {
	l.t.Helper()
	for _, h := range l.hosts {
		h.start()
	}
	l.awaitWhole()
}

// awaitWhole returns when every line is used, and every router reaches every other.
func (l *lab) awaitWhole() {
	l.t.Helper()
	l.await("every router reaches every other by all lines", func() bool {
		for _, h := range l.hosts {
			for id := range l.hosts {
				if id != h.name && !h.router.reaches[id] {
					return false
				}
			}
			for id := range h.towards {
				if h.router.adjacent[id] != up {
					return false
				}
			}
		}
		return true
	})
}

// await returns when something is so, which is asked whenever a router has logged
// something, and a message was sent, received or settled. The lab's mutex is held.
func (l *lab) await(what string, so func() bool) {
	l.t.Helper()
	late := false
	timer := time.AfterFunc(patience, func() {
		l.mu.Lock()
		late = true
		l.mu.Unlock()
		l.changed.Broadcast()
	})
	defer timer.Stop()
	l.mu.Lock()
	defer l.mu.Unlock()
	for !so() {
		if late {
			l.t.Errorf("%v later, it is still not so that %s", patience, what)
			l.tell()
			l.t.FailNow()
		}
		l.changed.Wait()
	}
}

// update changes what is known.
func (l *lab) update(change func()) {
	l.mu.Lock()
	change()
	l.mu.Unlock()
	l.changed.Broadcast()
}

// tell shows every router's log. The caller holds mu.
func (l *lab) tell() {
	l.t.Helper()
	for _, h := range l.all() {
		for i, r := range h.router.lives() {
			l.t.Logf("router %s, life %d:\n%s", h.name, i+1, strings.Join(r.log, "\n"))
		}
	}
}

// all are the hosts in order, those with a router.
func (l *lab) all() (list []*host) {
	for _, h := range l.hosts {
		if h.router != nil {
			list = append(list, h)
		}
	}
	slices.SortFunc(list, func(a, b *host) int { return strings.Compare(a.name, b.name) })
	return list
}

// flaps are how often routers lost an adjacency so far, and how often they left one
// for a while.
func (l *lab) flaps() (lost, suspects int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, h := range l.hosts {
		for _, r := range h.router.lives() {
			lost += r.lost
			suspects += r.suspects
		}
	}
	return lost, suspects
}
