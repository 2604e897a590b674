package hosts

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

const (
	// namespaces is where `ip netns` keeps them.
	namespaces = "/var/run/netns"
	// prefix begins the name of each of ours; the process that made it follows.
	prefix = "mw-"
)

// command runs a command with something on its standard input.
func command(input, name string, args ...string) error {
	_, err := output(input, name, args...)
	return err
}

// output is command, and returns what the command says.
func output(input, name string, args ...string) (string, error) {
	cmd := exec.Command(name, args...)
	cmd.Stdin = strings.NewReader(input)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w: %s\n%s", name, strings.Join(args, " "), err, out, input)
	}
	return string(out), nil
}

// inNamespace runs f on a thread that is in a network namespace: what f opens stays
// there.
func inNamespace(name string, f func() error) error {
	done := make(chan error)
	go func() { // ends when f has returned
		runtime.LockOSThread()
		home, err := os.Open("/proc/thread-self/ns/net")
		if err != nil {
			done <- err
			return
		}
		defer home.Close()
		there, err := os.Open(filepath.Join(namespaces, name))
		if err != nil {
			done <- err
			return
		}
		defer there.Close()
		if err := unix.Setns(int(there.Fd()), unix.CLONE_NEWNET); err != nil {
			done <- fmt.Errorf("enter network namespace %s: %w", name, err)
			return
		}
		err = f()
		if back := unix.Setns(int(home.Fd()), unix.CLONE_NEWNET); back == nil {
			runtime.UnlockOSThread() // else the thread ends with us
		}
		done <- err
	}()
	return <-done
}
