//go:build !linux

package amqp

// socket is never made here.
type socket struct{ fd int }

func (*socket) shut(int)     {}
func (*socket) unread() bool { return false }

// watched says no: there is no poller for this system.
func (c *Conn) watched() bool { return false }

func (c *Conn) awaitRoom(*rest) {}

func (t *transport) expire()  {}
func (t *transport) hasRoom() {}
func (t *transport) abandon() {}
func (t *transport) forget()  {}
