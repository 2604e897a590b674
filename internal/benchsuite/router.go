package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
)

// benchAddress is what messages are sent to; the router's configuration treats
// everything below it as balanced.
const benchAddress = "bench"

// server is a process to connect to.
type server struct {
	*process
	address string
}

// startRouter starts a router on a free port, and returns when it accepts.
func (s *suite) startRouter(ctx context.Context) (*server, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	file := filepath.Join(s.dir, "router.yaml")
	text := fmt.Sprintf(`router: {id: bench}
listeners:
  - {host: 127.0.0.1, port: %d}
addresses:
  - {prefix: %s, distribution: balanced}
`, port, benchAddress)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return nil, err
	}
	return s.serve(ctx, "the router", port, s.binary, "run", "-c", file)
}

func (s *suite) serve(ctx context.Context, name string, port int, path string, args ...string) (*server, error) {
	p, err := start(name, path, args...)
	if err != nil {
		return nil, err
	}
	v := &server{p, loopback(port)}
	if err := p.accepts(ctx, v.address); err != nil {
		p.stop()
		return nil, err
	}
	return v, nil
}
