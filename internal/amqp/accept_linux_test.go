package amqp

import (
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/meshway/meshway/internal/wire"
)

// listening listens at a loopback address, by a socket that the runtime does not know.
func listening(t *testing.T, address string) net.Listener {
	t.Helper()
	tcp, err := net.Listen("tcp", address)
	if err != nil {
		t.Skipf("missing: %v", err) // a machine without IPv6
	}
	ln := Accepting(tcp)
	if _, ours := ln.(*acceptor); !ours {
		t.Fatalf("%T accepts", ln)
	}
	t.Cleanup(func() { _ = ln.Close() })
	return ln
}

func dialledTo(t *testing.T, ln net.Listener) (client net.Conn, server *accepted) {
	t.Helper()
	client, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	nc, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = nc.Close() })
	return client, nc.(*accepted)
}

func TestAnAcceptedConnectionKnowsItsEnds(t *testing.T) {
	for _, address := range []string{"127.0.0.1:0", "[::1]:0", ":0"} {
		ln := listening(t, address)
		client, server := dialledTo(t, ln)
		if have, want := server.RemoteAddr().String(), client.LocalAddr().String(); have != want {
			t.Errorf("%s: the peer is at %s, and is told to be at %s", address, want, have)
		}
		if have, want := server.LocalAddr(), ln.Addr(); have != want {
			t.Errorf("%s: accepted at %s, and said to be at %s", address, want, have)
		}
	}
}

// It delays nothing, hides little in the kernel, and has a keep-alive where one is asked for.
func TestAnAcceptedConnectionIsTuned(t *testing.T) {
	_, server := dialledTo(t, listening(t, "127.0.0.1:0"))
	if err := server.SetKeepAliveConfig(net.KeepAliveConfig{Idle: 15 * time.Second, Interval: 14 * time.Second, Count: 3}); err != nil {
		t.Error(err)
	}
	for _, o := range []struct {
		name                string
		level, option, want int
	}{
		{"TCP_NODELAY", syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1},
		{"TCP_NOTSENT_LOWAT", syscall.IPPROTO_TCP, tcpNotsentLowat, unsentMax},
		{"SO_KEEPALIVE", syscall.SOL_SOCKET, syscall.SO_KEEPALIVE, 1},
		{"TCP_KEEPIDLE", syscall.IPPROTO_TCP, syscall.TCP_KEEPIDLE, 15},
		{"TCP_KEEPINTVL", syscall.IPPROTO_TCP, syscall.TCP_KEEPINTVL, 14},
		{"TCP_KEEPCNT", syscall.IPPROTO_TCP, syscall.TCP_KEEPCNT, 3},
	} {
		if have, err := syscall.GetsockoptInt(server.fd, o.level, o.option); have != o.want || err != nil {
			t.Errorf("%s is %d (%v), not %d", o.name, have, err, o.want)
		}
	}
	if have := congestionControl(t, server.fd); have != unpaced {
		t.Errorf("what stays within the host is paced by %q", have)
	}
}

func TestADialledConnectionIsTuned(t *testing.T) {
	client, _ := dialledTo(t, listening(t, "127.0.0.1:0"))
	var c transport
	c.init(client)
	_ = c.raw.Control(func(fd uintptr) {
		if have, err := syscall.GetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpNotsentLowat); have != unsentMax || err != nil {
			t.Errorf("TCP_NOTSENT_LOWAT is %d (%v), not %d", have, err, unsentMax)
		}
		if have := congestionControl(t, int(fd)); have != unpaced {
			t.Errorf("what stays within the host is paced by %q", have)
		}
	})
}

// The system's way of sending is left to all that go over a network.
func TestOnlyConnectionsWithinTheHostGoUnpaced(t *testing.T) {
	for address, want := range map[string]bool{
		"127.0.0.1": true, "127.8.8.8": true, "::1": true, "::ffff:127.0.0.1": true,
		"10.0.0.1": false, "192.0.2.1": false, "fe80::1": false, "::": false,
	} {
		if withinHost(&net.TCPAddr{IP: net.ParseIP(address)}) != want {
			t.Errorf("%s: within the host should be %t", address, want)
		}
	}
	if withinHost(&net.UnixAddr{Name: "/run/x"}) {
		t.Error("a Unix socket takes no option of TCP")
	}
}

func congestionControl(t *testing.T, fd int) string {
	t.Helper()
	var name [16]byte
	size := uint32(len(name))
	if _, _, errno := syscall.Syscall6(syscall.SYS_GETSOCKOPT, uintptr(fd), syscall.IPPROTO_TCP, tcpCongestion, uintptr(unsafe.Pointer(&name)), uintptr(unsafe.Pointer(&size)), 0); errno != 0 {
		t.Fatal(errno)
	}
	return strings.TrimRight(string(name[:size]), "\x00")
}

func TestAnAcceptedConnectionIsServed(t *testing.T) {
	client, server := dialledTo(t, listening(t, "127.0.0.1:0"))
	done := make(chan error, 1)
	c := NewServer(server, &Config{ContainerID: "engine", MaxFrameSize: 4096}, newRecorder())
	c.Start(func(err error) { done <- err })
	_ = server.Close() // it is the connection's now
	if _, err := client.Write(wire.ProtoAMQP[:]); err != nil {
		t.Fatal(err)
	}
	var got [8]byte
	if _, err := io.ReadFull(client, got[:]); err != nil || got != wire.ProtoAMQP {
		t.Errorf("answered by %q, %v", got, err)
	}
	_ = client.Close()
	if err := <-done; !errors.Is(err, ErrPeerGone) {
		t.Errorf("ended with %v", err)
	}
}

// Who is not let in is hung up on, and a connection that was made of it ends.
func TestAnAcceptedConnectionThatNobodyTakesIsClosed(t *testing.T) {
	client, server := dialledTo(t, listening(t, "127.0.0.1:0"))
	_ = server.Close()
	if n, err := client.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("read %d bytes, %v", n, err)
	}
	if err := NewServer(server, &Config{ContainerID: "engine", MaxFrameSize: 4096}, newRecorder()).Run(); err == nil {
		t.Error("what was closed was served")
	}
}

func TestAcceptEndsWithItsListener(t *testing.T) {
	ln := listening(t, "127.0.0.1:0")
	failed := make(chan error, 1)
	go func() {
		_, err := ln.Accept()
		failed <- err
	}()
	if err := ln.Close(); err != nil {
		t.Error(err)
	}
	if err := <-failed; !errors.Is(err, net.ErrClosed) {
		t.Errorf("accept ended with %v", err)
	}
	if c, err := net.Dial("tcp", ln.Addr().String()); err == nil {
		_ = c.Close()
		t.Error("the port is still open")
	}
}
