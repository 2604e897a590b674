package amqp

import (
	"syscall"
	"unsafe"
)

// The calls below leave out the runtime's preparations for a system call that
// may block: these sockets never do, and a write of 64 KiB over loopback takes
// just long enough for the runtime to hand the processor to another thread in
// the middle of it, which costs more than the write.

func sysRead(fd uintptr, b []byte) (int, syscall.Errno) {
	n, _, errno := syscall.RawSyscall(syscall.SYS_READ, fd, uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)))
	return int(n), errno
}

func sysWrite(fd uintptr, b []byte) (int, syscall.Errno) {
	n, _, errno := syscall.RawSyscall(syscall.SYS_WRITE, fd, uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)))
	return int(n), errno
}
