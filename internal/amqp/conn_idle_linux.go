package amqp

import (
	"syscall"
	"unsafe"

	"github.com/meshway/meshway/internal/wire"
)

// renewsReaders says that a fresh reader can wait here without growing its stack.
const renewsReaders = true

// awaitTraffic waits until there is more to read than heartbeats, which it takes
// in with a few shallow calls: the usual way would grow the stack. What ends the
// wait, an error too, is found by the read that follows.
func (c *Conn) awaitTraffic() {
	c.fresh = false
	if c.t.rref != nil {
		return // in the middle of a frame
	}
	var ahead [wire.FrameHeaderSize + 1]byte
	_ = c.t.raw.Read(func(fd uintptr) bool {
		for {
			n, errno := sysPeek(fd, ahead[:])
			if errno == syscall.EAGAIN {
				return false
			}
			if errno != 0 || n != wire.FrameHeaderSize || [wire.FrameHeaderSize]byte(ahead[:]) != heartbeat {
				return true
			}
			if n, errno = sysRead(fd, ahead[:n]); errno != 0 || n != wire.FrameHeaderSize {
				return true
			}
			c.lastRead.Store(now())
		}
	})
}

// heartbeat is a frame without a performative, as nearly everybody sends it. [2.4.5]
var heartbeat = [wire.FrameHeaderSize]byte{3: wire.FrameHeaderSize, 4: 2}

// sysPeek reads without taking what it reads.
func sysPeek(fd uintptr, b []byte) (int, syscall.Errno) {
	n, _, errno := syscall.RawSyscall6(syscall.SYS_RECVFROM, fd, uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), syscall.MSG_PEEK, 0, 0)
	return int(n), errno
}
