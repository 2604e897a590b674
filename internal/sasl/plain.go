package sasl

import (
	"bytes"
	"context"
	"fmt"
	"unicode/utf8"
)

// maxPlain bounds a PLAIN response: the three parts may have 255 bytes each in
// the users file's names, and passwords get generous room. RFC 4616
const maxPlain = 4096

// Passwords decides whether a name and a password belong together.
type Passwords interface {
	// Verify returns nil, an error that wraps ErrAuth, or ctx's error.
	Verify(ctx context.Context, name, password string) error
}

// Plain checks a name and a password that the client sends as they are. (RFC 4616)
type Plain struct{ Users Passwords }

// Name is PLAIN.
func (Plain) Name() string { return "PLAIN" }

// Start begins an exchange.
func (p Plain) Start() Exchange { return &plainServer{users: p.Users} }

type plainServer struct {
	users Passwords
	asked bool // an empty challenge was sent, because there was no initial response
}

// Step wants [authzid] NUL authcid NUL passwd, in the first response or in the
// one to an empty challenge.
func (s *plainServer) Step(ctx context.Context, response []byte) ([]byte, bool, string, error) {
	if response == nil && !s.asked {
		s.asked = true
		return []byte{}, false, "", nil
	}
	name, password, err := parsePlain(response)
	if err != nil {
		return nil, false, "", err
	}
	if err := s.users.Verify(ctx, name, password); err != nil {
		return nil, false, "", fmt.Errorf("PLAIN: user %q: %w", name, err)
	}
	return nil, true, name, nil
}

func parsePlain(response []byte) (name, password string, err error) {
	if len(response) > maxPlain {
		return "", "", fmt.Errorf("PLAIN: a response of %d bytes is longer than %d: %w", len(response), maxPlain, ErrAuth)
	}
	parts := bytes.Split(response, []byte{0})
	if len(parts) != 3 {
		return "", "", fmt.Errorf("PLAIN: the response is not three parts with a NUL between them: %w", ErrAuth)
	}
	authzid, authcid, passwd := parts[0], parts[1], parts[2]
	switch {
	case len(authcid) == 0 || len(passwd) == 0:
		return "", "", fmt.Errorf("PLAIN: the response has no name or no password: %w", ErrAuth)
	case !utf8.Valid(authcid) || !utf8.Valid(passwd):
		return "", "", fmt.Errorf("PLAIN: the response is not UTF-8: %w", ErrAuth)
	case len(authzid) != 0 && !bytes.Equal(authzid, authcid):
		// Nobody may act for somebody else: there is no way to configure it.
		return "", "", fmt.Errorf("PLAIN: user %q asks to act as %q: %w", authcid, authzid, ErrAuth)
	}
	return string(authcid), string(passwd), nil
}

// PlainClient is the client half of PLAIN.
type PlainClient struct{ Username, Password string }

// Name is PLAIN.
func (PlainClient) Name() string { return "PLAIN" }

// Start begins an exchange.
func (p PlainClient) Start() ClientExchange { return &plainClient{who: p} }

type plainClient struct {
	who  PlainClient
	sent bool
}

// Step sends everything in the initial response; only an empty challenge, by
// which a server that overlooked it asks for it, is answered again.
func (c *plainClient) Step(challenge []byte) ([]byte, error) {
	if c.sent && len(challenge) != 0 {
		return nil, fmt.Errorf("PLAIN: the server sent a challenge of %d bytes, and there is none in this mechanism", len(challenge))
	}
	c.sent = true
	return []byte("\x00" + c.who.Username + "\x00" + c.who.Password), nil
}

// Finish has nothing to look at: the server proves nothing.
func (*plainClient) Finish([]byte) error { return nil }
