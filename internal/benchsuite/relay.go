package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// The byte relay is a program that reads and writes the same bytes as a router,
// and does nothing else: what any router costs at least that reads and writes in
// the same portions. A sender and a receiver both go through it, so that it
// passes every message twice: half of its CPU is that of one pass.
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

// startRelay starts nginx before a server, and returns when it accepts.
func (s *suite) startRelay(ctx context.Context, to *server) (*server, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	load := ""
	if _, err := os.Stat(relayModule); err == nil {
		load = "load_module " + relayModule + ";\n"
	}
	file := filepath.Join(s.dir, "relay.conf")
	// One process, which is the one we start: its CPU is all there is.
	text := load + fmt.Sprintf(`daemon off; master_process off; pid %s;
events { worker_connections 4096; }
stream { server { listen 127.0.0.1:%d; proxy_pass %s; proxy_buffer_size 64k; tcp_nodelay on; } }
`, filepath.Join(s.dir, "relay.pid"), port, to.address)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return nil, err
	}
	return s.serve(ctx, "the relay", port, s.relay, "-p", s.dir, "-e", "stderr", "-c", file)
}
