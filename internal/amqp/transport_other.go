//go:build !unix

package amqp

import "errors"

// rawIO is off where sockets are not file descriptors.
const rawIO = false

var errNoRawIO = errors.New("raw socket access is not available on this system")

func rawRead(uintptr, []byte) (n int, err error, again bool) { return 0, errNoRawIO, false }

func rawWrite(uintptr, []byte) (int, error) { return 0, errNoRawIO }

func rawUnread(uintptr) bool { return false }
