package amqp

import "syscall"

// tcpNotsentLowat is TCP_NOTSENT_LOWAT, which package syscall does not name.
const tcpNotsentLowat = 25

// tuneSocket keeps the kernel from hiding megabytes of unsent data behind our
// own marks: beyond this much the socket counts as full. What is not a TCP
// socket refuses the option, which does no harm.
func tuneSocket(raw syscall.RawConn) {
	_ = raw.Control(func(fd uintptr) {
		_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpNotsentLowat, 128<<10)
	})
}
