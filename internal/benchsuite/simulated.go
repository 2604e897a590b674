package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"strings"
)

// Cases in which whole meshes run in one process, in virtual time: what else runs on
// the machine makes them slower, and changes nothing.
var simulatedCases = []testCase{
	{name: "P13", rows: []string{"p13", "p13ring", "p13line", "p13cpu"}, simulate: convergence},
}

// converged is what is used of one mesh's figures, as internal/convergence prints them.
type converged struct {
	Kind    string
	Lost    float64 // milliseconds until all have new routes
	Added   float64
	Compute float64 // milliseconds
}

// convergence measures meshes of 200 routers; in a hurry, one of them.
func convergence(ctx context.Context, quick bool) (map[string]float64, error) {
	kinds := "random,ring,line"
	if quick {
		kinds = "random"
	}
	cmd := exec.CommandContext(ctx, "go", "test", "./internal/convergence", "-run", "^TestFigures$", "-v", "-count=1", "-timeout=1h",
		"-figures", "-brief", "-sizes=200", "-kinds="+kinds)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("go test ./internal/convergence: %w\n%s", err, out)
	}
	return convergenceFigures(string(out))
}

// convergenceFigures finds the figures among what the tests print.
func convergenceFigures(out string) (map[string]float64, error) {
	keys := map[string]string{"random": "p13", "ring": "p13ring", "line": "p13line"}
	figures := map[string]float64{}
	for line := range strings.Lines(out) {
		var c converged
		if json.Unmarshal([]byte(line), &c) != nil || keys[c.Kind] == "" {
			continue
		}
		figures[keys[c.Kind]] = max(c.Lost, c.Added)
		figures["p13cpu"] = max(figures["p13cpu"], 1000*c.Compute)
	}
	if len(figures) == 0 {
		return nil, errors.New("go test ./internal/convergence printed no figures")
	}
	return figures, nil
}
