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

// sysDup is another descriptor of the same file.
func sysDup(fd uintptr) (int, syscall.Errno) {
	n, _, errno := syscall.RawSyscall(syscall.SYS_FCNTL, fd, syscall.F_DUPFD_CLOEXEC, 0)
	return int(n), errno
}

// sysClose gives a descriptor back.
func sysClose(fd int) { _, _, _ = syscall.RawSyscall(syscall.SYS_CLOSE, uintptr(fd), 0, 0) }

// sysShutdown ends a stream in one or both directions.
func sysShutdown(fd, how int) {
	_, _, _ = syscall.RawSyscall(syscall.SYS_SHUTDOWN, uintptr(fd), uintptr(how), 0)
}

// sysSetTCP sets an option of TCP.
func sysSetTCP(fd uintptr, option int, value unsafe.Pointer, size uintptr) {
	_, _, _ = syscall.RawSyscall6(syscall.SYS_SETSOCKOPT, fd, syscall.IPPROTO_TCP, uintptr(option), uintptr(value), size, 0)
}

// ioVector writes several pieces in one call.
type ioVector struct{ iov []syscall.Iovec }

// maxVector is how many pieces one call takes.
const maxVector = 1024

// write writes the pieces until the socket is full, and returns how many bytes
// that was.
func (v *ioVector) write(fd uintptr, list [][]byte) (int, error) {
	done := 0
	for len(list) > 0 {
		part := list[:min(len(list), maxVector)]
		v.iov = v.iov[:0]
		size := 0
		for _, p := range part {
			e := syscall.Iovec{Base: unsafe.SliceData(p)}
			e.SetLen(len(p))
			v.iov = append(v.iov, e)
			size += len(p)
		}
		n, _, errno := syscall.RawSyscall(syscall.SYS_WRITEV, fd, uintptr(unsafe.Pointer(unsafe.SliceData(v.iov))), uintptr(len(v.iov)))
		clear(v.iov)
		switch errno {
		case 0:
			done += int(n)
			if int(n) < size {
				return done, nil // the socket is full; what is left waits for the writer
			}
			list = list[len(part):]
		case syscall.EINTR:
		case syscall.EAGAIN:
			return done, nil
		default:
			return done, errno
		}
	}
	return done, nil
}
