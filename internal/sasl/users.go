package sasl

import (
	"context"

	"go.uber.org/zap"
)

// Users is a users file, read again whenever it changes.
type Users struct {
	path string
	log  *zap.Logger
}

// OpenUsers reads the users file at path.
func OpenUsers(path string, log *zap.Logger) (*Users, error) {
	return &Users{path: path, log: log}, nil
}

// Verify returns nil if name's password is password. It may be called from
// any goroutine.
func (u *Users) Verify(ctx context.Context, name, password string) error {
	return ErrAuth
}
