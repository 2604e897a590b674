package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"
)

// maxSecret is the most bytes of a password, as for those of a users file.
const maxSecret = 1024

// Secret is a password, or where to find it. However it is printed, it shows
// asterisks. The zero value is none.
type Secret struct {
	// As it stands in the file. A pointer to a plain string, since fmt prints
	// that as an address where it cannot call Format: in unexported fields.
	text   *string
	folder string // that names of files are relative to
}

// NewSecret makes a secret of text as it would stand in a configuration file in
// folder: env:NAME, file:PATH, pass:TEXT, or the password itself.
func NewSecret(text, folder string) Secret { return Secret{&text, folder} }

// in is the secret as it is in a file in that folder.
func (s Secret) in(folder string) Secret {
	if s.IsZero() {
		return s
	}
	return NewSecret(*s.text, folder)
}

// IsZero reports whether there is none.
func (s Secret) IsZero() bool { return s.text == nil }

// Format prints asterisks, whatever the verb.
func (s Secret) Format(f fmt.State, _ rune) {
	if !s.IsZero() {
		_, _ = io.WriteString(f, "*******")
	}
}

// Reveal reads the password from where it is now, so that one which was changed
// there counts from the next login on. Its error says what is missing where, and
// never what the password is. The zero Secret reveals an empty one.
func (s Secret) Reveal() (string, error) {
	if s.IsZero() {
		return "", nil
	}
	password, place, err := s.read()
	if err != nil {
		return "", err
	}
	switch {
	case password == "":
		return "", fmt.Errorf("%s is empty; give a password", place)
	case len(password) > maxSecret:
		return "", fmt.Errorf("%s is too long: a password has at most %d bytes", place, maxSecret)
	case !utf8.ValidString(password):
		return "", fmt.Errorf("%s is not UTF-8", place)
	case strings.Contains(password, "\x00"):
		return "", fmt.Errorf("%s contains a NUL, which a password must not", place)
	}
	return password, nil
}

// read returns the password, and in words where it was.
func (s Secret) read() (password, place string, err error) {
	kind, rest, _ := strings.Cut(*s.text, ":")
	switch kind {
	case "env":
		place = "the environment variable " + shown(rest)
		value, ok := os.LookupEnv(rest)
		if !ok {
			return "", "", fmt.Errorf("%s is not set; set it where the router is started", place)
		}
		return value, place, nil
	case "file":
		path := rest
		if !filepath.IsAbs(path) {
			path = filepath.Join(s.folder, path)
		}
		place = "the file " + shown(path)
		password, err := readSecretFile(path)
		if err != nil {
			return "", "", fmt.Errorf("%s: %w", place, err)
		}
		return password, place, nil
	case "pass":
		return rest, "the password", nil
	}
	return *s.text, "the password", nil
}

// readSecretFile returns what is in the file, but for the end of its last line.
func readSecretFile(path string) (string, error) {
	// Asked before it is opened: opening a pipe would wait for whoever writes it.
	if info, err := os.Stat(path); err != nil {
		return "", unreadable(err)
	} else if !info.Mode().IsRegular() {
		return "", errors.New("it is no regular file; give one")
	}
	f, err := os.Open(path)
	if err != nil {
		return "", unreadable(err)
	}
	defer func() { _ = f.Close() }()
	// One byte more than is allowed, and the end of the line, show what is too long.
	data, err := io.ReadAll(io.LimitReader(f, maxSecret+3))
	if err != nil {
		return "", unreadable(err)
	}
	text := strings.TrimSuffix(string(data), "\n")
	return strings.TrimSuffix(text, "\r"), nil
}

// checkSecretForm looks at what can be seen without reading what is named.
func checkSecretForm(v any) error {
	switch v.(string) {
	case "":
		return errors.New("is empty; give a password, or remove the line")
	case "env:", "file:":
		return errors.New("names nothing after the colon; give env:NAME or file:PATH")
	}
	return nil
}
