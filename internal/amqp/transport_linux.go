package amqp

import (
	"net"
	"syscall"
	"unsafe"
)

// Options of TCP that package syscall does not name.
const (
	tcpNotsentLowat = 25
	tcpCongestion   = 13
)

const (
	// unsentMax is how much unsent data a socket takes.
	unsentMax = 128 << 10
	// unpaced is a congestion control that every system has, and that sends as fast as it may.
	unpaced = "reno"
)

// tuneSocket keeps the kernel from hiding megabytes of unsent data behind our
// own marks: beyond this much the socket counts as full. What is not a TCP
// socket refuses the options, which does no harm.
func tuneSocket(raw syscall.RawConn, remote net.Addr) {
	_ = raw.Control(func(fd uintptr) { tune(fd, remote) })
}

func tune(fd uintptr, remote net.Addr) {
	unsent := int32(unsentMax)
	sysSetTCP(fd, tcpNotsentLowat, unsafe.Pointer(&unsent), unsafe.Sizeof(unsent))
	if withinHost(remote) {
		// Nothing is congested there, and a system whose default is to pace what it sends
		// would set a timer for each piece of a large message.
		sysSetTCP(fd, tcpCongestion, unsafe.Pointer(unsafe.StringData(unpaced)), uintptr(len(unpaced)))
	}
}

// withinHost says whether what is there can only be on this machine.
func withinHost(a net.Addr) bool {
	tcp, ok := a.(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}
