package brokertest

import (
	"context"
	"errors"
	"os"
	"sync"
	"testing"
	"time"
)

// startPatience is how long a broker may take to start: five seconds on an idle machine, much
// more where many tests run at once.
const startPatience = 2 * time.Minute

func need(t testing.TB, missing error) {
	t.Helper()
	switch {
	case missing == nil:
	case os.Getenv("CI") == "true":
		t.Fatal(missing)
	default:
		t.Skip(missing)
	}
}

// NeedRabbit ends the test when RabbitMQ is not installed: skipped on somebody's machine, failed
// where the result counts.
func NeedRabbit(t testing.TB) {
	t.Helper()
	need(t, RabbitMissing())
}

// StartRabbits starts several nodes at once for a test, and stops them when it ends: brokers of
// their own, not a cluster. Their logs are shown if the test failed.
func StartRabbits(t testing.TB, count int, conf ...string) []*Rabbit {
	t.Helper()
	NeedRabbit(t)
	ctx, cancel := context.WithTimeout(t.Context(), startPatience)
	defer cancel()
	nodes, errs := make([]*Rabbit, count), make([]error, count)
	var all sync.WaitGroup
	for i := range nodes {
		dir := t.TempDir()
		all.Go(func() { nodes[i], errs[i] = LaunchRabbit(ctx, dir, conf...) })
	}
	all.Wait()
	for _, r := range nodes {
		if r != nil {
			t.Cleanup(func() { r.end(t) })
		}
	}
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	return nodes
}

func (r *Rabbit) end(t testing.TB) {
	if t.Failed() {
		t.Logf("RabbitMQ on port %d:\n%s", r.Port, r.Log())
	}
	// What it keeps is not needed any more: an orderly end would take three seconds.
	if err := errors.Join(r.Kill(), r.Stop()); err != nil {
		t.Error(err)
	}
}

// RestartRabbit starts a node that was killed or stopped, where it was.
func RestartRabbit(t testing.TB, r *Rabbit) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), startPatience)
	defer cancel()
	if err := r.Start(ctx); err != nil {
		t.Fatal(err)
	}
}

// StartProton starts a Proton broker for a test, and stops it when the test ends. What happened
// to it is shown if the test failed.
func StartProton(t testing.TB, o ProtonOptions) *Proton {
	t.Helper()
	need(t, ProtonMissing())
	ctx, cancel := context.WithTimeout(t.Context(), startPatience)
	defer cancel()
	p, err := LaunchProton(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("Proton broker on port %d:\n%s", p.Port, p.process.Tail(200))
		}
		if err := p.Stop(); err != nil {
			t.Error(err)
		}
	})
	return p
}
