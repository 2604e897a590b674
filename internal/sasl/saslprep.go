package sasl

import (
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/xdg-go/stringprep"
)

// prepQuery is SASLprep for what is asked for: characters that Unicode 3.2 did
// not know are let through, unlike in stringprep.SASLprep. (RFC 4013, RFC 3454 section 7)
var prepQuery = func() stringprep.Profile {
	p := stringprep.SASLprep
	p.Prohibits = p.Prohibits[1:] // table A.1, the unassigned ones
	return p
}()

// prepName is how SCRAM sends a user's name. (RFC 5802 section 5.1)
func prepName(name string) (string, error) {
	if !utf8.ValidString(name) {
		return "", errors.New("the user's name is not UTF-8")
	}
	prepared, err := prepQuery.Prepare(name)
	switch {
	case err != nil:
		return "", fmt.Errorf("user's name %q: SASLprep does not allow it: %w", name, err)
	case prepared == "":
		return "", fmt.Errorf("user's name %q: nothing is left of it after SASLprep", name)
	case len(prepared) > MaxName:
		return "", fmt.Errorf("a user's name has at most %d bytes after SASLprep, this one has %d", MaxName, len(prepared))
	}
	return prepared, nil
}

// prepPassword is what SCRAM hashes of a password. Its errors show nothing of
// it. (RFC 5802 section 2.2, Normalize)
func prepPassword(password string) (string, error) {
	if err := CheckPassword(password); err != nil {
		return "", err
	}
	prepared, err := stringprep.SASLprep.Prepare(password)
	switch {
	case err != nil:
		return "", errors.New("the password has characters that SASLprep does not allow: control, private or newer than Unicode 3.2, or right-to-left ones beside others")
	case prepared == "":
		return "", errors.New("nothing is left of the password after SASLprep")
	}
	return prepared, nil
}
