package config

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestFullFile(t *testing.T) {
	c, err := Parse("full.yaml", []byte(`
router:
  id: A
  mode: standalone
  defaultDistribution: unavailable
listeners:
  - name: devices
    host: "[::]"
    port: amqps
    role: normal
    maxFrameSize: 65536
    maxSessions: 10
    maxSessionFrames: 100
    idleTimeoutSeconds: 0
    initialHandshakeTimeoutSeconds: 3
    stripAnnotations: no
    linkCapacity: 20
    maxMessageSize: 1000000
    authenticatePeer: yes
    saslMechanisms: PLAIN
    openProperties: {site: north, rack: 7, ratio: 0.5, spare: true, none: null, tags: [a, 1], nested: {since: 2024-05-01}}
    failoverUrls: amqp://b.example, wss://[::1]:8443,c.example:5673
  - {port: 0, host: 0.0.0.0, saslMechanisms: [ANONYMOUS, PLAIN], failoverUrls: [d.example]}
addresses:
  - {prefix: telemetry, distribution: balanced, priority: 0}
  - {name: alarms, pattern: "alarms/#", distribution: multicast, priority: 9, onLoss: released}
users: {file: users.yaml}
log: {level: debug, format: json}
`))
	if err != nil {
		t.Fatal(err)
	}
	zero, nine := uint8(0), uint8(9)
	want := Config{
		File:   "full.yaml",
		Router: Router{ID: "A", Mode: Standalone, Heartbeat: 100 * time.Millisecond, DefaultDistribution: Unavailable, MetricsAddresses: 100},
		Listeners: []Listener{
			{
				Name: "devices", Host: "::", Port: "amqps", Role: RoleNormal, Healthz: true, Metrics: true, Cost: 1, MaxFrameSize: 65536, MaxSessions: 10, MaxSessionFrames: 100,
				IdleTimeout: 0, InitialHandshakeTimeout: 3 * time.Second, StripAnnotations: StripNone, Management: ManagementRead, LinkCapacity: 20, MaxMessageSize: 1000000,
				AuthenticatePeer: true, SASLMechanisms: []string{"PLAIN"},
				OpenProperties: map[string]any{"site": "north", "rack": int64(7), "ratio": 0.5, "spare": true, "none": nil,
					"tags": []any{"a", int64(1)}, "nested": map[string]any{"since": "2024-05-01"}},
				FailoverURLs: []FailoverURL{{"amqp", "b.example", "5672"}, {"wss", "::1", "8443"}, {"", "c.example", "5673"}},
			},
			{
				Name: "0.0.0.0:0", Host: "0.0.0.0", Port: "0", Role: RoleNormal, Healthz: true, Metrics: true, Cost: 1, MaxFrameSize: 16384, MaxSessions: 32768,
				IdleTimeout: 16 * time.Second, InitialHandshakeTimeout: 10 * time.Second, StripAnnotations: StripBoth, Management: ManagementRead, LinkCapacity: 0,
				SASLMechanisms: []string{"ANONYMOUS", "PLAIN"}, FailoverURLs: []FailoverURL{{"", "d.example", "5672"}},
			},
		},
		Addresses: []Address{
			{Name: "telemetry", Prefix: "telemetry", Distribution: Balanced, Priority: &zero, OnLoss: OutcomeModified},
			{Name: "alarms", Pattern: "alarms/#", Distribution: Multicast, Priority: &nine, OnLoss: OutcomeReleased},
		},
		Users: Users{File: "users.yaml"},
		Log:   Log{Level: LevelDebug, Format: FormatJSON, OutputFile: "stderr", OutputFileMegabytes: 100, OutputFileBackups: 5},
	}
	if !reflect.DeepEqual(c, want) {
		t.Errorf("got\n%+v\nwant\n%+v", c, want)
	}
}

