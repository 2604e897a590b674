package amqp

import (
	"errors"
	"fmt"

	"github.com/meshway/meshway/internal/wire"
)

// ErrPeerGone is wrapped by errors that say that the peer closed its socket
// without closing the connection.
var ErrPeerGone = errors.New("the peer went away without a close")

// PeerError is a close, end or detach with an error that the peer sent.
type PeerError struct {
	What string // "connection", "session" or "link"
	Err  *wire.Error
}

func (e *PeerError) Error() string { return fmt.Sprintf("%s closed by the peer: %v", e.What, e.Err) }

// Unwrap gives the AMQP error.
func (e *PeerError) Unwrap() error { return e.Err }

// HandshakeError says why a connection ended before it was open.
type HandshakeError struct {
	Reason string
	Login  bool // of a client: the server did not let it in, or offers no login that it may use
	Silent bool // no open came in time
}

func (e *HandshakeError) Error() string { return "handshake: " + e.Reason }

// fault is a violation of the protocol by the peer. It costs the narrowest
// thing that the specification allows: the link, the session or the connection.
type fault struct {
	link    *link
	session *Session // of link, or alone
	err     *wire.Error
}

func (f *fault) Error() string { return f.err.Error() }

func connFault(cond wire.Symbol, format string, args ...any) *fault {
	return &fault{err: newError(cond, format, args...)}
}

func (s *Session) fault(cond wire.Symbol, format string, args ...any) *fault {
	return &fault{session: s, err: newError(cond, format, args...)}
}

func (l *link) fault(cond wire.Symbol, format string, args ...any) *fault {
	return &fault{link: l, session: l.session, err: newError(cond, format, args...)}
}

func newError(cond wire.Symbol, format string, args ...any) *wire.Error {
	return &wire.Error{Condition: cond, Description: fmt.Sprintf(format, args...)}
}

// asWireError finds the AMQP error in err, nil when there is none.
func asWireError(err error) *wire.Error {
	var e *wire.Error
	if errors.As(err, &e) {
		return e
	}
	return nil
}
