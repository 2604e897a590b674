package sasl

import (
	"context"
	"fmt"
)

// Anonymous lets everybody in, as nobody. (RFC 4505)
type Anonymous struct{}

// Name is ANONYMOUS.
func (Anonymous) Name() string { return "ANONYMOUS" }

// Start begins an exchange.
func (Anonymous) Start() Exchange { return anonymousServer{} }

type anonymousServer struct{}

// Step is done at once. The trace that a client may send along proves nothing
// and is not looked at.
func (anonymousServer) Step(context.Context, []byte) ([]byte, bool, string, error) {
	return nil, true, AnonymousIdentity, nil
}

// AnonymousClient is the client half of ANONYMOUS.
type AnonymousClient struct{}

// Name is ANONYMOUS.
func (AnonymousClient) Name() string { return "ANONYMOUS" }

// Start begins an exchange.
func (AnonymousClient) Start() ClientExchange { return &anonymousClient{} }

type anonymousClient struct{ started bool }

func (c *anonymousClient) Step(challenge []byte) ([]byte, error) {
	if c.started {
		return nil, fmt.Errorf("ANONYMOUS: the server sent a challenge of %d bytes, and there is none in this mechanism", len(challenge))
	}
	c.started = true
	// Some servers wait for a response when the initial one is absent: an
	// empty trace is sent instead.
	return []byte{}, nil
}

// Finish has nothing to look at: the server proves nothing.
func (*anonymousClient) Finish([]byte) error { return nil }
