//go:build linux

package main

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/meshway/meshway/internal/freeport"
)

// argsEnv makes the test program the program itself, with this command line.
const argsEnv = "MESHWAY_TEST_ARGS"

// versionEnv makes it another version.
const versionEnv = "MESHWAY_TEST_VERSION"

func TestMain(m *testing.M) {
	if args := os.Getenv(argsEnv); args != "" {
		os.Args = append(os.Args[:1], strings.Split(args, "\n")...)
		version = os.Getenv(versionEnv)
		os.Exit(mainCode())
	}
	os.Exit(m.Run())
}

// inBackground runs meshway run -d in a folder that everybody can read, on a configuration. It
// returns what the command said, its exit code, and the process that it has left behind, if any.
func inBackground(t *testing.T, configuration string, args ...string) (said string, code, pid int) {
	t.Helper()
	folder := t.TempDir()
	if err := os.Chmod(filepath.Dir(folder), 0o755); err != nil {
		t.Fatal(err)
	}
	config, pidFile := filepath.Join(folder, "meshway.yaml"), filepath.Join(folder, "meshway.pid")
	if err := os.WriteFile(config, []byte(configuration), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), argsEnv+"="+strings.Join(append([]string{"run", "-d", "-c", config, "-P", pidFile}, args...), "\n"))
	// A buffer makes it wait for the end of the stream: a router that kept that would be noticed.
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if os.Getuid() == 0 { // of groups that nobody else is of
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Groups: []uint32{0, 54321}}}
	}
	err := cmd.Run()
	if failed, ok := errors.AsType[*exec.ExitError](err); ok {
		code = failed.ExitCode()
	} else if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(pidFile)
	if err != nil {
		return out.String(), code, 0
	}
	if pid, err = strconv.Atoi(strings.TrimSpace(string(text))); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Kill(pid, syscall.SIGKILL) })
	return out.String(), code, pid
}

// stop ends a router in the background, and waits until it is gone. Whoever has started it is gone
// too, and init, or what stands for it here, may be slow to take it away: a zombie is gone.
func stop(t *testing.T, pid int) {
	t.Helper()
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if s := state(pid, "State"); s == "" || strings.HasPrefix(s, "Z") {
			return
		}
	}
	t.Errorf("process %d does not end", pid)
}

// state is a line of what the system says of a process or thread.
func state(pid any, name string) string {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%v/status", pid))
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, name+":"); ok {
			return strings.Join(strings.Fields(value), " ")
		}
	}
	return ""
}

func TestARouterInTheBackground(t *testing.T) {
	free, err := freeport.Take()
	if err != nil {
		t.Fatal(err)
	}
	port := strconv.Itoa(free)
	said, code, pid := inBackground(t, "listeners: [{port: "+port+"}]\n", "--grace", "1s")
	if code != 0 || pid == 0 {
		t.Fatalf("exit code %d, process %d, said %s", code, pid, said)
	}
	if !strings.Contains(said, "listening") || !strings.Contains(said, "nowhere to write log lines") {
		t.Errorf("said %q: want what it said until it listened", said)
	}
	// It is there at once, as a session of its own, and holds nothing of who has started it.
	c, err := net.Dial("tcp", "127.0.0.1:"+port)
	if err != nil {
		t.Fatal(err)
	}
	_ = c.Close()
	for fd := range 3 {
		if to, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", pid, fd)); err != nil || to != os.DevNull {
			t.Errorf("descriptor %d is %s, %v", fd, to, err)
		}
	}
	if session, err := syscallGetsid(pid); err != nil || session != pid {
		t.Errorf("its session is %d, %v; want %d", session, err, pid)
	}
	stop(t, pid)
	if c, err := net.Dial("tcp", "127.0.0.1:"+port); err == nil {
		_ = c.Close()
		t.Error("it still listens")
	}
}

func syscallGetsid(pid int) (int, error) {
	id, _, errno := syscall.Syscall(syscall.SYS_GETSID, uintptr(pid), 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(id), nil
}

func TestThePidFileGoesWithTheRouterInTheBackground(t *testing.T) {
	_, _, pid := inBackground(t, "listeners: [{port: 0}]\n", "--grace", "1s")
	if pid == 0 {
		t.Fatal("no pid file")
	}
	command, _ := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
	_, rest, _ := strings.Cut(string(command), argsEnv+"=")
	args, _, _ := strings.Cut(rest, "\x00")
	file := strings.Split(args, "\n")[5]
	stop(t, pid)
	if _, err := os.Stat(file); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s: %v, want it gone", file, err)
	}
}

func TestWhatDoesNotStartInTheBackgroundIsSaid(t *testing.T) {
	for configuration, says := range map[string]string{
		"listeners: [{port: 0, role: nonsense}]\n":  "meshway: ",
		"listeners: [{port: 0, host: 192.0.2.1}]\n": "this machine has no such address",
	} {
		said, code, pid := inBackground(t, configuration)
		if code != 1 || pid != 0 || !strings.Contains(said, says) {
			t.Errorf("%s: exit code %d, process %d, said %s", configuration, code, pid, said)
		}
	}
	if said, code, pid := inBackground(t, "listeners: [{port: 0}]\n", "-U", "nobody-of-that-name"); code != 1 || pid != 0 || !strings.Contains(said, "--user nobody-of-that-name: ") {
		t.Errorf("a user that is not there: exit code %d, process %d, said %s", code, pid, said)
	}
	if said, code, _ := inBackground(t, "listeners: [{port: 0}]\n", "--graze"); code != 2 || !strings.Contains(said, "unknown flag") {
		t.Errorf("a wrong flag: exit code %d, said %s", code, said)
	}
}

// Every thread is the other user's, with no group left of who has started it.
func TestTheRouterRunsAsTheUserThatIsAskedFor(t *testing.T) {
	if os.Getuid() != 0 {
		if err := becomeUser("root"); err == nil || !strings.Contains(err.Error(), "only root") {
			t.Errorf("somebody became root: %v", err)
		}
		t.Skip("only root can become somebody else")
	}
	u, err := user.Lookup("nobody")
	if err != nil {
		t.Skip(err)
	}
	if err := becomeUser("root"); err != nil { // which we are
		t.Errorf("staying who one is: %v", err)
	}
	said, code, pid := inBackground(t, "listeners: [{port: 0}]\n", "-U", "nobody", "--grace", "1s")
	if code != 0 || pid == 0 {
		t.Fatalf("exit code %d, process %d, said %s", code, pid, said)
	}
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", pid))
	if err != nil || len(threads) < 2 {
		t.Errorf("threads: %v, %v", threads, err)
	}
	for _, thread := range threads {
		id := strings.TrimPrefix(thread, "/proc/")
		if got, want := state(id, "Uid"), strings.Repeat(u.Uid+" ", 4); got+" " != want && got != "" {
			t.Errorf("thread %s has user ids %s, want %s", id, got, want)
		}
		if got, want := state(id, "Gid"), strings.Repeat(u.Gid+" ", 4); got+" " != want && got != "" {
			t.Errorf("thread %s has group ids %s, want %s", id, got, want)
		}
		if got := state(id, "Groups"); strings.Contains(" "+got+" ", " 54321 ") {
			t.Errorf("thread %s has groups %s", id, got)
		}
	}
	stop(t, pid)
}
