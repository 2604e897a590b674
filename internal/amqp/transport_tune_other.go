//go:build !linux

package amqp

import "syscall"

// tuneSocket does nothing: only Linux has the option that matters.
func tuneSocket(syscall.RawConn) {}
