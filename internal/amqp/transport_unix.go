//go:build unix

package amqp

import "syscall"

// rawIO says that rawRead and rawWrite work on this system.
const rawIO = true

func rawRead(fd uintptr, b []byte) (n int, err error, again bool) {
	for {
		n, err = syscall.Read(int(fd), b)
		switch err {
		case syscall.EINTR:
			continue
		case syscall.EAGAIN:
			return 0, nil, true
		case nil:
			return n, nil, false
		}
		return 0, err, false
	}
}

// rawWrite writes until the socket is full.
func rawWrite(fd uintptr, b []byte) (int, error) {
	done := 0
	for done < len(b) {
		n, err := syscall.Write(int(fd), b[done:])
		switch err {
		case nil:
			done += n
		case syscall.EINTR:
		case syscall.EAGAIN:
			return done, nil
		default:
			return done, err
		}
	}
	return done, nil
}
