package amqp

import (
	"errors"
	"fmt"

	"github.com/meshway/meshway/internal/wire"
)

// recvBytes handles every whole frame that has been read. done means that the
// connection is over, in good order when err is nil.
func (c *Conn) recvBytes(w *work) (done bool, err error) {
	in := c.t.rbuf
	c.tapIn(in)
	at, need := 0, 0
	for !done && err == nil {
		rest := in[at:]
		if c.phase == phaseHeader || c.phase == phaseAMQPHeader {
			id, ok, herr := wire.ParseProto(rest)
			if herr != nil {
				// [2.2] "If the requested protocol version is not supported, the server
				// MUST send a protocol header with a supported protocol version and then
				// close the socket." A client has sent its own, and another would be a
				// frame to the server.
				if !c.client {
					c.answerHeader(c.supportedHeader())
				}
				c.lingers = true
				return true, &HandshakeError{Reason: herr.Error()}
			}
			if !ok {
				break
			}
			at += len(wire.ProtoAMQP)
			err = c.recvHeader(id)
			continue
		}
		// Before open as well: [2.4.1] promises a peer 512 bytes then, but what many say
		// in it is longer.
		f, n, perr := wire.ParseFrame(rest, c.cfg.MaxFrameSize)
		if perr != nil {
			return c.recvGarbage(perr)
		}
		if n == 0 {
			if size, ok := wire.FrameSize(rest); ok {
				need = int(size)
			}
			break
		}
		at += n
		done, err = c.recvFrame(w, f)
	}
	if !done && err == nil {
		c.t.consumed(at, need)
	}
	return done, err
}

// recvGarbage answers bytes that are no frame. Nothing behind them can be
// trusted, so the connection ends with the answer. [2.3]
func (c *Conn) recvGarbage(err error) (bool, error) {
	if c.phase == phaseSASL {
		return true, &HandshakeError{Reason: err.Error()}
	}
	c.closeWith(newError(wire.CondFramingError, "%v", err))
	c.lingers = true
	c.mu.Lock()
	defer c.mu.Unlock()
	return true, c.closeErr // this, or what came before it
}

// closeWith sends close with the violation, and tells the handler.
func (c *Conn) closeWith(e *wire.Error) {
	c.mu.Lock()
	first := !c.shut.Load()
	c.appendClose(e)
	if c.closeErr == nil {
		c.closeErr = e
	}
	c.mu.Unlock()
	if first {
		c.h.OnFault(c, "connection", e)
	}
}

// linger lets our last words arrive: closing a socket with unread bytes in it
// resets the connection, which can throw away what the peer has not read yet.
func (c *Conn) linger() {
	if cw, ok := c.t.nc.(interface{ CloseWrite() error }); ok {
		_ = cw.CloseWrite()
	}
	c.readFor(closeWriteTimeout)
	for range lingerReads {
		c.t.consumed(len(c.t.rbuf), 0)
		if c.t.read() != nil {
			break
		}
	}
}

// lingerReads bounds what is read and thrown away after garbage.
const lingerReads = 64

// recvFrame handles one frame.
func (c *Conn) recvFrame(w *work, f wire.Frame) (done bool, err error) {
	if c.phase == phaseSASL {
		if f.Type != wire.FrameSASL {
			return true, &HandshakeError{Reason: "an AMQP frame where SASL was expected"}
		}
		return false, c.recvSASL(f.Body)
	}
	if f.Type != wire.FrameAMQP {
		return c.recvGarbage(errors.New("a SASL frame on an open connection"))
	}
	if len(f.Body) == 0 {
		return false, nil // [2.4.5] a heartbeat
	}
	code, fields, payload, err := wire.ParsePerformative(f.Body)
	if c.shut.Load() && (err != nil || code != wire.CodeClose) {
		return false, nil // we sent close: only the peer's still matters
	}
	if err != nil {
		return c.recvFault(w, decodeFault(f.Channel, err))
	}
	if len(payload) > 0 && code != wire.CodeTransfer && !c.shut.Load() {
		return c.recvFault(w, connFault(wire.CondDecodeError, "channel %d: %d bytes behind %v, which has no payload", f.Channel, len(payload), code))
	}
	if code == wire.CodeClose {
		return true, c.recvClose(fields)
	}
	if (code == wire.CodeOpen) != (c.phase == phaseOpen) {
		return c.recvFault(w, connFault(wire.CondNotAllowed, "%v was not expected: the connection waits for %s", code, c.phase))
	}
	if err := c.dispatch(w, f.Channel, code, fields, payload); err != nil {
		return c.recvFault(w, err)
	}
	return false, nil
}

