package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/meshway/meshway/internal/freeport"
)

// The byte relay is a program that reads and writes the same bytes as a router,
// and does nothing else: what any router costs at least that reads and writes in
// the same portions. A sender and a receiver both go through it, so that it
// passes every message twice: half of its CPU is that of one pass. A chain of
// routers is compared with as many passes as it has routers.
const (
	relayPasses = 2
	relayHint   = "install nginx with its stream module (Debian: nginx-light libnginx-mod-stream)"
	relayModule = "/usr/lib/nginx/modules/ngx_stream_module.so"
)

// findRelay returns the path of nginx, or "".
func findRelay() string {
	for _, name := range []string{"nginx", "/usr/sbin/nginx"} { // sbin is not on everybody's PATH
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

// putRelayBefore starts nginx before all of a bed, and returns when it accepts.
// From then on it is what is measured.
func (s *suite) putRelayBefore(ctx context.Context, b *bed) error {
	in, err := freeport.Take()
	if err != nil {
		return err
	}
	out, servers := in, forward(in, b.send)
	if b.receive != b.send {
		if out, err = freeport.Take(); err != nil {
			return err
		}
		servers += forward(out, b.receive)
	}
	load := ""
	if _, err := os.Stat(relayModule); err == nil {
		load = "load_module " + relayModule + ";\n"
	}
	file := filepath.Join(s.dir, "relay.conf")
	// One process, which is the one we start: its CPU is all there is.
	text := load + fmt.Sprintf(`daemon off; master_process off; pid %s;
worker_rlimit_nofile 20000;
events { worker_connections 16000; }
stream {
	proxy_buffer_size 64k; tcp_nodelay on;
%s}
`, filepath.Join(s.dir, "relay.pid"), servers)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return err
	}
	p, err := s.serve(ctx, "the relay", in, s.relay, "-p", s.dir, "-e", "stderr", "-c", file)
	if err != nil {
		return err
	}
	b.send, b.receive = loopback(in), loopback(out)
	b.servers, b.watch = append(b.servers, p), []*process{p}
	return nil
}

// forward is what the relay is told of a port.
func forward(port int, to string) string {
	return fmt.Sprintf("\tserver { listen %s; proxy_pass %s; }\n", loopback(port), to)
}
