package config

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSecretsAreFoundWhereTheFileSays(t *testing.T) {
	dir := t.TempDir()
	longest := strings.Repeat("x", maxSecret)
	for name, content := range map[string]string{
		"unix": "from a file\n", "dos": "from a file\r\n", "bare": "from a file", "two": "two\n\n", "longest": longest + "\r\n",
		"long": longest + "x\n", "longer by a line": longest + "\n\n", "huge": longest + longest + "\n", "empty": "\n", "binary": "a\xff", "nul": "a\x00b",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("MESH_PASSWORD", "from: outside ")
	tests := []struct{ text, want, problem string }{
		{"as it is", "as it is", ""},
		{"other:kind", "other:kind", ""},
		{"pass:env:HOME", "env:HOME", ""},
		{"env:MESH_PASSWORD", "from: outside ", ""},
		{"file:unix", "from a file", ""},
		{"file:dos", "from a file", ""},
		{"file:bare", "from a file", ""},
		{"file:two", "two\n", ""},
		{"file:longest", longest, ""},
		{"file:" + filepath.Join(dir, "unix"), "from a file", ""},

		{"pass:", "", "the password is empty; give a password"},
		{"a\x00b", "", "the password contains a NUL, which a password must not"},
		{longest + "x", "", "the password is too long: a password has at most 1024 bytes"},
		{"file:long", "", "is too long: a password has at most 1024 bytes"},
		{"file:longer by a line", "", "is too long: a password has at most 1024 bytes"},
		{"file:huge", "", "is too long: a password has at most 1024 bytes"},
		{"file:empty", "", "is empty; give a password"},
		{"file:binary", "", "is not UTF-8"},
		{"file:nul", "", "contains a NUL, which a password must not"},
		{"file:missing", "", ": there is no such file"},
		{"file:.", "", ": it is no regular file; give one"},
	}
	for _, tt := range tests {
		got, err := NewSecret(tt.text, dir).Reveal()
		if tt.problem == "" && (err != nil || got != tt.want) {
			t.Errorf("%.20q: got %.20q, %v, want %.20q", tt.text, got, err, tt.want)
		}
		if tt.problem != "" && (err == nil || got != "" || !strings.HasSuffix(err.Error(), tt.problem)) {
			t.Errorf("%.20q: got %.20q, %v, want the problem %q", tt.text, got, err, tt.problem)
		}
	}
}

// Names of files are relative to the configuration, not to where the router
// was started.
func TestPasswordFilesLieBesideTheConfiguration(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string]string{
		"meshway.yaml": "router: {mode: interior}\nconnectors: [{host: b, role: inter-router, saslUsername: A, saslPassword: 'file:b.password'}]",
		"b.password":   "s3cret\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c, err := Load(filepath.Join(dir, "meshway.yaml"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := c.Connectors[0].SASLPassword.Reveal(); err != nil || got != "s3cret" {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestAChangedPasswordCountsFromTheNextLoginOn(t *testing.T) {
	t.Setenv("MESH_PASSWORD", "old")
	s := NewSecret("env:MESH_PASSWORD", "")
	for _, want := range []string{"old", "new"} {
		t.Setenv("MESH_PASSWORD", want)
		if got, err := s.Reveal(); err != nil || got != want {
			t.Errorf("got %q, %v, want %q", got, err, want)
		}
	}
}

func TestNoSecretIsNoPassword(t *testing.T) {
	var s Secret
	if got, err := s.Reveal(); !s.IsZero() || got != "" || err != nil || fmt.Sprint(s) != "" {
		t.Errorf("got %q, %v, printed as %q", got, err, fmt.Sprint(s))
	}
}

// A configuration that somebody logs, in whatever form, shows no password.
func TestPasswordsAreNeverShown(t *testing.T) {
	c, err := Parse("f", []byte("router: {mode: interior}\nconnectors: [{host: b, role: inter-router, saslUsername: A, saslPassword: s3cret}]"))
	if err != nil {
		t.Fatal(err)
	}
	password := c.Connectors[0].SASLPassword
	hidden := struct{ config Config }{c} // fmt cannot call methods on what is in here
	data, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	outputs := []string{string(data), fmt.Sprintf("%+v", &c)}
	for _, verb := range strings.Split("v +v #v s q x d", " ") {
		for _, v := range []any{password, c, hidden} {
			outputs = append(outputs, fmt.Sprintf("%"+verb, v))
		}
	}
	for _, o := range outputs {
		if strings.Contains(o, "s3cret") || strings.Contains(o, fmt.Sprintf("%x", "s3cret")) {
			t.Errorf("the password is in %s", o)
		}
	}
	if got := fmt.Sprintf("%v", c.Connectors[0]); !strings.Contains(got, "*******") {
		t.Errorf("%s does not say that there is a password", got)
	}
}

// Whatever is wrong around a password, the message does not repeat it.
func TestProblemsShowNoPassword(t *testing.T) {
	for _, attributes := range []string{
		"saslPassword: s3cret",
		"saslUsername: '', saslPassword: s3cret",
		"saslUsername: A, saslPassword: !!binary s3cret",
		"saslUsername: A, saslPassword: !mine s3cret",
		"saslUsername: A, saslPassword: [s3cret]",
		"saslUsername: A, saslPassword: {s3cret: 1}",
		"saslUsername: A, saslPassword: s3cret, saslPassword: s3cret",
		"saslUsername: A, saslPasword: s3cret",
		"saslUsername: A, saslPassword: \"s3cret\\0\"",
		"saslUsername: A, saslPassword: s3cret" + strings.Repeat("x", maxSecret),
		"saslUsername: A, saslPassword: s3cret, saslMechanisms: ANONYMOUS",
	} {
		_, err := Parse("f", []byte("router: {mode: interior}\nconnectors: [{host: b, role: inter-router, "+attributes+"}]"))
		if err == nil || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%.60s: got %v", attributes, err)
		}
	}
}
