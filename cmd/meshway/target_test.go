package main

import (
	"context"
	"errors"
	"os/exec"
	"strings"
	"testing"
)

func TestTargets(t *testing.T) {
	tests := []struct {
		url  string
		want target
	}{
		{"amqp://127.0.0.1:5672", target{address: "127.0.0.1:5672", host: "127.0.0.1"}},
		{"amqp://router.example", target{address: "router.example:5672", host: "router.example"}},
		{"router.example:5673", target{address: "router.example:5673", host: "router.example"}},
		{"amqp://[::1]", target{address: "[::1]:5672", host: "::1"}},
		{"amqp://[::1]:7", target{address: "[::1]:7", host: "::1"}},
		{"amqp://alice:pw@h/", target{address: "h:5672", host: "h", user: "alice", password: "pw", login: true}},
		{"amqp://sensor%40tenant:p%2Fw%3A@h", target{address: "h:5672", host: "h", user: "sensor@tenant", password: "p/w:", login: true}},
		{"amqp://alice@h", target{address: "h:5672", host: "h", user: "alice", login: true}},
	}
	for _, tt := range tests {
		if got, err := parseURL(tt.url); err != nil || got != tt.want {
			t.Errorf("%s: got %+v, %v, want %+v", tt.url, got, err, tt.want)
		}
	}
}

func TestBadTargets(t *testing.T) {
	for url, want := range map[string]string{
		"amqps://alice:secret@h":      "TLS is not built yet",
		"http://h":                    `the scheme "http" is not known`,
		"amqp://":                     "there is no host",
		"amqp://:5672":                "there is no host",
		"amqp://h:99999":              `there is no port "99999"`,
		"amqp://h:0":                  `there is no port "0"`,
		"amqp://h/orders":             "nothing may follow host and port",
		"amqp://h?x=1":                "nothing may follow host and port",
		"amqp://alice:secret%zz@h":    "not of the form",
		"amqp://alice:sec ret@h":      "not of the form",
		"amqp://alice:secret@[::1":    "not of the form",
		"amqp://alice:secret/x@h:567": "not of the form",
		"amqp://alice:secret@/x@h":    "not of the form",
		"amqp://alice:secret":         "its port is no number",
		"amqp://alice:secret@h:amqp":  "its port is no number",
		"::1":                         "brackets: amqp://[::1]",
		"amqp://alice:secret@fe80::1": "brackets: amqp://[fe80::1]",
	} {
		_, err := parseURL(url)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", url, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: the error %q shows the password", url, err)
		}
	}
}

func TestRemedyGoesToTheSameRouterAndShowsNoPassword(t *testing.T) {
	for _, tt := range []struct{ url, address, want string }{
		{"", "orders", "meshway receive orders\n"},
		{"h:7", "orders", "meshway receive --url amqp://h:7 orders\n"},
		{"amqp://alice:sec%40ret@h:7", "it's/#", `meshway receive --url amqp://USER:PASSWORD@h:7 'it'\''s/#'` + "\n"},
	} {
		a := newTestApp("")
		a.router.noCredit = true
		a.want(t, 1, "send", tt.address, "x", "--timeout", "1ms", "--url", tt.url)
		wantText(t, a.err, "start one with: "+tt.want)
	}
}

// What is said to type is typed by somebody who called the program in the same way.
func TestCommandsThatAreSaidToHelpCanBeTyped(t *testing.T) {
	a := newTestApp("")
	a.name = "build/meshway"
	a.app.dial = func(context.Context, target) (session, error) {
		return nil, errors.New("nothing listens there; start a router with: meshway run, or not")
	}
	a.want(t, 1, "send", "orders", "x")
	wantText(t, a.err, "meshway: nothing listens there; start a router with: build/meshway run, or not\n")

	file := inFile(t, "listeners: [{saslMechanisms: PLAIN}]\n")
	a = newTestApp("")
	a.name = "build/meshway"
	a.want(t, 1, "config", "check", file)
	wantText(t, a.out, "make one with `build/meshway user add NAME`")

	m := five()
	m.one(t, "A", "router.node", "id", "A")["unreachable"] = []any{"F"}
	for url, want := range map[string]string{"": "build/meshway log on those", "h:7": "build/meshway log --url amqp://h:7 on those"} {
		a = m.app()
		a.name = "build/meshway"
		a.want(t, 1, "doctor", "--url", url)
		wantText(t, a.out, want)
	}
}

func TestURLComesFromTheFlagTheEnvironmentOrTheDefault(t *testing.T) {
	tests := []struct{ flag, env, want string }{
		{"", "", "127.0.0.1:5672"},
		{"", "amqp://env:1", "env:1"},
		{"amqp://flag:2", "amqp://env:1", "flag:2"},
	}
	for _, tt := range tests {
		a := newTestApp("")
		a.getenv = func(name string) string { return map[string]string{urlEnv: tt.env}[name] }
		args := []string{"send", "q", "x"}
		if tt.flag != "" {
			args = append(args, "--url", tt.flag)
		}
		a.want(t, 0, args...)
		if a.dialled[0].address != tt.want {
			t.Errorf("flag %q, environment %q: dialled %s, want %s", tt.flag, tt.env, a.dialled[0].address, tt.want)
		}
	}
	a := newTestApp("")
	a.getenv = func(string) string { return "http://h" }
	a.want(t, 2, "receive", "q")
	wantText(t, a.err, "$MESHWAY_URL: the scheme")
}

// What is said to be typed means the same to a shell, and a terminal shows all of it.
func TestWordsAreQuotedForAShell(t *testing.T) {
	for s, want := range map[string]string{
		"a/b.c-d":      "a/b.c-d",
		"":             "''",
		"a b":          "'a b'",
		"it's":         `'it'\''s'`,
		"→":            "'→'",
		"a\tb\n":       `$'a\tb\n'`,
		"\x1b[1m'\"\\": `$'\x1b[1m\'"\\'`,
	} {
		if got := shellWord(s); got != want {
			t.Errorf("%q: got %s, want %s", s, got, want)
			continue
		}
		out, err := exec.Command("bash", "-c", "printf %s "+want).Output()
		if err != nil || string(out) != s {
			t.Errorf("%s is %q to bash (%v), want %q", want, out, err, s)
		}
	}
}
