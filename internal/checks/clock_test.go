package checks

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// timeOfDay is how a time loses the part of it that no setting of a clock moves.
var timeOfDay = regexp.MustCompile(`\.Unix(Nano|Micro|Milli)?\(\)|\.Round\(0\)`)

// sayTheTime are the lines of the packages that forward which may ask for the time of day: for
// what people read, and for incarnations, which only begin with it and then rise.
var sayTheTime = []string{
	`column(typeNumber, "time"`,
	"x.changed.Store(now.Unix())",
	"uint64(x.started.UnixMilli())",
	"uint64(max(1, cfg.Started.UnixMilli()))",
	"uint64(max(0, o.started.UnixMilli()))",
}

// decidedByTheTimeOfDay are the other lines of a file that ask for it.
func decidedByTheTimeOfDay(path, text string) (lines []string) {
next:
	for i, line := range strings.Split(text, "\n") {
		if !timeOfDay.MatchString(line) {
			continue
		}
		for _, allowed := range sayTheTime {
			if strings.Contains(line, allowed) {
				continue next
			}
		}
		lines = append(lines, fmt.Sprintf("%s:%d: %s", path, i+1, strings.TrimSpace(line)))
	}
	return lines
}

// A router whose clock is set an hour back must not wait for an hour: what waits, waits by the
// monotonic clock.
func TestNothingIsDecidedByTheTimeOfDay(t *testing.T) {
	seen := 0
	for _, folder := range []string{"router", "broker-link", "routing", "linkstate", "linkstate/gossip", "linkstate/addrtable", "internal/amqp", "internal/backoff"} {
		files, err := filepath.Glob(filepath.Join("..", "..", folder, "*.go"))
		if err != nil || len(files) == 0 {
			t.Fatalf("no files in %s: %v", folder, err)
		}
		for _, path := range files {
			if strings.HasSuffix(path, "_test.go") {
				continue
			}
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			seen += len(timeOfDay.FindAll(text, -1))
			for _, line := range decidedByTheTimeOfDay(path, string(text)) {
				t.Errorf("%s: compare times, or what has elapsed since one, instead of the time of day", line)
			}
		}
	}
	if seen < len(sayTheTime) {
		t.Errorf("the time of day is asked for %d times, and %d may: is the list out of date?", seen, len(sayTheTime))
	}
}

func TestTheClockRuleBites(t *testing.T) {
	text := "x.changed.Store(now.Unix())\nif time.Now().UnixNano()-last < patience {\nsince.Round(0)\nx.Round(time.Second)\n"
	got := strings.Join(decidedByTheTimeOfDay("f.go", text), "\n")
	if want := "f.go:2: if time.Now().UnixNano()-last < patience {\nf.go:3: since.Round(0)"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
