package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

// inFile is a configuration file with that text.
func inFile(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "x.conf")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestConfigCheckSaysAllThatIsWrong(t *testing.T) {
	file := inFile(t, "listners: [{}]\nrouter: {id: a/b}\n")
	a := newTestApp("")
	a.want(t, 1, "config", "check", file)
	wantText(t, a.out, file+":1: listners: is not known; did you mean listeners?\n", file+":2: router.id: contains a slash")
	wantText(t, a.err, "meshway: "+file+": 2 problems\n")

	file = inFile(t, "listener {\n  port: 1\n  metrics: yes\n}\n")
	a = newTestApp("")
	a.want(t, 0, "config", "check", file)
	wantText(t, a.out, file+":3: listener.metrics: ", file+": 1 warning; a router starts with it\n")

	file = inFile(t, "listeners: [{}]\n")
	a = newTestApp("")
	a.want(t, 0, "config", "check", file)
	wantText(t, a.out, file+": all is right\n")

	a = newTestApp("")
	a.want(t, 1, "config", "check", filepath.Join(t.TempDir(), "missing"))
	wantText(t, a.out, "there is no such file")
	newTestApp("").want(t, 2, "config", "check")
}

func TestConfigConvertPrintsYAML(t *testing.T) {
	file := inFile(t, "router {\n  id: A\n  debugDumpFile: x\n}\nlistener {\n  port: amqp\n}\n")
	a := newTestApp("")
	a.want(t, 0, "config", "convert", file)
	wantText(t, a.out, "router:\n  id: A\nlisteners:\n  - host: '::'\n    initialHandshakeTimeoutSeconds: 0\n")
	wantText(t, a.err, file+":3: router.debugDumpFile: ")

	// What was a warning is a mistake in YAML, and is said before a router says it.
	file = inFile(t, "router {\n  id: A\n}\n")
	a = newTestApp("")
	a.want(t, 1, "config", "convert", file)
	wantText(t, a.err, "the YAML needs mending", "listeners: there is none")
	wantText(t, a.out, "id: A")
}

func TestConfigShowHasDefaultsAndNoPasswords(t *testing.T) {
	a := newTestApp("")
	a.want(t, 0, "config", "show", inFile(t, "router: {mode: interior}\nconnectors: [{host: b, role: inter-router, saslUsername: u, saslPassword: s3cret}]\n"))
	wantText(t, a.out, "    saslPassword: '*******'\n", "    idleTimeoutSeconds: 60\n")
	a = newTestApp("")
	a.want(t, 0, "config", "show", "-o", "json")
	var shown struct{ Listeners []struct{ Host string } }
	if err := json.Unmarshal([]byte(a.out.String()), &shown); err != nil || len(shown.Listeners) != 1 || shown.Listeners[0].Host != "127.0.0.1" {
		t.Errorf("got %v, %s", err, a.out)
	}
	newTestApp("").want(t, 2, "config", "show", "-o", "xml")
	newTestApp("").want(t, 1, "config", "show", inFile(t, "nonsense"))
}

func TestConfigSchemaKnowsTheSections(t *testing.T) {
	a := newTestApp("")
	a.want(t, 0, "config", "schema")
	var schema struct {
		Properties map[string]struct {
			Type  string
			Items struct {
				Required   []string
				Properties map[string]struct {
					Type             any
					Minimum, Maximum int
				}
			}
		}
	}
	if err := json.Unmarshal([]byte(a.out.String()), &schema); err != nil {
		t.Fatal(err)
	}
	c := schema.Properties["connectors"]
	if c.Type != "array" || len(c.Items.Required) != 1 || c.Items.Required[0] != "role" || c.Items.Properties["maxFrameSize"].Minimum != 512 {
		t.Errorf("got %+v", c)
	}
	if _, ok := schema.Properties["sslProfiles"]; ok {
		t.Error("what is refused is in the schema")
	}
}
