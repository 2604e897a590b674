package amqp

import (
	"syscall"
	"unsafe"
)

// tcpNotsentLowat is TCP_NOTSENT_LOWAT, which package syscall does not name.
const tcpNotsentLowat = 25

// tuneSocket keeps the kernel from hiding megabytes of unsent data behind our
// own marks: beyond this much the socket counts as full. What is not a TCP
// socket refuses the option, which does no harm.
func tuneSocket(raw syscall.RawConn) {
	_ = raw.Control(tune)
}

func tune(fd uintptr) {
	lowat := int32(128 << 10)
	_, _, _ = syscall.RawSyscall6(syscall.SYS_SETSOCKOPT, fd, syscall.IPPROTO_TCP, tcpNotsentLowat, uintptr(unsafe.Pointer(&lowat)), unsafe.Sizeof(lowat), 0)
}
