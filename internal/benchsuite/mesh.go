package main

import (
	"bytes"
	"context"
	"fmt"
	"strings"

	"github.com/meshway/meshway/internal/freeport"
)

// shape is a mesh: routers with letters for names, and what connects them.
// Messages go from the first router to the third, by the second as long as that
// lives.
type shape struct {
	routers     string
	adjacencies []adjacency
}

// adjacency connects two routers; the first dials.
type adjacency struct {
	from, to byte
	cost     int
}

const (
	sendAt    = 0
	strikeAt  = 1
	receiveAt = 2
)

var (
	chain  = &shape{"ABC", []adjacency{{'A', 'B', 1}, {'B', 'C', 1}}}
	square = &shape{"ABCD", []adjacency{{'A', 'B', 1}, {'B', 'C', 1}, {'A', 'D', 2}, {'D', 'C', 2}}}
	// tilted has a second path whose first router would send messages back, as long
	// as it does not know that the first path is gone.
	tilted = &shape{"ABCD", []adjacency{{'A', 'B', 1}, {'B', 'C', 1}, {'A', 'D', 1}, {'D', 'C', 3}}}
	ring   = &shape{"ABCDEF", []adjacency{{'A', 'B', 1}, {'B', 'C', 1}, {'C', 'D', 1}, {'D', 'E', 1}, {'E', 'F', 1}, {'F', 'A', 1}}}
)

// meshNode is one router of a mesh that is started.
type meshNode struct {
	id            byte
	clients, mesh int // ports
	*process
}

// startMesh starts a mesh, and returns when each of its routers says that its
// adjacencies are up and that it can reach all others.
func (s *suite) startMesh(ctx context.Context, c *testCase) (*bed, error) {
	nodes, err := planMesh(c.shape)
	if err != nil {
		return nil, err
	}
	b := new(bed)
	for i, n := range nodes {
		var env []string
		if c.crowd && i == receiveAt {
			env = traceHeap
		}
		file, err := s.configure("router-"+string(n.id), n.config(c.shape, nodes))
		if err == nil {
			n.process, err = startWith(env, "router "+string(n.id), s.binary, "run", "-c", file)
		}
		if err != nil {
			s.stopBed(b)
			return nil, err
		}
		b.servers = append(b.servers, n.process)
	}
	for _, n := range nodes {
		for _, want := range n.stands(c.shape) {
			if err := n.says(ctx, want, func(log []byte) bool { return bytes.Contains(log, []byte(want)) }); err != nil {
				s.stopBed(b)
				return nil, err
			}
		}
	}
	b.send, b.receive = loopback(nodes[sendAt].clients), loopback(nodes[receiveAt].clients)
	for i, n := range nodes {
		if c.fault != nil && i == strikeAt {
			b.victim = n.process
			continue
		}
		b.watch = append(b.watch, n.process)
	}
	return b, nil
}

func planMesh(sh *shape) (nodes []*meshNode, err error) {
	for _, id := range []byte(sh.routers) {
		n := &meshNode{id: id}
		if n.clients, err = freeport.Take(); err != nil {
			return nil, err
		}
		if n.mesh, err = freeport.Take(); err != nil {
			return nil, err
		}
		nodes = append(nodes, n)
	}
	return nodes, nil
}

// config is the configuration of a router of the mesh.
func (n *meshNode) config(sh *shape, nodes []*meshNode) string {
	var b strings.Builder
	fmt.Fprintf(&b, "router: {id: %c, mode: interior}\nlisteners:\n", n.id)
	fmt.Fprintf(&b, "  - {host: 127.0.0.1, port: %d}\n  - {host: 127.0.0.1, port: %d, role: inter-router}\n", n.clients, n.mesh)
	dials := false
	for _, a := range sh.adjacencies {
		if a.from != n.id {
			continue
		}
		if !dials {
			b.WriteString("connectors:\n")
			dials = true
		}
		to := nodes[strings.IndexByte(sh.routers, a.to)]
		fmt.Fprintf(&b, "  - {host: 127.0.0.1, port: %d, role: inter-router, cost: %d}\n", to.mesh, a.cost)
	}
	return b.String()
}

// What routers log when an adjacency can be used, when there is a path to another
// one, and when they avoid a neighbour.
const (
	saysAdjacency = "adjacency to %c is up with cost %d"
	saysReachable = "router %c is reachable"
	saysSuspect   = "is suspect"
)

// stands is what a router has logged once the mesh stands.
func (n *meshNode) stands(sh *shape) (lines []string) {
	for _, a := range sh.adjacencies {
		switch n.id {
		case a.from:
			lines = append(lines, fmt.Sprintf(saysAdjacency, a.to, a.cost))
		case a.to:
			lines = append(lines, fmt.Sprintf(saysAdjacency, a.from, a.cost))
		}
	}
	for _, id := range []byte(sh.routers) {
		if id != n.id {
			lines = append(lines, fmt.Sprintf(saysReachable, id))
		}
	}
	return lines
}
