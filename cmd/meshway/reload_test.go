package main

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

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
		touched := time.Now().Add(time.Hour)
		if err := os.Chtimes(r.file, touched, touched); err != nil {
			t.Fatal(err)
		}
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
	synctest.Test(t, func(t *testing.T) {
		r := newReloading(t, "router: {id: A}\nlisteners: [{}]\n")
		r.watch = false
		ctx, cancel := context.WithCancel(t.Context())
		hangup := make(chan os.Signal)
		stop := keepReloaded(ctx, r.reloader, hangup)
		after := func(what, applied, said string) {
			t.Helper()
			synctest.Wait()
			t.Log(what)
			r.want(applied, said)
		}
		hangup <- os.Interrupt
		after("a signal", "A", "told to reload")
		r.write(routerB)
		time.Sleep(5 * lookEvery)
		after("the file has changed", "A", "")
		hangup <- os.Interrupt
		after("another signal", "A B", "reloaded")
		cancel()
		stop()
	})
}

func TestManagementHasTheFileReloaded(t *testing.T) {
	r := newReloading(t, "router: {id: A}\nlisteners: [{port: 0}]\n")
	previewed := ""
	r.preview = func(c config.Config) ([]config.Change, error) {
		previewed = c.Router.ID
		return []config.Change{{Entity: "router", Kind: config.Changed}}, nil
	}
	r.write("router: {id: B}\nlisteners: [{port: 0}]\n")
	if changes, err := r.Reload(true); err != nil || len(changes) != 1 || previewed != "B" {
		t.Errorf("a dry run of %q says %v, %v", previewed, changes, err)
	}
	r.want("", "")
	if _, err := r.Reload(false); err != nil {
		t.Error(err)
	}
	r.want("B", "reloaded")
	r.write("router: {ide: A}\n")
	if _, err := r.Reload(false); err == nil || !strings.Contains(err.Error(), "router.ide") {
		t.Errorf("a wrong file: %v", err)
	}
	r.want("B", "nothing is reloaded")
}

// Whoever only asks what a file would change does not keep it from being taken over.
func TestADryRunLeavesTheFileToBeTakenOver(t *testing.T) {
	r := newReloading(t, "router: {id: A}\nlisteners: [{port: 0}]\n")
	r.preview = func(config.Config) ([]config.Change, error) { return nil, nil }
	r.write("router: {id: B}\nlisteners: [{port: 0}]\n")
	if _, err := r.Reload(true); err != nil {
		t.Error(err)
	}
	r.want("", "")
	r.look()
	r.look()
	r.want("B", "reloaded")
}

func TestManagementHasTheRunningConfigurationSaved(t *testing.T) {
	r := newReloading(t, "# mine\nrouter: {id: A}\nlisteners: [{port: 0}]\n")
	running := config.Default()
	running.File, running.Router.ID = r.file, "A"
	running.Addresses = []config.Address{{Name: "q", Prefix: "q", Distribution: config.Multicast, OnLoss: config.OutcomeModified}}
	r.current = func() config.Config { return running }
	if err := os.Chmod(r.file, 0o640); err != nil { // a group that may read it still may
		t.Fatal(err)
	}
	if file, err := r.Save(); err != nil || file != r.file {
		t.Fatalf("saved as %q: %v", file, err)
	}
	saved, err := config.Load(r.file, nil)
	if err != nil || len(saved.Addresses) != 1 || saved.Addresses[0].Prefix != "q" {
		t.Errorf("the file has %+v: %v", saved.Addresses, err)
	}
	if old, err := os.ReadFile(r.file + ".old"); err != nil || string(old) != "# mine\nrouter: {id: A}\nlisteners: [{port: 0}]\n" {
		t.Errorf("what was there before is %q: %v", old, err)
	}
	if info, err := os.Stat(r.file); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o640 {
		t.Errorf("the file's mode is %v: %v", info.Mode(), err)
	}
	r.look()
	r.look()
	r.want("", "the running configuration is saved, by management")

	r.write("router {\n    id: A\n}\n")
	if _, err := r.Save(); err == nil || !strings.Contains(err.Error(), "convert") {
		t.Errorf("a file of the predecessor is overwritten: %v", err)
	}
}
