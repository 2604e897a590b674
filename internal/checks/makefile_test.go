package checks

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// A target that make help does not list, nobody finds; one that it lists must be there.
func TestMakeHelpListsEveryTarget(t *testing.T) {
	makefile := read(t, "../../Makefile")
	_, rest, _ := strings.Cut(makefile, ".PHONY:")
	line, _, _ := strings.Cut(rest, "\n")
	targets := strings.Fields(line)
	rules := regexp.MustCompile(`(?m)^([a-z]+):`).FindAllStringSubmatch(makefile, -1)
	told := regexp.MustCompile(`(?m)^([a-z]+):.*## .`).FindAllStringSubmatch(makefile, -1)
	for _, name := range []string{"help", "build", "run", "test", "check", "bench", "fuzz", "soak"} {
		if !slices.Contains(targets, name) {
			t.Errorf("the Makefile has no target %s", name)
		}
	}
	for what, found := range map[string][][]string{"rule": rules, "line in make help (## behind it)": told} {
		for _, name := range targets {
			if !slices.ContainsFunc(found, func(m []string) bool { return m[1] == name }) {
				t.Errorf("target %s has no %s", name, what)
			}
		}
		for _, m := range found {
			if !slices.Contains(targets, m[1]) {
				t.Errorf("target %s is not .PHONY: a file of that name would hide it", m[1])
			}
		}
	}
}

// What every change must pass is all of it: the checks, and the tests under the race detector
// in another order each time.
func TestWhatEveryChangeMustPass(t *testing.T) {
	for file, lines := range map[string][]string{
		"../../.ci/run":  {`(?m)^exec make test$`},
		"../../Makefile": {`(?m)^test:.* check unit\b`, `(?m)^unit:.*\n.* test -race -shuffle=on .*\./\.\.\.$`, `(?m)^check:.*\n.*\.ci/check$`},
		"../../.ci/check": {`(?m)^step format `, `(?m)^step vet .* vet \./\.\.\.$`, `(?m)^step staticcheck .* \./\.\.\.$`, `(?m)^step vulnerabilities `,
			`(?m)^step .* \./internal/checks$`, `(?m)^step .* platforms$`, `for os in linux darwin windows;`, `for arch in amd64 arm64;`},
	} {
		text := read(t, file)
		for _, line := range lines {
			if !regexp.MustCompile(line).MatchString(text) {
				t.Errorf("%s has nothing like %s", strings.TrimPrefix(file, "../../"), line)
			}
		}
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
