package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/meshway/meshway/internal/config"
)

// reloading is a file, and who takes it over.
type reloading struct {
	*reloader
	t       *testing.T
	log     *observer.ObservedLogs
	applied []string // ids of the routers that were configured
	failure error
}

func newReloading(t *testing.T, text string) *reloading {
	t.Helper()
	core, log := observer.New(zapcore.InfoLevel)
	r := &reloading{t: t, log: log}
	r.reloader = &reloader{file: filepath.Join(t.TempDir(), "meshway.yaml"), watch: true, log: zap.New(core), apply: func(c config.Config) ([]config.Change, error) {
		r.applied = append(r.applied, c.Router.ID)
		return nil, r.failure
	}}
	r.write(text)
	r.begin()
	return r
}

func (r *reloading) write(text string) {
	r.t.Helper()
	if err := os.WriteFile(r.file, []byte(text), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

// want checks what was applied so far, and the last line of the log.
func (r *reloading) want(applied, said string) {
	r.t.Helper()
	if got := strings.Join(r.applied, " "); got != applied {
		r.t.Errorf("applied %q, want %q", got, applied)
	}
	lines := r.log.TakeAll()
	text := ""
	for _, l := range lines {
		text += l.Message
		if err, ok := l.ContextMap()["error"].(string); ok {
			text += ": " + err
		}
		text += "\n"
	}
	if said == "" && text != "" || !strings.Contains(text, said) {
		r.t.Errorf("said\n%s\nwant %q", text, said)
	}
}

const routerB = "router: {id: B}\nlisteners: [{}]\n"

func TestAFileThatIsHalfWrittenIsNotTakenForTheFile(t *testing.T) {
	r := newReloading(t, "router: {id: A}\nlisteners: [{}]\n")
	r.look()
	r.want("", "")
	r.write("router: {id: Bx}\nlisteners: [{}]\n") // right, as far as it goes
	r.look()
	r.write("router: {id: B}\nlisteners: [{}]\nlog: {level:")
	r.look()
	r.write(routerB + "log: {level: debug}\n")
	r.look()
	r.want("", "")
	r.look()
	r.want("B", "reloaded")
	r.look()
	r.want("B", "")
}

func TestAFileThatIsReplacedIsTakenOver(t *testing.T) {
	r := newReloading(t, "listeners: [{}]\n")
	if err := os.Remove(r.file); err != nil {
		t.Fatal(err)
	}
	r.look()
	r.look()
	r.want("", "")
	other := r.file + ".new"
	if err := os.WriteFile(other, []byte(routerB), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(other, r.file); err != nil {
		t.Fatal(err)
	}
	r.look()
	r.look()
	r.want("B", "reloaded")
}

// It is said once, not every second.
func TestAFileThatIsWrongChangesNothingAndIsSaidOnce(t *testing.T) {
	r := newReloading(t, "listeners: [{}]\n")
	for name, tt := range map[string]struct{ text, said string }{
		"misspelt":      {"listners: [{}]\n", "did you mean listeners?"},
		"cut off":       {"listeners: [{port: 1", "is not YAML"},
		"empty":         {"", "it is empty"},
		"wrong letters": {"router: {id: caf\xe9}\n", "is not UTF-8"},
	} {
		r.write(tt.text)
		r.look()
		r.look()
		r.want("", tt.said)
		for range 3 {
			r.look()
		}
		r.want("", "")
		if t.Failed() {
			t.Fatal(name)
		}
	}
	r.failure = os.ErrExist
	r.write(routerB)
	r.look()
	r.look()
	r.want("B", "nothing is reloaded: "+os.ErrExist.Error())
}

func TestAFolderInThePlaceOfTheFileChangesNothing(t *testing.T) {
	r := newReloading(t, "listeners: [{}]\n")
	if err := os.Remove(r.file); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(r.file, 0o700); err != nil {
		t.Fatal(err)
	}
	r.look()
	r.look()
	r.want("", "")
	r.reload()
	r.want("", "this is a folder")
}

func TestAHangupReloadsAtOnceAndWithoutAWatchNothingElse(t *testing.T) {
	r := newReloading(t, "listeners: [{}]\n")
	r.watch = false
	applied := make(chan string)
	r.apply = func(c config.Config) ([]config.Change, error) {
		applied <- c.Router.ID
		return nil, nil
	}
	ctx, cancel := context.WithCancel(t.Context())
	hangup := make(chan os.Signal)
	stop := keepReloaded(ctx, r.reloader, hangup)
	hangup <- os.Interrupt
	<-applied
	r.write(routerB)
	hangup <- os.Interrupt
	if id := <-applied; id != "B" {
		t.Errorf("got router %s", id)
	}
	cancel()
	stop()
}
