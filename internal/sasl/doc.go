// Package sasl holds the mechanisms by which a peer says who it is: the server
// and the client half of ANONYMOUS and PLAIN, the client half of SCRAM-SHA-256,
// and the users file behind PLAIN.
//
// It consumes the octets of SASL responses and challenges and produces an
// identity, or an error that wraps [ErrAuth]; frames and the order of the
// negotiation are the engine's business. Part 5.3 of the specification is
// where the two meet: a challenge becomes sasl-challenge, an identity
// sasl-outcome 0, ErrAuth sasl-outcome 1, and any other error 2. A client's
// exchange sees the additional-data of the outcome and has the last word.
//
// It owns the loaded users and the bound on how many passwords are hashed at
// once; it starts no goroutine.
package sasl
