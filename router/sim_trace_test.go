package router_test

import (
	"fmt"
	"strings"
	"time"
)

// trace keeps what happened, to be read when a law does not hold.
type trace struct {
	lines []string
	began time.Time
}

func (t *trace) add(line string) {
	if t.began.IsZero() {
		t.began = time.Now()
	}
	t.lines = append(t.lines, fmt.Sprintf("%9.3fs %s", time.Since(t.began).Seconds(), line))
}

// last is the last n lines.
func (t *trace) last(n int) string {
	var b strings.Builder
	first := max(len(t.lines)-n, 0)
	if first > 0 {
		fmt.Fprintf(&b, "  (%d lines before: see all with -trace)\n", first)
	}
	for _, line := range t.lines[first:] {
		fmt.Fprintf(&b, "  %s\n", line)
	}
	return b.String()
}
