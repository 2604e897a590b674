package sasl

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Bounds on what a users file holds.
const (
	MaxName     = 255  // bytes of a user's name
	MaxPassword = 1024 // bytes of a password
)

// CheckName says what is wrong with a user's name, or nil.
func CheckName(name string) error {
	switch {
	case name == "":
		return errors.New("a user's name must not be empty")
	case len(name) > MaxName:
		return fmt.Errorf("a user's name has at most %d bytes, this one has %d", MaxName, len(name))
	case !utf8.ValidString(name):
		return errors.New("a user's name must be UTF-8")
	case strings.ContainsFunc(name, unicode.IsControl):
		return fmt.Errorf("user's name %q: control characters are not allowed", name)
	case strings.Contains(name, ":"):
		return fmt.Errorf("user's name %q: a colon is not allowed, it stands between name and password elsewhere", name)
	case strings.TrimSpace(name) != name:
		return fmt.Errorf("user's name %q: it must not start or end with a blank", name)
	case name == AnonymousIdentity:
		return fmt.Errorf("the name %q is taken: it stands for peers that did not log in", name)
	}
	return nil
}

// CheckPassword says what makes a password unusable, or nil. How good it is,
// is its owner's business.
func CheckPassword(password string) error {
	switch {
	case password == "":
		return errors.New("the password must not be empty")
	case len(password) > MaxPassword:
		return fmt.Errorf("a password has at most %d bytes, this one has more", MaxPassword)
	case !utf8.ValidString(password):
		return errors.New("the password must be UTF-8")
	case strings.Contains(password, "\x00"):
		return errors.New("the password must not contain a NUL")
	}
	return nil
}