func TestDefaults(t *testing.T) {
	c := Default()
	if len(c.Listeners) != 1 || c.Listeners[0].ListenAddress() != "127.0.0.1:5672" || c.Router.ID == "" {
		t.Fatalf("got %+v", c)
	}
	l := c.Listeners[0]
	if !reflect.DeepEqual(l.SASLMechanisms, []string{"ANONYMOUS"}) || l.AuthenticatePeer {
		t.Errorf("got %v, authenticatePeer %v, want everybody let in", l.SASLMechanisms, l.AuthenticatePeer)
	}
	// A file that says the same gives the same.
	p, err := Parse("", []byte("listeners: [{}]"))
	if err != nil || !reflect.DeepEqual(p, c) {
		t.Errorf("got\n%+v, %v\nwant\n%+v", p, err, c)
	}
}

func TestMechanismsByDefault(t *testing.T) {
	tests := []struct {
		listener, users string
		want            []string
	}{
		{"{}", "", []string{"ANONYMOUS"}},
		{"{}", "users: {file: u}", []string{"ANONYMOUS", "PLAIN"}},
		{"{authenticatePeer: true}", "users: {file: u}", []string{"PLAIN"}},
		{"{authenticatePeer: Off}", "users: {file: u}", []string{"ANONYMOUS", "PLAIN"}},
		{"{saslMechanisms: ANONYMOUS PLAIN}", "users: {file: u}", []string{"ANONYMOUS", "PLAIN"}},
	}
	for _, tt := range tests {
		c, err := Parse("f", []byte("listeners: ["+tt.listener+"]\n"+tt.users))
		if err != nil || !reflect.DeepEqual(c.Listeners[0].SASLMechanisms, tt.want) {
			t.Errorf("%s %s: got %v, want %v", tt.listener, tt.users, err, tt.want)
		}
	}
}

func TestAliasesStandForWhatTheyName(t *testing.T) {
	c, err := Parse("f", []byte("listeners:\n  - {port: 1, openProperties: &p {a: [1]}, linkCapacity: &n 7}\n  - {port: 2, openProperties: *p, linkCapacity: *n}\n"))
	if err != nil || c.Listeners[1].LinkCapacity != 7 || !reflect.DeepEqual(c.Listeners[0].OpenProperties, c.Listeners[1].OpenProperties) {
		t.Errorf("got %+v, %v", c, err)
	}
}

func TestByteOrderMarkIsTakenOff(t *testing.T) {
	if _, err := Parse("f", []byte("\xef\xbb\xbflisteners: [{}]")); err != nil {
		t.Error(err)
	}
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "meshway.yaml")
	write := func(content string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("listeners: [{}]\nusers: {file: users.yaml}")
	if c, err := Load(path, nil); err != nil || c.Users.File != filepath.Join(dir, "users.yaml") || c.File != path {
		t.Errorf("got %+v, %v, want the users file beside the configuration", c, err)
	}
	absolute := filepath.Join(dir, "elsewhere", "users.yaml")
	write("listeners: [{}]\nusers: {file: '" + absolute + "'}")
	if c, err := Load(path, nil); err != nil || c.Users.File != absolute {
		t.Errorf("got %+v, %v, want %s", c, err, absolute)
	}
}

func TestLoadSaysWhyAFileCannotBeRead(t *testing.T) {
	dir := t.TempDir()
	large, secret := filepath.Join(dir, "large"), filepath.Join(dir, "secret")
	if err := os.WriteFile(large, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(large, maxFile+1); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(secret, []byte("listeners: [{}]"), 0); err != nil {
		t.Fatal(err)
	}
	tests := []struct{ name, path, want string }{
		{"no file", filepath.Join(dir, "missing"), "no such file"},
		{"folder", dir, "this is a folder"},
		{"too large", large, "larger than 16 MiB"},
		{"no right to read", secret, "permission denied"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.path == secret {
				if f, err := os.Open(secret); err == nil {
					_ = f.Close()
					t.Skip("this user may read everything")
				}
			}
			_, err := Load(tt.path, nil)
			if _, ok := errors.AsType[Problems](err); !ok || !strings.HasPrefix(err.Error(), tt.path+": ") || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q after the file's name", err, tt.want)
			}
		})
	}
}

