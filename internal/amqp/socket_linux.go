package amqp

import (
	"net"
	"os"
	"sync"
	"syscall"
)

// socket is a TCP or Unix socket that a poller watches. Its descriptor is not known to the
// runtime's own poller, so a connection that waits costs neither a goroutine nor what the runtime
// keeps of each descriptor, and a message costs no change of goroutines.
type socket struct {
	fd   int
	conn *Conn // whose it is; set before it is watched
	seen int64 // the window of its poller's load in which it had something last; its poller's

	mu     sync.Mutex
	poller *poller
	events uint32 // that are watched for; 0 is not at all
	closed bool
}

const (
	pollIn  = syscall.EPOLLIN | syscall.EPOLLRDHUP
	pollOut = syscall.EPOLLOUT
)

// newSocket takes a socket out of nc, which is closed. If it cannot, nc is as it was.
func newSocket(nc net.Conn, raw syscall.RawConn) (*socket, error) {
	p, err := somePoller()
	if err != nil {
		return nil, err
	}
	if a, ok := nc.(*accepted); ok {
		fd, ok := a.take()
		if !ok {
			return nil, net.ErrClosed
		}
		return &socket{fd: fd, poller: p}, nil
	}
	fd := -1
	var errno syscall.Errno
	if err := raw.Control(func(old uintptr) {
		fd, errno = sysDup(old)
	}); err != nil {
		return nil, err
	}
	if errno != 0 {
		return nil, os.NewSyscallError("fcntl", errno)
	}
	_ = nc.Close() // the socket lives on
	return &socket{fd: fd, poller: p}, nil
}

// watch has the poller look for events besides those that it looks for already.
func (s *socket) watch(events uint32) error { return s.change(events, 0) }

// ignore has the poller look for these events no longer.
func (s *socket) ignore(events uint32) { _ = s.change(0, events) }

// change is done by whoever reads, or writes: not by two for the same events.
func (s *socket) change(more, less uint32) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return net.ErrClosed
	}
	return s.set(s.events&^less | more)
}

// set tells the system for what to watch. The caller holds mu.
func (s *socket) set(events uint32) error {
	op := syscall.EPOLL_CTL_MOD
	switch {
	case events == s.events:
		return nil
	case events == 0:
		op = syscall.EPOLL_CTL_DEL // an end of the stream is told even to who asks for nothing
	case s.events == 0:
		op = syscall.EPOLL_CTL_ADD
		s.poller.enter(s)
	}
	e := syscall.EpollEvent{Events: events, Fd: int32(s.fd)}
	if err := syscall.EpollCtl(s.poller.fd, op, s.fd, &e); err != nil {
		return os.NewSyscallError("epoll_ctl", err)
	}
	s.events = events
	return nil
}

// move gives the socket to another poller. Only its own may do that, between its turns.
func (s *socket) move(to *poller) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	events := s.events
	if s.closed || events == 0 {
		return nil
	}
	_ = s.set(0)
	s.poller.leave(s)
	s.poller = to
	return s.set(events)
}

// wants says whether all of these events are watched for.
func (s *socket) wants(events uint32) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.events&events == events
}

// shut ends the stream in both directions, or only reading: whoever watches it hears of it.
func (s *socket) shut(how int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		sysShutdown(s.fd, how)
	}
}

// unread says whether there is something to read.
func (s *socket) unread() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.closed && rawUnread(uintptr(s.fd))
}

// close gives the descriptor back. Nobody may be reading or writing.
func (s *socket) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.closed = true
		s.poller.leave(s)
		sysClose(s.fd)
	}
}
