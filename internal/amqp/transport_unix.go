//go:build unix

package amqp

import "syscall"

// rawIO says that rawRead and rawWrite work on this system.
const rawIO = true

// rawRead reads once; again means that there is nothing to read.
func rawRead(fd uintptr, b []byte) (n int, err error, again bool) {
	for {
		n, errno := sysRead(fd, b)
		switch errno {
		case 0:
			return n, nil, false
		case syscall.EINTR:
		case syscall.EAGAIN:
			return 0, nil, true
		default:
			return 0, errno, false
		}
	}
}

// rawWrite writes until the socket is full.
func rawWrite(fd uintptr, b []byte) (int, error) {
	done := 0
	for done < len(b) {
		n, errno := sysWrite(fd, b[done:])
		switch errno {
		case 0:
			done += n
		case syscall.EINTR:
		case syscall.EAGAIN:
			return done, nil
		default:
			return done, errno
		}
	}
	return done, nil
}

// rawUnread says whether there is something to read.
func rawUnread(fd uintptr) bool {
	var b [1]byte
	n, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
	return n > 0 && err == nil
}
