//go:build !linux

package amqp

import "net"

// Accepting returns ln: there is no poller for this system.
func Accepting(ln net.Listener) net.Listener { return ln }
