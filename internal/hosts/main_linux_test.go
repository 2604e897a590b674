package hosts

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// meshway is the binary under test, built by the first test that can run.
var meshway string

// repository is the root of the module, seen from this package.
var repository = filepath.Join("..", "..")

func TestMain(m *testing.M) {
	code := m.Run()
	if meshway != "" {
		os.RemoveAll(filepath.Dir(meshway))
	}
	os.Exit(code)
}

// prepared says in an error what this machine lacks, and builds the router if it
// lacks nothing.
var prepared = sync.OnceValue(func() error {
	if os.Geteuid() != 0 {
		return errors.New("hosts are network namespaces, and only root can make these: run the tests as root")
	}
	for _, tool := range []string{"ip", "nft"} {
		if _, err := exec.LookPath(tool); err != nil {
			return fmt.Errorf("%s is missing: make deps, or apt-get install iproute2 nftables", tool)
		}
	}
	if err := sweep(); err != nil {
		return err
	}
	probe := fmt.Sprintf("%s%d-probe", prefix, os.Getpid())
	if err := command("", "ip", "netns", "add", probe); err != nil {
		return fmt.Errorf("this machine lets nobody make network namespaces: %w", err)
	}
	return command("", "ip", "netns", "del", probe)
})

var built = sync.OnceValue(func() error {
	dir, err := os.MkdirTemp("", "meshway-hosts-")
	if err != nil {
		return err
	}
	meshway = filepath.Join(dir, "meshway")
	arguments := []string{"build", "-o", meshway}
	if raceEnabled {
		arguments = append(arguments, "-race")
	}
	build := exec.Command("go", append(arguments, "./cmd/meshway")...)
	build.Dir = repository
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("go build ./cmd/meshway: %w\n%s", err, out)
	}
	return nil
})

// lookAtSources opens every folder of the repository. `go test` repeats a result
// from its cache unless a file that the test itself looked at has changed, and knows
// nothing of what the processes that it starts have read.
func lookAtSources(t *testing.T) {
	err := filepath.WalkDir(repository, func(_ string, d os.DirEntry, err error) error {
		if d != nil && d.IsDir() && (d.Name() == ".git" || d.Name() == "build") {
			return filepath.SkipDir
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// sweep removes the namespaces of runs that ended without doing so.
func sweep() error {
	entries, err := os.ReadDir(namespaces)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		rest, ours := strings.CutPrefix(e.Name(), prefix)
		if !ours {
			continue
		}
		owner, _, _ := strings.Cut(rest, "-")
		pid, err := strconv.Atoi(owner)
		if err != nil || syscall.Kill(pid, 0) == nil {
			continue
		}
		if err := command("", "ip", "netns", "del", e.Name()); err != nil {
			return err
		}
	}
	return nil
}