func TestFailoverURLsHaveThePortOfTheirScheme(t *testing.T) {
	for text, want := range map[string]FailoverURL{
		"a.example": {Host: "a.example", Port: "5672"}, "AMQP://a.example": {Scheme: "amqp", Host: "a.example", Port: "5672"},
		"amqps://a.example": {Scheme: "amqps", Host: "a.example", Port: "5671"}, "ws://[::1]": {Scheme: "ws", Host: "::1", Port: "80"},
		"wss://a.example": {Scheme: "wss", Host: "a.example", Port: "443"}, "wss://a.example:1": {Scheme: "wss", Host: "a.example", Port: "1"},
	} {
		if got, err := parseFailoverURL(text); err != nil || got != want {
			t.Errorf("%s: got %+v (%v), want %+v", text, got, err, want)
		}
	}
}

func TestEveryProblemAtOnceInTheOrderOfTheFile(t *testing.T) {
	_, err := Parse("mesh.yaml", []byte(`
log: {level: loud}
listeners:
  - {port: 70000}
  - {sslProfile: server}
  - {port: 1}
  - {port: 1}
router: {id: a b}
nonsense: 1
`))
	want := `mesh.yaml:2: log.level: is "loud"; it must be one of debug, info, warn, error
mesh.yaml:4: listeners[0].port: is "70000"; it must be a whole number from 0 to 65535, or a service name
mesh.yaml:5: listeners[1].sslProfile: ` + noTLS + `
mesh.yaml:7: listeners[3].port: "127.0.0.1:1" is used by listeners[2] (line 6) too
mesh.yaml:8: router.id: contains a blank or a control character; use others
mesh.yaml:9: nonsense: is not known; known are: router, listeners, connectors, addresses, autoLinks, linkRoutes, users, log`
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%v", err, want)
	}
}

func TestProblemsWithoutEndAreCut(t *testing.T) {
	_, err := Parse("f", []byte("listeners: [{}]\naddresses:\n"+strings.Repeat("  - {}\n", 80)))
	if lines := strings.Split(err.Error(), "\n"); len(lines) != maxShown+1 || lines[maxShown] != "and 30 more" {
		t.Errorf("got %d lines, the last %q", len(lines), lines[len(lines)-1])
	}
}

// Whatever is taken is saved so that it says the same.
func FuzzParse(f *testing.F) {
	f.Add([]byte("listeners: [{port: 5672, openProperties: {a: &x [1, *x]}}]\nrouter: {id: A}"))
	f.Add([]byte("listeners: &l\n  - {failoverUrls: 'amqp://[::1]:1,b'}\naddresses: *l\n<<: *l"))
	f.Add([]byte("router: {mode: interior}\nconnectors: [{role: inter-router, host: '[::1]', saslUsername: A, saslPassword: 'pass:x'}]"))
	f.Add([]byte("addresses: [{pattern: 'a/*/#'}, {prefix: a.b}]\n---\n"))
	f.Add([]byte(everything))
	f.Add([]byte("router {\n id: A\n}\nlistener {\n openProperties: {\n \"a\": 1}\n}\n"))
	f.Add([]byte(`[["listener", {"port": 1}]]`))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := Parse("f", data)
		if _, ok := errors.AsType[Problems](err); err != nil && !ok {
			t.Errorf("got %T, want Problems", err)
		}
		if err != nil {
			return
		}
		if len(c.Listeners)+len(c.Connectors) == 0 && len(c.Warnings) == 0 {
			t.Error("a configuration without a listener or connector was taken")
		}
		root, err := parseYAML("f", Save(c))
		if err != nil {
			t.Fatalf("saved as\n%s%v", Save(c), err)
		}
		if again, err := newParser("f", true).parse(root); err != nil || !same(c, again) {
			t.Fatalf("saved as\n%s%v", Save(c), err)
		}
	})
}
