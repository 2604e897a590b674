package sasl

import (
	"context"
	"errors"
	"strings"
	"testing"
)

// onePassword knows alice, and counts how often it was asked.
type onePassword struct{ asked int }

func (o *onePassword) Verify(_ context.Context, name, password string) error {
	o.asked++
	if name == "alice" && password == "secret" {
		return nil
	}
	return ErrAuth
}

func TestAnonymousIsNobody(t *testing.T) {
	for _, response := range [][]byte{nil, {}, []byte("trace@example")} {
		challenge, done, identity, err := Anonymous{}.Start().Step(t.Context(), response)
		if challenge != nil || !done || identity != AnonymousIdentity || err != nil {
			t.Errorf("response %q: got challenge %q, done %v, identity %q, error %v", response, challenge, done, identity, err)
		}
	}
}

func TestPlain(t *testing.T) {
	tests := []struct {
		name, response string
		identity       string
		asks           int
	}{
		{"right password", "\x00alice\x00secret", "alice", 1},
		{"acting as oneself", "alice\x00alice\x00secret", "alice", 1},
		{"wrong password", "\x00alice\x00guess", "", 1},
		{"unknown user", "\x00bob\x00secret", "", 1},
		{"acting as somebody else", "root\x00alice\x00secret", "", 0},
		{"empty", "", "", 0},
		{"no NUL", "alice secret", "", 0},
		{"one NUL", "alice\x00secret", "", 0},
		{"three NULs", "\x00alice\x00secret\x00", "", 0},
		{"no name", "\x00\x00secret", "", 0},
		{"no password", "\x00alice\x00", "", 0},
		{"name is not UTF-8", "\x00al\xffce\x00secret", "", 0},
		{"password is not UTF-8", "\x00alice\x00\xff", "", 0},
		{"far too long", "\x00alice\x00" + strings.Repeat("x", maxPlain), "", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			users := &onePassword{}
			challenge, done, identity, err := Plain{Users: users}.Start().Step(t.Context(), []byte(tt.response))
			if challenge != nil || identity != tt.identity || done != (tt.identity != "") {
				t.Errorf("got challenge %q, done %v, identity %q, want identity %q", challenge, done, identity, tt.identity)
			}
			if (err == nil) != done || (err != nil && !errors.Is(err, ErrAuth)) {
				t.Errorf("got error %v, want one that wraps ErrAuth exactly when it is not done", err)
			}
			if err != nil && strings.Contains(err.Error(), "secret") {
				t.Errorf("the error %q shows the password", err)
			}
			if users.asked != tt.asks {
				t.Errorf("the password was checked %d times, want %d", users.asked, tt.asks)
			}
		})
	}
}

func TestPlainAsksOnceForAnAbsentInitialResponse(t *testing.T) {
	e := Plain{Users: &onePassword{}}.Start()
	challenge, done, _, err := e.Step(t.Context(), nil)
	if challenge == nil || len(challenge) != 0 || done || err != nil {
		t.Fatalf("got challenge %#v, done %v, error %v, want an empty challenge", challenge, done, err)
	}
	if _, _, _, err := e.Step(t.Context(), nil); !errors.Is(err, ErrAuth) {
		t.Errorf("an absent response to the challenge: got error %v, want ErrAuth", err)
	}
	e = Plain{Users: &onePassword{}}.Start()
	_, _, _, _ = e.Step(t.Context(), nil)
	if _, done, identity, err := e.Step(t.Context(), []byte("\x00alice\x00secret")); !done || identity != "alice" || err != nil {
		t.Errorf("got done %v, identity %q, error %v, want alice", done, identity, err)
	}
}

func TestClientHalfSatisfiesServerHalf(t *testing.T) {
	pairs := []struct {
		client   ClientMechanism
		server   Mechanism
		identity string
	}{
		{AnonymousClient{}, Anonymous{}, AnonymousIdentity},
		{PlainClient{"alice", "secret"}, Plain{Users: &onePassword{}}, "alice"},
	}
	for _, p := range pairs {
		t.Run(p.server.Name(), func(t *testing.T) {
			if p.client.Name() != p.server.Name() {
				t.Fatalf("the client half is called %s", p.client.Name())
			}
			response, err := p.client.Start().Step(nil)
			if err != nil {
				t.Fatal(err)
			}
			_, done, identity, err := p.server.Start().Step(t.Context(), response)
			if !done || identity != p.identity || err != nil {
				t.Errorf("got done %v, identity %q, error %v, want %q", done, identity, err, p.identity)
			}
		})
	}
}

func TestClientHalfAgainstServersThatChallenge(t *testing.T) {
	plain := PlainClient{"alice", "secret"}.Start()
	first, _ := plain.Step(nil)
	if again, err := plain.Step([]byte{}); err != nil || string(again) != string(first) {
		t.Errorf("PLAIN after an empty challenge: got %q, %v, want %q again", again, err, first)
	}
	if _, err := plain.Step([]byte("prove it")); err == nil {
		t.Error("PLAIN answered a challenge that it does not know")
	}
	anonymous := AnonymousClient{}.Start()
	if trace, err := anonymous.Step(nil); trace == nil || err != nil {
		t.Errorf("ANONYMOUS begins with %v, %v: some servers wait for a response then", trace, err)
	}
	if _, err := anonymous.Step([]byte{}); err == nil {
		t.Error("ANONYMOUS answered a challenge")
	}
}

func FuzzPlain(f *testing.F) {
	f.Add([]byte("\x00alice\x00secret"))
	f.Add([]byte("alice\x00alice\x00secret"))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, response []byte) {
		_, done, identity, err := Plain{Users: &onePassword{}}.Start().Step(t.Context(), response)
		if done != (err == nil) && response != nil {
			t.Errorf("%q: done %v with error %v", response, done, err)
		}
		if done && identity != "alice" {
			t.Errorf("%q: let in as %q", response, identity)
		}
	})
}
