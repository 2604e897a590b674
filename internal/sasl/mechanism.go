package sasl

import (
	"context"
	"errors"
)

// ErrAuth is wrapped by errors that are the peer's fault: wrong credentials,
// or a response that the mechanism does not allow. What wraps it may name the
// user, never the password, and is for the log: the peer learns only that it
// failed. [5.3.3.6]
var ErrAuth = errors.New("authentication failed")

// AnonymousIdentity is who a peer is that authenticated as nobody.
const AnonymousIdentity = "anonymous"

// Mechanism is one way for a server to learn who a peer is. It may be used by
// any number of connections at once.
type Mechanism interface {
	// Name is the mechanism's registered name, as in sasl-mechanisms.
	Name() string
	// Start begins the exchange with one peer.
	Start() Exchange
}

// Exchange is the server's side of one authentication. It is used by one
// goroutine, and not again after it was done or failed.
type Exchange interface {
	// Step takes what the client sent: initial-response of sasl-init, then the
	// response of each sasl-response; nil if the field was absent. It returns
	// a challenge to send, or done and the peer's identity, or an error that
	// wraps ErrAuth if the fault is the peer's. It may take as long as a
	// password hash does; the end of ctx stops the wait for a turn at it.
	Step(ctx context.Context, response []byte) (challenge []byte, done bool, identity string, err error)
}

// ClientMechanism is one way for a client to say who it is.
type ClientMechanism interface {
	// Name is the mechanism's registered name.
	Name() string
	// Start begins the exchange with one server.
	Start() ClientExchange
}

// ClientExchange is the client's side of one authentication. It is used by one
// goroutine, and not again after it was finished or failed.
type ClientExchange interface {
	// Step takes the server's challenge and returns the response to it. The
	// first call takes nil and returns the initial-response of sasl-init; a
	// nil response leaves that field absent.
	Step(challenge []byte) (response []byte, err error)
	// Finish is called when the server says that the login has succeeded, with
	// the additional-data of its outcome; nil if the field was absent. An error
	// says that the server has not proven what the mechanism wants of it: the
	// client must not go on. [5.3.3.6]
	Finish(additional []byte) error
}
