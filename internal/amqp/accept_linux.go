package amqp

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"
)

// Accepting makes a listener for TCP hand out connections that only this engine can serve, by a
// poller: the runtime's own never hears of them. A connection then costs two system calls until
// it is watched, where package net needs nine, some of which have the runtime look for other
// work. It takes ln over; what it cannot serve so it returns as it is.
func Accepting(ln net.Listener) net.Listener {
	tcp, ok := ln.(*net.TCPListener)
	if !ok {
		return ln
	}
	if _, err := somePoller(); err != nil {
		return ln
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return ln
	}
	fd := -1
	if err := raw.Control(func(old uintptr) { fd = tunedTwin(old) }); err != nil || fd < 0 {
		return ln
	}
	a := &acceptor{file: os.NewFile(uintptr(fd), "listener"), addr: ln.Addr()}
	if a.raw, err = a.file.SyscallConn(); err != nil {
		_ = a.file.Close()
		return ln
	}
	_ = ln.Close() // the socket lives on
	return a
}

// tunedTwin is another descriptor of a listening socket, which is given the option that its
// connections inherit; -1 if there is none to be had.
func tunedTwin(old uintptr) int {
	fd, errno := sysDup(old)
	if errno != 0 {
		return -1
	}
	_ = syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1)
	return fd
}

// acceptor is a listening socket.
type acceptor struct {
	file *os.File
	raw  syscall.RawConn // of file
	addr net.Addr
}

func (a *acceptor) Addr() net.Addr { return a.addr }

func (a *acceptor) Close() error {
	if a.file.Close() != nil {
		return a.failed("close", net.ErrClosed)
	}
	return nil
}

// Accept waits for the next connection.
func (a *acceptor) Accept() (net.Conn, error) {
	var c *accepted
	var errno syscall.Errno
	if err := a.raw.Read(func(fd uintptr) bool {
		c, errno = accept(fd)
		return errno != syscall.EAGAIN
	}); err != nil { // there is no deadline that could have passed
		return nil, a.failed("accept", net.ErrClosed)
	}
	if errno != 0 {
		return nil, a.failed("accept", os.NewSyscallError("accept4", errno))
	}
	c.local = a.addr
	return c, nil
}

func (a *acceptor) failed(op string, err error) error {
	return &net.OpError{Op: op, Net: a.addr.Network(), Addr: a.addr, Err: err}
}

// accept takes a connection that waits.
func accept(listener uintptr) (*accepted, syscall.Errno) {
	for {
		var from syscall.RawSockaddrAny
		size := uint32(unsafe.Sizeof(from))
		fd, _, errno := syscall.RawSyscall6(syscall.SYS_ACCEPT4, listener, uintptr(unsafe.Pointer(&from)), uintptr(unsafe.Pointer(&size)), syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC, 0, 0)
		switch errno {
		case 0:
			a := &accepted{fd: int(fd), remote: tcpAddr(&from)}
			tune(fd, a.remote)
			return a, 0
		case syscall.EINTR, syscall.ECONNABORTED: // it has gone before we came
		default:
			return nil, errno
		}
	}
}

// tcpAddr is the address that the system tells.
func tcpAddr(from *syscall.RawSockaddrAny) net.Addr {
	var ip netip.Addr
	var port [2]byte // as it goes over the network
	switch from.Addr.Family {
	case syscall.AF_INET:
		a := (*syscall.RawSockaddrInet4)(unsafe.Pointer(from))
		ip, port = netip.AddrFrom4(a.Addr), *(*[2]byte)(unsafe.Pointer(&a.Port))
	case syscall.AF_INET6:
		a := (*syscall.RawSockaddrInet6)(unsafe.Pointer(from))
		ip, port = netip.AddrFrom16(a.Addr).Unmap(), *(*[2]byte)(unsafe.Pointer(&a.Port))
		if a.Scope_id != 0 {
			ip = ip.WithZone(strconv.Itoa(int(a.Scope_id)))
		}
	}
	return net.TCPAddrFromAddrPort(netip.AddrPortFrom(ip, uint16(port[0])<<8|uint16(port[1])))
}

// accepted is a connection that no [Conn] has taken over yet. It is a [net.Conn] to be handed on,
// and to be closed.
type accepted struct {
	fd            int
	taken         atomic.Bool // closed, or with a Conn
	local, remote net.Addr
}

// take gives the descriptor to who asks first.
func (a *accepted) take() (fd int, ok bool) { return a.fd, a.taken.CompareAndSwap(false, true) }

// Close closes what nobody has taken.
func (a *accepted) Close() error {
	if fd, ok := a.take(); ok {
		sysClose(fd)
	}
	return nil
}

// SetKeepAliveConfig is that of [net.TCPConn].
func (a *accepted) SetKeepAliveConfig(c net.KeepAliveConfig) error {
	var err error
	for _, o := range [...]struct{ level, name, value int }{
		{syscall.IPPROTO_TCP, syscall.TCP_KEEPIDLE, int(c.Idle / time.Second)},
		{syscall.IPPROTO_TCP, syscall.TCP_KEEPINTVL, int(c.Interval / time.Second)},
		{syscall.IPPROTO_TCP, syscall.TCP_KEEPCNT, c.Count},
		{syscall.SOL_SOCKET, syscall.SO_KEEPALIVE, 1},
	} {
		err = errors.Join(err, os.NewSyscallError("setsockopt", syscall.SetsockoptInt(a.fd, o.level, o.name, o.value)))
	}
	return err
}

func (a *accepted) LocalAddr() net.Addr  { return a.local }
func (a *accepted) RemoteAddr() net.Addr { return a.remote }

// Reading and writing is for the Conn that takes it over.
func (a *accepted) Read([]byte) (int, error)         { return 0, a.useless() }
func (a *accepted) Write([]byte) (int, error)        { return 0, a.useless() }
func (a *accepted) SetDeadline(time.Time) error      { return a.useless() }
func (a *accepted) SetReadDeadline(time.Time) error  { return a.useless() }
func (a *accepted) SetWriteDeadline(time.Time) error { return a.useless() }

func (a *accepted) useless() error {
	if a.taken.Load() {
		return net.ErrClosed
	}
	return errors.ErrUnsupported
}