// dispatch calls the method for the frame. Decode errors cost the connection:
// a peer that cannot encode a performative cannot be understood. [2.8.15]
func (c *Conn) dispatch(w *work, ch uint16, code wire.Code, fields wire.List, payload []byte) error {
	switch code {
	case wire.CodeTransfer:
		if err := w.transfer.Decode(fields); err != nil {
			return decodeFault(ch, err)
		}
		return c.recvTransfer(w, ch, &w.transfer, payload)
	case wire.CodeDisposition:
		if err := w.disposition.Decode(fields); err != nil {
			return decodeFault(ch, err)
		}
		return c.recvDisposition(w, ch, &w.disposition)
	case wire.CodeFlow:
		if err := w.flow.Decode(fields); err != nil {
			return decodeFault(ch, err)
		}
		return c.recvFlow(w, ch, &w.flow)
	case wire.CodeAttach:
		defer w.forgetAttach()
		err := w.attach.DecodeInto(fields, &w.termini)
		odd, other := errors.AsType[*wire.TerminusError](err)
		if err != nil && !other {
			return decodeFault(ch, err)
		}
		return c.recvAttach(w, ch, &w.attach, odd)
	case wire.CodeDetach:
		var p wire.Detach
		if err := p.Decode(fields); err != nil {
			return decodeFault(ch, err)
		}
		return c.recvDetach(w, ch, &p)
	case wire.CodeBegin:
		var p wire.Begin
		if err := p.Decode(fields); err != nil {
			return decodeFault(ch, err)
		}
		return c.recvBegin(w, ch, &p)
	case wire.CodeEnd:
		var p wire.End
		if err := p.Decode(fields); err != nil {
			return decodeFault(ch, err)
		}
		return c.recvEnd(w, ch, &p)
	case wire.CodeOpen:
		var p wire.Open
		if err := p.Decode(fields); err != nil {
			return decodeFault(ch, err)
		}
		if ch != 0 { // [2.4.1] "The open frame can only be sent on channel 0."
			return connFault(wire.CondNotAllowed, "open on channel %d, it belongs on 0", ch)
		}
		return c.recvOpen(&w.batch, &p)
	}
	return connFault(wire.CondNotImplemented, "channel %d: %v is not a performative of AMQP", ch, code)
}

func decodeFault(ch uint16, err error) *fault {
	cond := wire.CondDecodeError
	var d *wire.DecodeError
	if errors.As(err, &d) {
		cond = d.Condition()
	}
	return connFault(cond, "channel %d: %v", ch, err)
}

// recvClose ends the connection as the peer wants it. [2.7.9]
func (c *Conn) recvClose(fields wire.List) error {
	var p wire.Close
	if err := p.Decode(fields); err != nil {
		p.Error = nil // it wants to go, whatever it meant to say
	}
	c.mu.Lock()
	known := c.closeErr
	c.parted = p.Error == nil && known == nil && !c.shut.Load()
	c.appendClose(nil)
	c.mu.Unlock()
	switch {
	case known != nil:
		return known
	case p.Error != nil:
		return &PeerError{What: "connection", Err: p.Error}
	}
	return nil
}

// recvFault answers a violation where it belongs. Any other error is returned
// and ends the connection.
func (c *Conn) recvFault(w *work, err error) (done bool, _ error) {
	var f *fault
	if !errors.As(err, &f) {
		return true, err
	}
	switch {
	case f.link != nil:
		c.h.OnFault(c, fmt.Sprintf("link %q", f.link.name), f.err)
		f.link.detach(&w.batch, f.err, true)
		f.link.finish(w, f.err) // whether the peer ever answers or not
	case f.session != nil:
		c.h.OnFault(c, fmt.Sprintf("session %d", f.session.remote), f.err)
		f.session.endWith(w, f.err)
	default:
		c.closeWith(f.err)
		// The peer's close, or the end of its socket, is awaited for so long.
		c.readFor(closeWriteTimeout)
	}
	return false, nil
}
