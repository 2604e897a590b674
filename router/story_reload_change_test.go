package router_test

import (
	"fmt"
	"io"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/meshway/meshway/internal/config"
	"github.com/meshway/meshway/internal/logging"
	"github.com/meshway/meshway/internal/meshtest"
	"github.com/meshway/meshway/internal/sasl"
	"github.com/meshway/meshway/internal/wire"
	"github.com/meshway/meshway/router"
)

// Stories of what a reload means for those who are connected, for who may log in, and for the log.

// Whoever is connected by what does not hold any more connects again; for all else nobody is
// disturbed.
func TestWhatChangesAtAListenerDecidesWhoConnectsAgain(t *testing.T) {
	for what, c := range map[string]struct {
		change func(*config.Listener)
		again  bool
	}{
		"use of management":            {func(l *config.Listener) { l.Management = config.ManagementRead }, true},
		"role":                         {func(l *config.Listener) { l.Role = config.RoleRouteContainer }, true},
		"cost":                         {func(l *config.Listener) { l.Cost = 7 }, true},
		"mechanisms":                   {func(l *config.Listener) { l.SASLMechanisms = []string{"ANONYMOUS"} }, true},
		"link capacity":                {func(l *config.Listener) { l.LinkCapacity = 7 }, false},
		"idle time-out":                {func(l *config.Listener) { l.IdleTimeout = time.Minute }, false},
		"largest frame":                {func(l *config.Listener) { l.MaxFrameSize = 4096 }, false},
		"what annotations are removed": {func(l *config.Listener) { l.StripAnnotations = config.StripIn }, false},
	} {
		t.Run(what, func(t *testing.T) {
			play(t, func(c *config.Config) { c.Listeners = append(c.Listeners, another("guests", "5673")) }, func(s *stage) {
				guest, other := s.appAt("guest", listenHost+":5673", meshtest.ClientOptions{}), s.app("other")
				s.reload(func(cfg *config.Config) { c.change(&cfg.Listeners[1]) })
				if c.again {
					forced(s, guest)
				} else {
					equal(s, "why the guest was closed", guest.Err(), nil)
				}
				equal(s, "why the client of another listener was closed", other.Err(), nil)
			})
		})
	}
}

// What a listener says to everybody alike is that of its configuration as it is now.
func TestWhoeverComesAfterAReloadIsToldWhatChanged(t *testing.T) {
	play(t, nil, func(s *stage) {
		told := func(name string, frame uint32, site any) {
			s.t.Helper()
			open := s.app(name).Peer()
			equal(s, name+": max-frame-size", open.MaxFrameSize, wire.Some(frame))
			got, _ := open.Properties.Get("site")
			equal(s, name+": property of open", got, site)
		}
		told("early", 16<<10, nil)
		s.reload(func(cfg *config.Config) {
			cfg.Listeners[0].MaxFrameSize = 4096
			cfg.Listeners[0].OpenProperties = map[string]any{"site": "north"}
		})
		told("late", 4096, "north")
		told("later", 4096, "north")
	})
}

// logsIn says whether the router lets somebody in with a password. [5.3.3]
func (s *stage) logsIn(user, password string) bool {
	s.t.Helper()
	nc, err := s.net.Dial(s.t.Context(), user, listenHost+":5672")
	if err != nil {
		s.t.Fatal(err)
	}
	defer s.advance(time.Second)
	defer func() { _ = nc.Close() }()
	go func() {
		init := &wire.SASLInit{Mechanism: "PLAIN", InitialResponse: []byte("\x00" + user + "\x00" + password)}
		_, _ = nc.Write(wire.AppendSASLFrame(append([]byte(nil), wire.ProtoSASL[:]...), init))
	}()
	got := make([]byte, len(wire.ProtoSASL))
	if _, err := io.ReadFull(nc, got); err != nil {
		s.t.Fatalf("%s: no SASL: %v", user, err)
	}
	for {
		head := make([]byte, 4)
		if _, err := io.ReadFull(nc, head); err != nil {
			s.t.Fatalf("%s: no outcome: %v", user, err)
		}
		size, _ := wire.FrameSize(head)
		frame := append(head, make([]byte, size-4)...)
		if _, err := io.ReadFull(nc, frame[4:]); err != nil {
			s.t.Fatalf("%s: half an outcome: %v", user, err)
		}
		f, _, err := wire.ParseFrame(frame, size)
		if err != nil {
			s.t.Fatal(err)
		}
		code, fields, _, err := wire.ParsePerformative(f.Body)
		if err != nil {
			s.t.Fatal(err)
		}
		if code == wire.CodeSASLOutcome {
			var outcome wire.SASLOutcome
			if err := outcome.Decode(fields); err != nil {
				s.t.Fatal(err)
			}
			return outcome.Code == wire.SASLOk
		}
	}
}

// Another users file counts from the reload on, and still does after the next one.
func TestAnotherUsersFileDecidesWhoLogsIn(t *testing.T) {
	files := map[string]string{}
	for _, user := range []string{"alice", "bob"} {
		files[user] = filepath.Join(t.TempDir(), "users.yaml")
		if err := sasl.AddUser(files[user], user, "secret"); err != nil {
			t.Fatal(err)
		}
	}
	play(t, func(c *config.Config) {
		c.Users.File = files["alice"]
		c.Listeners[0].SASLMechanisms = []string{"PLAIN"}
	}, func(s *stage) {
		lets := func(when string, alice, bob bool) {
			s.t.Helper()
			equal(s, when+" it lets alice in", s.logsIn("alice", "secret"), alice)
			equal(s, when+" it lets bob in", s.logsIn("bob", "secret"), bob)
		}
		lets("at first", true, false)
		s.reload(func(c *config.Config) { c.Users.File = files["bob"] })
		lets("with another file", false, true)
		s.reload(func(c *config.Config) { c.Listeners[0].LinkCapacity = 7 })
		lets("after another reload", false, true)
		equal(s, "a wrong password lets in", s.logsIn("bob", "guess"), false)
	})
}

// Levels of the log follow the file where that changes them; what was set by management stays
// otherwise.
func TestAReloadChangesLevelsOfTheLogWhereTheFileDoes(t *testing.T) {
	log, err := logging.New(io.Discard, logging.Options{Level: "info", Format: "json"})
	if err != nil {
		t.Fatal(err)
	}
	levels := logging.Of(log)
	synctest.Test(t, func(t *testing.T) {
		cfg := standalone()
		cfg.Listeners = nil
		cfg.Log = config.Default().Log
		r, err := router.New(cfg, log)
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Start(); err != nil {
			t.Fatal(err)
		}
		defer func() { _ = r.Shutdown(t.Context()) }()
		if err := levels.SetLevel("mesh", "debug"); err != nil {
			t.Fatal(err)
		}
		for _, step := range []struct {
			what   string
			change func()
			want   string
		}{
			{"something else", func() { cfg.Router.Metadata = "x" }, "info map[mesh:debug]"},
			{"the level", func() { cfg.Log.Level = config.LevelWarn }, "warn map[]"},
			{"a module's level", func() { cfg.Log.Modules = map[string]config.Level{"http": config.LevelError} }, "warn map[http:error]"},
		} {
			step.change()
			if _, err := r.Reload(cfg); err != nil {
				t.Fatal(err)
			}
			general, own := levels.Levels()
			if got := fmt.Sprint(general, " ", own); got != step.want {
				t.Errorf("after %s has changed the levels are %s, want %s", step.what, got, step.want)
			}
		}
	})
}
