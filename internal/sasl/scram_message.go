package sasl

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Bounds on what a server may ask for.
const (
	// Fewer iterations are too cheap for whoever wants to guess the password
	// from the proof. (RFC 7677 section 4)
	minIterations = 4096
	// More would be seconds of a processor for each login.
	maxIterations = 10_000_000

	maxScramSalt    = 256  // bytes
	maxScramNonce   = 256  // bytes, both halves: it goes back in a frame of 512 [5.3.1]
	maxScramMessage = 4096 // bytes
)

// escapeName makes a user's name a value. (RFC 5802 section 5.1, n=)
var escapeName = strings.NewReplacer("=", "=3D", ",", "=2C")

// serverFirst is what the server asks with.
type serverFirst struct {
	nonce      string // the client's, and the server's behind it
	salt       []byte
	iterations int
}

// parseServerFirst reads r=NONCE,s=SALT,i=ITERATIONS, where the nonce begins
// with the client's.
func parseServerFirst(message, clientNonce string) (m serverFirst, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("server-first-message: %w", err)
		}
	}()
	values, err := scramValues(message, "nonce (r=)", "salt (s=)", "iteration count (i=)")
	if err != nil {
		return m, err
	}
	m.nonce = values[0]
	if err = checkNonce(m.nonce, clientNonce); err != nil {
		return m, err
	}
	if m.salt, err = scramBytes(values[1]); err != nil {
		return m, fmt.Errorf("the salt (s=) %w", err)
	}
	if n := len(m.salt); n < minSalt || n > maxScramSalt {
		return m, fmt.Errorf("the salt (s=) has %d bytes, %d to %d are allowed", n, minSalt, maxScramSalt)
	}
	m.iterations, err = parseIterations(values[2])
	return m, err
}

func checkNonce(nonce, client string) error {
	switch {
	case !strings.HasPrefix(nonce, client):
		return errors.New("the nonce (r=) does not begin with the client's: it answers another login")
	case len(nonce) == len(client):
		return errors.New("the nonce (r=) is the client's alone, the server has added nothing")
	case len(nonce) > maxScramNonce:
		return fmt.Errorf("the nonce (r=) has %d bytes, at most %d are allowed", len(nonce), maxScramNonce)
	case strings.ContainsFunc(nonce, func(r rune) bool { return r <= ' ' || r > '~' }):
		return errors.New("the nonce (r=) has characters that are not printable ASCII")
	}
	return nil
}

func parseIterations(s string) (int, error) {
	n, err := strconv.ParseUint(s, 10, 64)
	switch {
	case errors.Is(err, strconv.ErrRange) || err == nil && n > maxIterations:
		return 0, fmt.Errorf("the iteration count (i=) %.40s is more than %d: that is too much work for a login; lower it on the server", s, maxIterations)
	case err != nil || s[0] == '0':
		return 0, fmt.Errorf("the iteration count (i=) %.40q is not a positive number", s)
	case n < minIterations:
		return 0, fmt.Errorf("the iteration count (i=) %d is less than %d: it would give the password away; raise it on the server", n, minIterations)
	}
	return int(n), nil
}

// parseServerFinal reads v=SIGNATURE, or e=ERROR, which it returns as an error.
func parseServerFinal(message string) (signature []byte, err error) {
	values, err := scramValues(message, "signature (v=)")
	if err == nil {
		if signature, err = scramBytes(values[0]); err != nil {
			err = fmt.Errorf("the signature (v=) %w", err)
		} else if len(signature) != sha256.Size {
			err = fmt.Errorf("the signature (v=) has %d bytes instead of %d", len(signature), sha256.Size)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("server-final-message: %w", err)
	}
	return signature, nil
}

// scramValues takes a message apart: the values of the fields that it has to
// begin with, which are called "WORDS (LETTER=)". Extensions behind them may be
// ignored, those before them may not. (RFC 5802 section 5.1)
func scramValues(message string, fields ...string) ([]string, error) {
	if len(message) > maxScramMessage {
		return nil, fmt.Errorf("it has %d bytes, at most %d are allowed", len(message), maxScramMessage)
	}
	if !utf8.ValidString(message) || strings.Contains(message, "\x00") {
		return nil, errors.New("it is not UTF-8 without NUL")
	}
	attributes := strings.Split(message, ",")
	switch first := attributes[0]; {
	case strings.HasPrefix(first, "e="):
		return nil, fmt.Errorf("the server refuses (e=): %.80q", first[2:])
	case strings.HasPrefix(first, "m="):
		return nil, errors.New("the server requires an extension (m=), and none is known")
	}
	var values []string
	for i, field := range fields {
		prefix := field[len(field)-3 : len(field)-1]
		if i >= len(attributes) || !strings.HasPrefix(attributes[i], prefix) {
			return nil, fmt.Errorf("there is no %s where it is due, as number %d", field, i+1)
		}
		if len(attributes[i]) == len(prefix) {
			return nil, fmt.Errorf("the %s is empty", field)
		}
		values = append(values, attributes[i][len(prefix):])
	}
	for _, extension := range attributes[len(fields):] {
		if !isExtension(extension) {
			return nil, fmt.Errorf("%.40q is behind all fields and is no extension: a letter, = and a value", extension)
		}
	}
	return values, nil
}

func isExtension(s string) bool {
	return len(s) > 2 && s[1] == '=' && ('a' <= s[0] && s[0] <= 'z' || 'A' <= s[0] && s[0] <= 'Z')
}

// scramBytes is strict base64: the usual decoder overlooks line breaks and
// stray bits, and there is one right way to write a value.
func scramBytes(value string) ([]byte, error) {
	b, err := base64.StdEncoding.DecodeString(value)
	if err != nil || base64.StdEncoding.EncodeToString(b) != value {
		return nil, errors.New("is not base64")
	}
	return b, nil
}
