package router_test

import (
	"context"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/meshway/meshway/router"
)

// accepting hands out every connection that it accepts.
type accepting struct {
	net.Listener
	accepted chan *os.File
}

func (l accepting) Accept() (net.Conn, error) {
	nc, err := l.Listener.Accept()
	if err == nil {
		f, _ := nc.(*net.TCPConn).File() // the same socket; the router makes its own descriptor, too
		l.accepted <- f
	}
	return nc, err
}

// With idleTimeoutSeconds: 0 nothing in AMQP tells a silent peer from a dead one:
// the system does. With any other the system calls for that are saved.
func TestADeadPeerIsFoundOutWithoutIdleTimeout(t *testing.T) {
	for name, idle := range map[string]time.Duration{"without": 0, "with": 16 * time.Second} {
		t.Run(name, func(t *testing.T) {
			accepted := make(chan *os.File, 1)
			cfg := standalone()
			cfg.Listeners[0].IdleTimeout = idle
			r, err := router.New(cfg, zap.NewNop())
			if err != nil {
				t.Fatal(err)
			}
			r.ListenBy(func(string, string) (net.Listener, error) {
				lc := net.ListenConfig{KeepAlive: -1}
				ln, err := lc.Listen(context.Background(), "tcp", "127.0.0.1:0")
				return accepting{ln, accepted}, err
			})
			if err := r.Start(); err != nil {
				t.Fatal(err)
			}
			client, err := net.Dial("tcp", r.Listening()[0].Addr.String())
			if err != nil {
				t.Fatal(err)
			}
			nc := <-accepted
			defer nc.Close()
			defer nc.Close()
			// The first answer comes after everything that is done to the socket.
			_, _ = client.Write([]byte("AMQP\x00\x01\x00\x00"))
			if _, err := client.Read(make([]byte, 8)); err != nil {
				t.Fatal(err)
			}
			raw, err := nc.SyscallConn()
			if err != nil {
				t.Fatal(err)
			}
			var on, after, every, probes int
			if err := raw.Control(func(fd uintptr) {
				on, _ = syscall.GetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_KEEPALIVE)
				after, _ = syscall.GetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_KEEPIDLE)
				every, _ = syscall.GetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_KEEPINTVL)
				probes, _ = syscall.GetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_KEEPCNT)
			}); err != nil {
				t.Fatal(err)
			}
			switch {
			case idle > 0 && on != 0:
				t.Error("the system looks after a peer that idle-time-out looks after")
			case idle == 0 && (on != 1 || after+every*probes > 60):
				t.Errorf("keep-alive is %d: after %d s, every %d s, %d times", on, after, every, probes)
			}
			_ = client.Close()
			if err := r.Shutdown(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}
