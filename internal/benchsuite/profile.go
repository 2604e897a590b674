package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// profile records where the CPU of processes goes until the returned function
// is called: into CASE.perf for `perf report`, and the hottest functions into
// CASE.txt. The kernel's part is in it too.
func (s *suite) profile(c *testCase, watch []*process) (stop func(), err error) {
	if s.profiles == "" {
		return func() {}, nil
	}
	if err := os.MkdirAll(s.profiles, 0o755); err != nil {
		return nil, err
	}
	var pids []string
	for _, p := range watch {
		pids = append(pids, strconv.Itoa(p.pid()))
	}
	data := filepath.Join(s.profiles, c.name+".perf")
	perf, err := start("perf", "perf", "record", "-q", "-e", "cpu-clock", "-F", "999", "-g", "-o", data, "-p", strings.Join(pids, ","))
	if err != nil {
		return nil, fmt.Errorf("%w (Debian: linux-perf)", err)
	}
	return func() {
		perf.stop()
		if err := report(data, filepath.Join(s.profiles, c.name+".txt")); err != nil {
			s.say("%s: %v", c.name, err)
		}
	}, nil
}

func report(data, to string) error {
	out, err := exec.Command("perf", "report", "-i", data, "--stdio", "--no-children", "-g", "none", "--percent-limit", "0.5").Output()
	if err != nil {
		return fmt.Errorf("perf report: %w", err)
	}
	return os.WriteFile(to, out, 0o644)
}
