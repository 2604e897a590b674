package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/meshway/meshway/internal/freeport"
)

// benchAddress is what messages are sent to; the routers' configuration treats
// everything below it as balanced.
const benchAddress = "bench"

// bed is what a load is put on: a router or a mesh of them, with or without a
// byte relay before it.
type bed struct {
	send, receive string     // addresses that senders and receivers connect to
	servers       []*process // all that is up
	watch         []*process // what is measured
	victim        *process   // the router that a fault strikes; nil is none
	struck        time.Time  // when that was
}

// stopBed ends all that is up; the victim of a fault is beyond being asked.
func (s *suite) stopBed(b *bed) {
	for _, p := range slices.Backward(b.servers) {
		if p == b.victim {
			_ = p.end()
		}
		s.stop(p)
	}
}

// set starts the routers of a case, and returns when they carry messages.
func (s *suite) set(ctx context.Context, c *testCase) (*bed, error) {
	if c.shape != nil {
		return s.startMesh(ctx, c)
	}
	port, err := freeport.Take()
	if err != nil {
		return nil, err
	}
	file, err := s.configure("bench", fmt.Sprintf("router: {id: bench}\nlisteners:\n  - {host: 127.0.0.1, port: %d}\n", port))
	if err != nil {
		return nil, err
	}
	r, err := s.serve(ctx, "the router", port, s.binary, "run", "-c", file)
	if err != nil {
		return nil, err
	}
	all := []*process{r}
	return &bed{send: loopback(port), receive: loopback(port), servers: all, watch: all}, nil
}

// configure writes a router's configuration: what is given, and what all have.
func (s *suite) configure(id, text string) (file string, err error) {
	file = filepath.Join(s.dir, id+".yaml")
	text += fmt.Sprintf("addresses:\n  - {prefix: %s, distribution: balanced}\n", benchAddress)
	return file, os.WriteFile(file, []byte(text), 0o600)
}

// serve starts a program that listens on a port, and returns when it accepts.
func (s *suite) serve(ctx context.Context, name string, port int, path string, args ...string) (*process, error) {
	p, err := start(name, path, args...)
	if err != nil {
		return nil, err
	}
	if err := p.accepts(ctx, loopback(port)); err != nil {
		p.stop()
		return nil, err
	}
	return p, nil
}
