package sasl

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"os"
	"sync"
	"sync/atomic"

	"go.uber.org/zap"
)

// Users is a users file, read again at a login after it has changed.
type Users struct {
	// Immutable after OpenUsers:
	path string
	log  *zap.Logger
	key  []byte // of the digests in entry.proven

	mu sync.Mutex
	// Guarded by mu:
	table  *table
	failed os.FileInfo // a changed file that could not be used, so that it is reported once
	gone   bool        // the file could not be looked at, reported once too
}

// table is the content of the file at one time; immutable but for entry.proven.
type table struct {
	info    os.FileInfo
	entries map[string]*entry
	dummy   passwordHash // for names that are not there
}

type entry struct {
	hash passwordHash
	// proven is a digest of the password that was last found right. Devices
	// log in again and again with the same one: after a restart of the network
	// thousands do at once, and only the first login of each pays for the slow
	// hash. A wrong password always pays. It is gone when the file changes.
	proven atomic.Pointer[[sha256.Size]byte]
}

// OpenUsers reads the users file at path.
func OpenUsers(path string, log *zap.Logger) (*Users, error) {
	file, info, err := readUsers(path)
	if err != nil {
		return nil, fmt.Errorf("users file: %w", err)
	}
	u := &Users{path: path, log: log, key: make([]byte, sha256.Size), table: newTable(file, info)}
	_, _ = rand.Read(u.key) // never fails: the program ends instead
	if openToOthers(info) {
		log.Warn("users file can be read by other users of this machine; restrict it, for example with chmod 600", zap.String("file", path))
	}
	return u, nil
}

func newTable(file usersFile, info os.FileInfo) *table {
	t := &table{info: info, entries: map[string]*entry{}, dummy: unknownHash()}
	for name, h := range file {
		t.entries[name] = &entry{hash: h}
		if h.cost() > t.dummy.cost() {
			t.dummy.memory, t.dummy.passes, t.dummy.threads = h.memory, h.passes, h.threads
		}
	}
	return t
}

// Verify returns nil if name's password is password, else an error that wraps
// ErrAuth, or the error of ctx if it ended while others were being verified. It
// may be called from any goroutine. How long it takes does not tell whether
// there is such a user.
func (u *Users) Verify(ctx context.Context, name, password string) error {
	t := u.current()
	digest := u.digest(password)
	e, known := t.entries[name]
	if !known {
		if _, err := t.dummy.matches(ctx, password); err != nil {
			return err
		}
		return fmt.Errorf("no such user: %w", ErrAuth)
	}
	if p := e.proven.Load(); p != nil && hmac.Equal(p[:], digest[:]) {
		return nil
	}
	switch ok, err := e.hash.matches(ctx, password); {
	case err != nil:
		return err
	case !ok:
		return fmt.Errorf("wrong password: %w", ErrAuth)
	}
	e.proven.Store(&digest)
	return nil
}

func (u *Users) digest(password string) (sum [sha256.Size]byte) {
	mac := hmac.New(sha256.New, u.key)
	mac.Write([]byte(password))
	mac.Sum(sum[:0])
	return sum
}

// current returns the table of the file as it is now. A file that is gone or
// broken changes nothing: those who could log in still can.
func (u *Users) current() *table {
	info, err := os.Stat(u.path)
	u.mu.Lock()
	defer u.mu.Unlock()
	if err != nil {
		if !u.gone {
			u.gone = true
			u.log.Error("users file is out of reach; the users read before stay valid", zap.String("file", u.path), zap.Error(err))
		}
		return u.table
	}
	u.gone = false
	if sameFile(info, u.table.info) || sameFile(info, u.failed) {
		return u.table
	}
	file, info, err := readUsers(u.path)
	if err != nil {
		u.failed = info
		u.log.Error("users file has changed and cannot be used; the users read before stay valid", zap.String("file", u.path), zap.Error(err))
		return u.table
	}
	u.table, u.failed = newTable(file, info), nil
	u.log.Info("users file read again", zap.String("file", u.path), zap.Int("users", len(u.table.entries)))
	return u.table
}

// sameFile reports whether nothing was changed between two looks.
func sameFile(a, b os.FileInfo) bool {
	return b != nil && os.SameFile(a, b) && a.ModTime().Equal(b.ModTime()) && a.Size() == b.Size()
}
