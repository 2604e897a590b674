package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// The predecessor, qdrouterd, may be measured in the same run, under the same loads: a target that was set
// beside its figures on another machine is met where ours are the same share of its own.
// The byte relay says what the kernel costs that day; the predecessor says what a router does.

// findPredecessor returns where a qdrouterd is, and what it calls itself.
func findPredecessor(ctx context.Context, name string) (path, title string, err error) {
	if path, err = exec.LookPath(name); err != nil {
		return "", "", fmt.Errorf("-predecessor: %w", err)
	}
	out, err := exec.CommandContext(ctx, path, "--version").CombinedOutput()
	version := regexp.MustCompile(`\d+(\.\d+)+`).Find(out)
	if err != nil || version == nil {
		return "", "", fmt.Errorf("-predecessor: %s --version does not tell a version: %v: %s", path, err, out)
	}
	return path, "qdrouterd " + string(version), nil
}

// preceded measures what the predecessor makes of a case. Where it fails, the
// figures are ours alone.
func (s *suite) preceded(c *testCase, m *measured) error {
	b, err := s.setPredecessor(s.ctx, c)
	if err != nil {
		return err
	}
	defer s.stopBed(b)
	r, err := s.generate(c, b)
	if err != nil {
		return err
	}
	for key, v := range c.figures(r) {
		m.Predecessor[key] = append(m.Predecessor[key], v)
	}
	return nil
}

// setPredecessor is set with its routers.
func (s *suite) setPredecessor(ctx context.Context, c *testCase) (*bed, error) {
	sh := cmp.Or(c.shape, &shape{routers: "A"})
	nodes, err := planMesh(sh)
	if err != nil {
		return nil, err
	}
	b := new(bed)
	fail := func(err error) (*bed, error) { s.stopBed(b); return nil, err }
	for _, n := range nodes {
		file := filepath.Join(s.dir, "qdrouterd-"+string(n.id)+".conf")
		if err := os.WriteFile(file, []byte(n.legacyConfig(sh, nodes)), 0o600); err != nil {
			return fail(err)
		}
		if n.process, err = s.serve(ctx, s.predecessorName+" "+string(n.id), n.clients, s.predecessor, "-c", file); err != nil {
			return fail(err)
		}
		b.servers = append(b.servers, n.process)
	}
	b.watch = b.servers
	for _, n := range nodes {
		if err := n.says(ctx, "it knows the way to all others", n.knowsAll(sh)); err != nil {
			return fail(err)
		}
	}
	b.send, b.receive = loopback(nodes[0].clients), loopback(nodes[min(receiveAt, len(nodes)-1)].clients)
	return b, nil
}

// legacyConfig is what config is, in the predecessor's form.
func (n *meshNode) legacyConfig(sh *shape, nodes []*meshNode) string {
	var b strings.Builder
	section := func(kind string, lines ...string) {
		fmt.Fprintf(&b, "%s {\n    %s\n}\n", kind, strings.Join(lines, "\n    "))
	}
	listen := func(role string, port int) {
		section("listener", "host: 127.0.0.1", "port: "+strconv.Itoa(port), "role: "+role, "authenticatePeer: no", "saslMechanisms: ANONYMOUS")
	}
	mode := "standalone"
	if len(nodes) > 1 {
		mode = "interior"
		listen("inter-router", n.mesh)
	}
	section("router", "id: "+string(n.id), "mode: "+mode)
	listen("normal", n.clients)
	for _, a := range sh.adjacencies {
		if a.from == n.id {
			to := nodes[strings.IndexByte(sh.routers, a.to)]
			section("connector", "host: 127.0.0.1", "port: "+strconv.Itoa(to.mesh), "role: inter-router", "cost: "+strconv.Itoa(a.cost))
		}
	}
	section("address", "prefix: "+benchAddress, "distribution: balanced")
	section("log", "module: DEFAULT", "enable: info+")
	return b.String()
}

// knowsAll tells from what a predecessor has logged whether it has a path to all others.
func (n *meshNode) knowsAll(sh *shape) func(log []byte) bool {
	const says = "Computed next hops:"
	return func(log []byte) bool {
		if len(sh.routers) == 1 {
			return true
		}
		_, rest, _ := bytes.Cut(log[max(bytes.LastIndex(log, []byte(says)), 0):], []byte(says))
		hops, _, whole := bytes.Cut(rest, []byte("\n"))
		for _, id := range []byte(sh.routers) {
			whole = whole && (id == n.id || bytes.Contains(hops, []byte{'\'', id, '\'', ':'}))
		}
		return whole
	}
}
