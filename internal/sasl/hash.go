package sasl

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"runtime"
	"strings"

	"golang.org/x/crypto/argon2"
)

// passwordHash is one argon2id hash with all that is needed to compute it
// again, so that the cost of new entries can be raised without touching old ones.
type passwordHash struct {
	memory  uint32 // KiB
	passes  uint32
	threads uint8
	salt    []byte
	sum     []byte
}

// The cost of a new entry: the least that OWASP advises for argon2id. More
// would make a storm of logins after a restart longer than people accept.
const (
	newMemory  = 19 * 1024 // KiB
	newPasses  = 2
	newThreads = 1
	saltBytes  = 16
	sumBytes   = 32
)

// Bounds on what a users file may ask for: below, the library panics or the
// hash is no protection; above, one login would stop the router.
const (
	maxMemory = 1 << 20 // KiB
	maxPasses = 64
	minSalt   = 8
	minSum    = 16
	maxBytes  = 64
)

// hashing bounds how many hashes are computed at once: each takes a processor
// for tens of milliseconds and its memory, and messages must go on meanwhile.
var hashing = make(chan struct{}, max(1, runtime.NumCPU()/2))

// newHash hashes a password with a fresh salt.
func newHash(password string) passwordHash {
	h := unknownHash()
	_, _ = rand.Read(h.salt) // never fails: the program ends instead
	h.sum = h.compute(password, sumBytes)
	return h
}

// unknownHash costs what a new entry costs and belongs to no password.
func unknownHash() passwordHash {
	return passwordHash{memory: newMemory, passes: newPasses, threads: newThreads, salt: make([]byte, saltBytes), sum: make([]byte, sumBytes)}
}

func (h passwordHash) compute(password string, size int) []byte {
	return argon2.IDKey([]byte(password), h.salt, h.passes, h.memory, h.threads, uint32(size))
}

// matches computes the hash of password as soon as there is a turn, and
// compares in constant time.
func (h passwordHash) matches(ctx context.Context, password string) (bool, error) {
	select {
	case hashing <- struct{}{}:
	case <-ctx.Done():
		return false, ctx.Err()
	}
	defer func() { <-hashing }()
	return subtle.ConstantTimeCompare(h.compute(password, len(h.sum)), h.sum) == 1, nil
}

// cost orders hashes by the work that they are.
func (h passwordHash) cost() uint64 { return uint64(h.memory) * uint64(h.passes) }

var base64Raw = base64.RawStdEncoding

// String is the usual form: $argon2id$v=19$m=19456,t=2,p=1$SALT$SUM
func (h passwordHash) String() string {
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, h.memory, h.passes, h.threads,
		base64Raw.EncodeToString(h.salt), base64Raw.EncodeToString(h.sum))
}

// parseHash reads what String writes.
func parseHash(s string) (passwordHash, error) {
	var h passwordHash
	parts := strings.Split(s, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" {
		return h, errors.New("is not of the form $argon2id$v=19$m=N,t=N,p=N$SALT$HASH")
	}
	if parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return h, fmt.Errorf("is of version %q; only v=%d is known", parts[2], argon2.Version)
	}
	var rest string
	if n, err := fmt.Sscanf(parts[3]+" .", "m=%d,t=%d,p=%d %s", &h.memory, &h.passes, &h.threads, &rest); n != 4 || err != nil || rest != "." {
		return h, fmt.Errorf("has the parameters %q, which are not of the form m=N,t=N,p=N", parts[3])
	}
	var err1, err2 error
	h.salt, err1 = base64Raw.DecodeString(parts[4])
	h.sum, err2 = base64Raw.DecodeString(parts[5])
	if err := errors.Join(err1, err2); err != nil {
		return h, errors.New("has a salt or a hash that is not base64 without padding")
	}
	return h, h.check()
}

func (h passwordHash) check() error {
	switch {
	case h.memory < 8*uint32(h.threads) || h.memory > maxMemory || h.passes < 1 || h.passes > maxPasses || h.threads < 1:
		return fmt.Errorf("has parameters out of bounds: m at most %d, t from 1 to %d, p at least 1", maxMemory, maxPasses)
	case len(h.salt) < minSalt || len(h.salt) > maxBytes || len(h.sum) < minSum || len(h.sum) > maxBytes:
		return fmt.Errorf("has a salt or a hash that is too short or too long: %d to %d and %d to %d bytes", minSalt, maxBytes, minSum, maxBytes)
	}
	return nil
}
