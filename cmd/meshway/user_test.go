package main

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/zap"

	"github.com/meshway/meshway/internal/sasl"
)

// typing answers the questions for a password one after the other.
func (a *testApp) typing(answers ...string) *testApp {
	a.inTerm = true
	a.readPassword = func(context.Context) ([]byte, error) {
		if len(answers) == 0 {
			return nil, errors.New("nobody types any more")
		}
		next := answers[0]
		answers = answers[1:]
		return []byte(next), nil
	}
	return a
}

func verify(t *testing.T, file, name, password string) error {
	t.Helper()
	users, err := sasl.OpenUsers(file, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	return users.Verify(t.Context(), name, password)
}

func TestUserAddAsksTwice(t *testing.T) {
	file := filepath.Join(t.TempDir(), "users.yaml")
	a := newTestApp("").typing("open sesame", "open sesame")
	a.want(t, 0, "user", "add", "alice", "--file", file)
	if got, want := a.err.String(), "Password for alice: \nThe same again: \n"; got != want {
		t.Errorf("asked %q, want %q", got, want)
	}
	wantText(t, a.out, `user "alice" added to `+file)
	if err := verify(t, file, "alice", "open sesame"); err != nil {
		t.Error(err)
	}
	if strings.Contains(a.out.String()+a.err.String(), "sesame") {
		t.Error("the password was shown")
	}
}

func TestUserAddFromStandardInput(t *testing.T) {
	for stdin, password := range map[string]string{"open sesame\n": "open sesame", "no end": "no end", "windows\r\n": "windows", "first\nsecond\n": "first"} {
		file := filepath.Join(t.TempDir(), "users.yaml")
		newTestApp(stdin).want(t, 0, "user", "add", "alice", "-f", file, "--password-stdin")
		if err := verify(t, file, "alice", password); err != nil {
			t.Errorf("%q: %v", stdin, err)
		}
	}
}

func TestUserAddErrors(t *testing.T) {
	file := filepath.Join(t.TempDir(), "users.yaml")
	newTestApp("pw\n").want(t, 0, "user", "add", "alice", "-f", file, "--password-stdin")
	tests := []struct {
		name string
		app  *testApp
		code int
		want string
		args []string
	}{
		{"there already", newTestApp("pw\n"), 1, "has a user \"alice\" already; for a new password remove it first: meshway user remove \"alice\" --file " + file, []string{"alice", "--password-stdin"}},
		{"there already, before a password is asked for", newTestApp("").typing(), 1, "already", []string{"alice"}},
		{"passwords differ", newTestApp("").typing("a", "b"), 1, "the two passwords differ; nothing was changed", []string{"bob"}},
		{"empty password", newTestApp("").typing(""), 1, "must not be empty", []string{"bob"}},
		{"empty input", newTestApp(""), 1, "must not be empty", []string{"bob", "--password-stdin"}},
		{"endless password", newTestApp(strings.Repeat("x", 5000)), 1, "at most 1024 bytes", []string{"bob", "--password-stdin"}},
		{"password as an argument", newTestApp(""), 2, "a password on the command line could be seen by others", []string{"bob", "secret"}},
		{"no name", newTestApp(""), 2, "accepts 1 arg(s), received 0", nil},
		{"no terminal", newTestApp(""), 2, "standard input is no terminal to ask for a password on; use --password-stdin", []string{"bob"}},
		{"bad name", newTestApp("pw\n"), 1, "a colon is not allowed", []string{"a:b", "--password-stdin"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.app.want(t, tt.code, append([]string{"user", "add", "-f", file}, tt.args...)...)
			wantText(t, tt.app.err, "meshway: ", tt.want)
			if strings.Contains(tt.app.err.String(), "secret") {
				t.Error("the password was shown")
			}
		})
	}
	if names, err := sasl.ListUsers(file); err != nil || len(names) != 1 {
		t.Errorf("afterwards there are %v, %v", names, err)
	}
}

func TestUserAddInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	a := newTestApp("")
	a.inTerm = true
	a.readPassword = func(ctx context.Context) ([]byte, error) { cancel(); return nil, ctx.Err() }
	if code := a.run(ctx, []string{"user", "add", "bob", "-f", filepath.Join(t.TempDir(), "u")}); code != 1 {
		t.Errorf("exit code %d, want 1", code)
	}
	wantText(t, a.err, "meshway: interrupted\n")
}

func TestUserCommandsWantTheNameOfAFile(t *testing.T) {
	for _, args := range [][]string{{"list"}, {"remove", "alice"}, {"add", "alice", "--password-stdin"}} {
		a := newTestApp("secret\n")
		a.want(t, 2, append([]string{"user", "--file", ""}, args...)...)
		wantText(t, a.err, "--file: the name of the users file is empty")
	}
}

func TestUserListAndRemove(t *testing.T) {
	file := filepath.Join(t.TempDir(), "users.yaml")
	a := newTestApp("")
	a.want(t, 1, "user", "list", "-f", file)
	wantText(t, a.err, "there is no users file "+file+"; make one with meshway user add NAME --file "+file)
	a = newTestApp("")
	a.want(t, 1, "user", "remove", "alice", "-f", file)
	wantText(t, a.err, "there is no users file")

	for _, name := range []string{"carol", "alice"} {
		newTestApp("pw\n").want(t, 0, "user", "add", name, "-f", file, "--password-stdin")
	}
	a = newTestApp("")
	a.want(t, 0, "user", "list", "-f", file)
	if a.out.String() != "alice\ncarol\n" {
		t.Errorf("got %q", a.out)
	}
	a = newTestApp("")
	a.want(t, 1, "user", "remove", "bob", "-f", file)
	wantText(t, a.err, `has no user "bob"; see meshway user list --file `+file)
	a = newTestApp("")
	a.want(t, 0, "user", "remove", "alice", "-f", file)
	wantText(t, a.out, `user "alice" removed from `+file)
	a = newTestApp("")
	a.want(t, 0, "user", "list", "-f", file)
	if a.out.String() != "carol\n" {
		t.Errorf("got %q", a.out)
	}
}
