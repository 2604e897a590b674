package amqp

import (
	"time"

	"github.com/meshway/meshway/internal/buf"
	"github.com/meshway/meshway/internal/wire"
)

// startHandshake sends the client's first bytes. Without SASL our open goes
// along with the header: nothing in it depends on the peer. [2.4.1]
func (c *Conn) startHandshake() {
	c.mu.Lock()
	if c.cfg.Login != nil {
		c.appendHeader(wire.ProtoSASL)
	} else {
		c.appendHeader(wire.ProtoAMQP)
		c.appendOpen()
	}
	c.mu.Unlock()
	var b Batch
	c.flush(&b)
	b.Flush()
}

// recvHeader handles a protocol header. [2.2]
func (c *Conn) recvHeader(id wire.ProtoID) error {
	switch {
	case c.client:
		return c.recvServerHeader(id)
	case c.phase == phaseHeader && id == wire.ProtoIDSASL && len(c.cfg.Mechanisms) > 0:
		c.startSASL()
		return nil
	case id == wire.ProtoIDAMQP && (c.phase == phaseAMQPHeader || c.phase == phaseHeader && !c.cfg.RequireSASL):
		c.answerHeader(wire.ProtoAMQP)
		c.phase = phaseOpen
		return nil
	}
	c.answerHeader(c.supportedHeader())
	switch {
	case id == wire.ProtoIDAMQP:
		return &HandshakeError{Reason: "the peer skipped SASL, which this listener requires"}
	case id == wire.ProtoIDSASL:
		return &HandshakeError{Reason: "the peer asked for SASL, which is not offered here"}
	}
	return &HandshakeError{Reason: "the peer asked for TLS inside AMQP, which is not offered"}
}

func (c *Conn) recvServerHeader(id wire.ProtoID) error {
	switch {
	case c.phase == phaseHeader && id == wire.ProtoIDSASL && c.cfg.Login != nil:
		c.sasl = new(saslState)
		c.phase = phaseSASL
		return nil
	case id == wire.ProtoIDAMQP && (c.phase == phaseAMQPHeader || c.phase == phaseHeader && c.cfg.Login == nil):
		c.phase = phaseOpen
		return nil
	case id == wire.ProtoIDSASL:
		return &HandshakeError{Reason: "the server requires SASL, and no login is configured", Login: true}
	case id == wire.ProtoIDAMQP:
		return &HandshakeError{Reason: "the server does not offer SASL, and a login is configured", Login: true}
	}
	return &HandshakeError{Reason: "the server answered with a header of TLS"}
}

func (c *Conn) supportedHeader() [8]byte {
	if c.phase == phaseHeader && c.cfg.RequireSASL {
		return wire.ProtoSASL
	}
	return wire.ProtoAMQP
}

func (c *Conn) answerHeader(h [8]byte) {
	c.mu.Lock()
	c.appendHeader(h)
	c.mu.Unlock()
}

// appendHeader encodes a protocol header. The caller holds mu.
func (c *Conn) appendHeader(h [8]byte) {
	c.spoke = h == wire.ProtoAMQP
	c.out.bytes = append(buf.Reserve(c.out.bytes, 64), h[:]...)
}

// recvOpen handles the peer's open. [2.7.1]
func (c *Conn) recvOpen(b *Batch, o *wire.Open) error {
	p := Peer{
		ContainerID: o.ContainerID,
		Hostname:    o.Hostname,
		MaxFrame:    o.MaxFrameSize.Or(1<<32 - 1),
		ChannelMax:  o.ChannelMax.Or(1<<16 - 1),
		IdleTimeout: time.Duration(o.IdleTimeout.Or(0)) * time.Millisecond,
		Offered:     o.OfferedCapabilities,
		Desired:     o.DesiredCapabilities,
		Properties:  o.Properties,
	}
	if p.MaxFrame < wire.MinMaxFrameSize {
		return connFault(wire.CondInvalidField, "open: max-frame-size is %d, the least allowed is %d", p.MaxFrame, wire.MinMaxFrameSize)
	}
	if o.IdleTimeout.OK && o.IdleTimeout.V > 0 && o.IdleTimeout.V < minIdleTimeout {
		// [2.4.5] "If a peer can not, for any reason support a proposed idle
		// time-out, then it should close the connection using a close frame with an
		// error explaining why."
		return connFault(wire.CondNotAllowed, "open: idle-time-out is %d ms, the least supported is %d ms", o.IdleTimeout.V, minIdleTimeout)
	}
	c.mu.Lock()
	c.theirs = p
	c.peer = &c.theirs
	c.mu.Unlock()
	c.phase = phaseUp
	if e := c.h.OnOpen(c, b); e != nil {
		return &fault{err: e}
	}
	c.mu.Lock()
	if !c.openSent {
		c.appendOpen()
	}
	c.mu.Unlock()
	c.handshakeDone()
	if h, ok := c.h.(interface{ OnOpened(*Batch) }); ok {
		h.OnOpened(b)
	}
	return nil
}

// minIdleTimeout is the shortest idle-time-out of a peer, in milliseconds, that
// our timers can serve.
const minIdleTimeout = 10
