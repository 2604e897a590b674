package interop

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "rewrite docs/interop.md from the results")

// meshway is the binary under test; TestMain builds it.
var meshway string

// repository is the root of the module, seen from this package.
var repository = filepath.Join("..", "..")

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(buildAndRun(m))
}

func buildAndRun(m *testing.M) int {
	dir, err := os.MkdirTemp("", "meshway-interop-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	meshway = filepath.Join(dir, "meshway")
	if runtime.GOOS == "windows" {
		meshway += ".exe"
	}
	arguments := []string{"build", "-o", meshway}
	if raceEnabled {
		arguments = append(arguments, "-race")
	}
	build := exec.Command("go", append(arguments, "./cmd/meshway")...)
	build.Dir = repository
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "go build ./cmd/meshway: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// lookAtSources opens every folder of the repository. `go test` repeats a result
// from its cache unless a file that the test itself looked at has changed, and
// knows nothing of what the processes that it starts have read: the router's
// sources and the drivers. It must be called by a test: what TestMain looks at
// is not noted.
func lookAtSources(t *testing.T) {
	err := filepath.WalkDir(repository, func(path string, d os.DirEntry, err error) error {
		if d != nil && d.IsDir() && (d.Name() == ".git" || d.Name() == "build") {
			return filepath.SkipDir
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// missing says in one line why a client cannot be used on this machine and what
// to do about it; "" when it can. versions holds what they say of themselves.
var missing = map[kind]func() string{
	goAMQP: func() string { return "" },
	proton: sync.OnceValue(func() string { return tryDriver(proton) }),
	rhea:   sync.OnceValue(func() string { return tryDriver(rhea) }),
}

var versions sync.Map // kind -> string

func tryDriver(k kind) string {
	advice := map[kind]string{
		proton: "Qpid Proton for the system's Python is missing: make deps, or apt-get install python3-qpid-proton",
		rhea:   "rhea for Node.js is missing: make deps, or npm ci in internal/interop/testdata/rhea",
	}
	p, err := startProcess(k)
	if err != nil {
		return fmt.Sprintf("%s (%v)", advice[k], err)
	}
	defer p.stop()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	r, err := p.do(ctx, command{Op: "hello"})
	if err != nil {
		return advice[k]
	}
	versions.Store(k, r.Version)
	return ""
}

// need ends the test when a client is missing: skipped on somebody's machine,
// failed where the result counts.
func need(t *testing.T, k kind) {
	t.Helper()
	if why := missing[k](); why == "" {
		return
	} else if os.Getenv("CI") == "true" {
		t.Fatal(why)
	} else {
		t.Skip(why)
	}
}
