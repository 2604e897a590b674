//go:build !linux

package amqp

// renewsReaders is off where there is no cheap way to wait for more than
// heartbeats.
const renewsReaders = false

func (c *Conn) awaitTraffic() {}
