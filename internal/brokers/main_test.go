package brokers

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/meshway/meshway/internal/brokertest"
)

// folder holds what a run makes; binary is in it.
var folder string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "meshway-brokers-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	folder = dir
	code := m.Run()
	for _, r := range started {
		if err := errors.Join(r.Kill(), r.Stop()); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}
	os.RemoveAll(folder)
	os.Exit(code)
}

// binary builds the router.
var binary = sync.OnceValues(func() (string, error) {
	path := filepath.Join(folder, "meshway")
	arguments := []string{"build", "-o", path}
	if raceEnabled {
		arguments = append(arguments, "-race")
	}
	build := exec.Command("go", append(arguments, "./cmd/meshway")...)
	build.Dir = repository
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build ./cmd/meshway: %w\n%s", err, out)
	}
	return path, nil
})

// repository is the root of the module, seen from this package.
var repository = filepath.Join("..", "..")

// lookAtSources opens every folder of the repository. `go test` repeats a result from its cache
// unless a file that the test itself looked at has changed, and knows nothing of what the
// processes that it starts have read.
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

// started are the nodes that the stories share: a node takes five seconds to start.
var started []*brokertest.Rabbit

// rabbits returns the first few nodes, which run, and starts those that do not yet. Stories use
// queues of their own names, and start a node again that they have killed.
func rabbits(t *testing.T, count int) []*brokertest.Rabbit {
	t.Helper()
	brokertest.NeedRabbit(t)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	first := len(started)
	more := make([]*brokertest.Rabbit, max(0, count-first))
	errs := make([]error, len(more))
	var all sync.WaitGroup
	for i := range more {
		dir := filepath.Join(folder, "rabbit-"+strconv.Itoa(first+i))
		all.Go(func() { more[i], errs[i] = brokertest.LaunchRabbit(ctx, dir) })
	}
	all.Wait()
	for _, r := range more {
		if r != nil {
			started = append(started, r)
		}
	}
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if !t.Failed() {
			return
		}
		for _, r := range started[:count] {
			t.Logf("RabbitMQ on port %d:\n%s", r.Port, r.Log())
		}
	})
	return started[:count]
}

// more is the first, or the second with MESHWAY_SOAK=1.
func more(usual, soak int) int {
	if os.Getenv("MESHWAY_SOAK") == "1" {
		return soak
	}
	return usual
}
