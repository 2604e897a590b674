package main

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/meshway/meshway/internal/config"
)

func TestThePidFileIsThereWhileTheRouterRuns(t *testing.T) {
	file := filepath.Join(t.TempDir(), "meshway.pid")
	a := newTestApp("")
	during := ""
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	a.newRouter = func(config.Config, *zap.Logger) (runner, error) {
		return &fakeRunner{atShutdown: func() {
			text, _ := os.ReadFile(file)
			during = string(text)
		}, atStart: func() {
			if _, err := os.Stat(file); err == nil {
				t.Error("the pid file is there before the router listens")
			}
			cancel()
		}}, nil
	}
	if code := a.run(ctx, []string{"run", "-P", file}); code != 0 || during != strconv.Itoa(os.Getpid())+"\n" {
		t.Errorf("exit code %d, the file had %q; said %s", code, during, a.err)
	}
	if left, err := filepath.Glob(file + "*"); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestAPidFileOfAnotherProcessIsLeftAlone(t *testing.T) {
	file := filepath.Join(t.TempDir(), "meshway.pid")
	another := func() {
		if err := replaceFile(file, "1\n", 0o644); err != nil {
			t.Error(err)
		}
	}
	for name, r := range map[string]*fakeRunner{
		"it came later":              {atShutdown: another},
		"it has what this one wants": {atStart: another, start: errors.New("the port is in use")},
		"it came at the last moment": {atShutdown: another, shutdown: errors.New("late")},
	} {
		_, code := runUntilStopped(t, r, "-P", file)
		if text, err := os.ReadFile(file); err != nil || string(text) != "1\n" {
			t.Errorf("%s: exit code %d, the file has %q, %v", name, code, text, err)
		}
		if left, err := filepath.Glob(file + ".*"); err != nil || len(left) > 0 {
			t.Errorf("%s: left behind: %v", name, left)
		}
	}
}

func TestAPidFileThatCannotBeStartsNothing(t *testing.T) {
	r := &fakeRunner{atStart: func() { t.Error("the router was started") }}
	a, code := runUntilStopped(t, r, "-P", filepath.Join(t.TempDir(), "missing", "x"))
	if code != 1 || !strings.Contains(a.err.String(), "meshway: pid file: ") {
		t.Errorf("exit code %d, said %s", code, a.err)
	}
}

// Scripts that start qdrouterd need not change; what does not work as there is said.
func TestThePredecessorsFlagsAreTaken(t *testing.T) {
	a, code := runUntilStopped(t, &fakeRunner{}, "-I", "/usr/lib/qpid-dispatch", "-T")
	if code != 0 {
		t.Errorf("exit code %d", code)
	}
	wantText(t, a.err, "--include has no effect", "--test-hooks has no effect")
	file := filepath.Join(t.TempDir(), "qdrouterd.conf")
	if err := os.WriteFile(file, []byte("router {\n}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	a, code = runUntilStopped(t, &fakeRunner{}, "--include=x", "--pidfile="+filepath.Join(t.TempDir(), "p"), "--test-hooks", "--config="+file)
	if code != 0 {
		t.Errorf("exit code %d, said %s", code, a.err)
	}
	r := &fakeRunner{atStart: func() { t.Error("the router was started") }}
	if a, code = runUntilStopped(t, r, "-v"); code != 0 || !strings.HasPrefix(a.out.String(), "meshway ") {
		t.Errorf("-v: exit code %d, said %s", code, a.out)
	}
	if a, code = runUntilStopped(t, r, "-h"); code != 0 || strings.Contains(a.out.String(), "test-hooks") {
		t.Errorf("-h: exit code %d, said %s", code, a.out)
	}
}

func TestLogLinesGoToAFile(t *testing.T) {
	folder := t.TempDir()
	file := filepath.Join(folder, "meshway.yaml")
	if err := os.WriteFile(file, []byte("listeners: [{port: 0}]\nlog: {outputFile: logs/meshway.log}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	a, code := runUntilStopped(t, &fakeRunner{}, "-c", file)
	text, err := os.ReadFile(filepath.Join(folder, "logs", "meshway.log"))
	if err != nil || code != 0 || !strings.Contains(string(text), `"msg":"stopped"`) || strings.Contains(a.err.String(), "stopped") {
		t.Errorf("exit code %d, %v, the file has %q, standard error %q", code, err, text, a.err)
	}
	if err := os.WriteFile(file, []byte("listeners: [{port: 0}]\nlog: {outputFile: .}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if a, code = runUntilStopped(t, &fakeRunner{}, "-c", file); code != 1 || !strings.Contains(a.err.String(), "meshway: log file: ") {
		t.Errorf("a folder as a log file: exit code %d, said %s", code, a.err)
	}
}

// manager is a service manager's end of the notification socket.
func manager(t *testing.T) (path string, next func() string) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("no unixgram sockets")
	}
	folder, err := os.MkdirTemp("", "sd") // paths of sockets are short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	path = filepath.Join(folder, "notify")
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return path, func() string {
		b := make([]byte, 1000)
		_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
		n, err := c.Read(b)
		if err != nil {
			return err.Error()
		}
		return string(b[:n])
	}
}

func TestTheServiceManagerHearsWhenTheRouterIsReadyAndWhenItStops(t *testing.T) {
	path, next := manager(t)
	a := newTestApp("")
	a.getenv = func(name string) string { return map[string]string{"NOTIFY_SOCKET": path}[name] }
	a.newRouter = func(config.Config, *zap.Logger) (runner, error) { return &fakeRunner{}, nil }
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan int)
	go func() { done <- a.run(ctx, []string{"run"}) }()
	if got := next(); got != "READY=1\nSTATUS=running" {
		t.Errorf("first it heard %q", got)
	}
	cancel()
	if got := next(); got != "STOPPING=1\nSTATUS=draining" {
		t.Errorf("then it heard %q", got)
	}
	if code := <-done; code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// The watchdog hears from the router as long as its data path answers, and no longer.
func TestTheWatchdogHearsOnlyOfADataPathThatAnswers(t *testing.T) {
	path, next := manager(t)
	env := map[string]string{"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "3000"}
	s := newService(func(name string) string { return env[name] }, zap.NewNop())
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	asked := make(chan error)
	go s.keepAlive(ctx, func(context.Context) error { return <-asked })
	asked <- nil
	if got := next(); got != "WATCHDOG=1" {
		t.Errorf("it heard %q", got)
	}
	asked <- errors.New("stuck")
	asked <- errors.New("stuck")
	s.say("nothing in between")
	if got := next(); got != "nothing in between" {
		t.Errorf("of a data path that does not answer it heard %q", got)
	}
	cancel()
	close(asked)
	for _, wrong := range []string{"", "x", "-1", "0"} {
		env["WATCHDOG_USEC"] = wrong
		if s := newService(func(name string) string { return env[name] }, zap.NewNop()); s.watchdog != 0 {
			t.Errorf("WATCHDOG_USEC=%q is %v", wrong, s.watchdog)
		}
	}
	env["WATCHDOG_USEC"], env["WATCHDOG_PID"] = "3000", "1"
	if s := newService(func(name string) string { return env[name] }, zap.NewNop()); s.watchdog != 0 {
		t.Error("it answers for another process")
	}
}

// The example of a service starts the router in a way that it understands.
func TestTheExampleOfAServiceStartsTheRouter(t *testing.T) {
	unit, err := os.ReadFile(filepath.Join("..", "..", "examples", "systemd", "meshway.service"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(unit), "\nExecStart=")
	line, _, _ := strings.Cut(rest, "\n")
	file := filepath.Join(t.TempDir(), "meshway.yaml")
	if err := os.WriteFile(file, []byte("listeners: [{port: 0}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	args := strings.Fields(strings.ReplaceAll(line, "/etc/meshway/meshway.yaml", file))
	if len(args) < 3 || args[1] != "run" {
		t.Fatalf("the service starts %q", line)
	}
	if a, code := runUntilStopped(t, &fakeRunner{}, args[2:]...); code != 0 {
		t.Errorf("%s: exit code %d, said %s", line, code, a.err)
	}
}
