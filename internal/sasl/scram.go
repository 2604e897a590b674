package sasl

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
)

// scramName is the only hash of SCRAM that is built.
const scramName = "SCRAM-SHA-256"

// ScramClient is the client half of SCRAM-SHA-256: the server learns that the
// client knows the password, and not the password; the client learns that the
// server knows it too, or a hash of it. (RFC 5802, RFC 7677)
type ScramClient struct {
	Username, Password string

	nonce func() string // nil: 130 bits of crypto/rand
}

// Name is SCRAM-SHA-256.
func (ScramClient) Name() string { return scramName }

// Start begins an exchange.
func (s ScramClient) Start() ClientExchange {
	nonce := s.nonce
	if nonce == nil {
		nonce = rand.Text
	}
	return &scramClient{who: s, nonce: nonce()}
}

// gs2Header says that the client has no channel binding, and acts for itself.
const gs2Header = "n,,"

// scramPhase is whose turn it is.
//
//	start -> serverFirst -> serverFinal -> proven
type scramPhase uint8

const (
	scramStart       scramPhase = iota // nothing has been said
	scramServerFirst                   // server-first-message is awaited
	scramServerFinal                   // server-final-message is awaited
	scramProven                        // the server has shown that it knows the password
)

// scramClient has the parts of AuthMessage as far as they are known, under the
// RFC's names. (RFC 5802 section 3)
type scramClient struct {
	who             ScramClient
	phase           scramPhase
	nonce           string
	password        string // prepared
	clientFirstBare string
	serverSignature []byte // what the server has to answer the proof with
}

// Step answers nothing, server-first-message and server-final-message, in this
// order. Some servers send the last one as a challenge, others as
// additional-data of the outcome: see Finish.
func (c *scramClient) Step(challenge []byte) (response []byte, err error) {
	switch c.phase {
	case scramStart:
		response, err = c.clientFirst()
	case scramServerFirst:
		response, err = c.clientFinal(string(challenge))
	case scramServerFinal:
		response, err = []byte{}, c.verify(string(challenge))
	case scramProven:
		err = fmt.Errorf("the server sent a challenge of %d bytes after server-final-message, which is the last one", len(challenge))
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", scramName, err)
	}
	c.phase++
	return response, nil
}

// Finish wants the server to have proven itself, now or before.
func (c *scramClient) Finish(additional []byte) (err error) {
	switch {
	case c.phase < scramServerFinal:
		err = errors.New("the server calls the login done without server-first-message: it has asked for no proof and has given none")
	case c.phase == scramServerFinal && len(additional) == 0:
		err = errors.New("the server calls the login done without server-final-message (v=): it has not proven that it knows the password")
	case len(additional) > 0: // behind a challenge that said it already, again
		err = c.verify(string(additional))
	}
	if err != nil {
		return fmt.Errorf("%s: %w", scramName, err)
	}
	c.phase = scramProven
	return nil
}

func (c *scramClient) clientFirst() ([]byte, error) {
	name, err := prepName(c.who.Username)
	if err != nil {
		return nil, err
	}
	if c.password, err = prepPassword(c.who.Password); err != nil {
		return nil, err
	}
	c.clientFirstBare = "n=" + escapeName.Replace(name) + ",r=" + c.nonce
	return []byte(gs2Header + c.clientFirstBare), nil
}

// clientFinal proves that the password is known, and computes how the server
// has to prove the same. (RFC 5802 section 3)
func (c *scramClient) clientFinal(serverFirst string) ([]byte, error) {
	m, err := parseServerFirst(serverFirst, c.nonce)
	if err != nil {
		return nil, err
	}
	salted, err := pbkdf2.Key(sha256.New, c.password, m.salt, m.iterations, sha256.Size)
	if err != nil {
		return nil, fmt.Errorf("hash the password: %w", err)
	}
	withoutProof := "c=" + base64.StdEncoding.EncodeToString([]byte(gs2Header)) + ",r=" + m.nonce
	authMessage := c.clientFirstBare + "," + serverFirst + "," + withoutProof

	clientKey := mac(salted, "Client Key")
	storedKey := sha256.Sum256(clientKey)
	proof := mac(storedKey[:], authMessage)
	subtle.XORBytes(proof, proof, clientKey)
	c.serverSignature = mac(mac(salted, "Server Key"), authMessage)
	return []byte(withoutProof + ",p=" + base64.StdEncoding.EncodeToString(proof)), nil
}

// verify wants the signature that only who knows the password, or a hash of
// it, can have made.
func (c *scramClient) verify(serverFinal string) error {
	signature, err := parseServerFinal(serverFinal)
	if err != nil {
		return err
	}
	if !hmac.Equal(signature, c.serverSignature) {
		return errors.New("server-final-message: the signature (v=) is wrong: the server does not know the password, or somebody has changed what was said")
	}
	return nil
}

func mac(key []byte, message string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(message))
	return h.Sum(nil)
}
