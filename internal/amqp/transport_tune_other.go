//go:build !linux

package amqp

import (
	"net"
	"syscall"
)

// tuneSocket does nothing: only Linux has the options that matter.
func tuneSocket(syscall.RawConn, net.Addr) {}
