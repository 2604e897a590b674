package procstat

import (
	"testing"
	"time"
)

func TestStatWithABracketInTheCommandName(t *testing.T) {
	line := "42 (a) b (c) S 1 42 42 0 -1 4194304 100 0 0 0 150 25 0 0 20 0 9 0 1 2 3\n"
	got, err := parseStat([]byte(line))
	if err != nil || got != 1750*time.Millisecond {
		t.Errorf("got %v, %v, want 1.75s", got, err)
	}
}

func TestStatThatIsNone(t *testing.T) {
	for _, line := range []string{"", "42 name S 1", "42 (x) S 1 2 3", "42 (x) S 1 42 42 0 -1 4194304 100 0 0 0 user 25 0"} {
		if got, err := parseStat([]byte(line)); err == nil {
			t.Errorf("%q: got %v, want an error", line, got)
		}
	}
}

func TestKiBLines(t *testing.T) {
	rollup := []byte("560b2a742000-7ffe0a632000 ---p 00000000 00:00 0 [rollup]\nRss:                1604 kB\nPss:                 242 kB\n")
	if got, err := parseKiB(rollup, "Rss"); err != nil || got != 1604<<10 {
		t.Errorf("got %d, %v", got, err)
	}
	for _, bad := range []string{"", "Rss: 12\n", "Rss: 12 MB\n", "Rss: x kB\n"} {
		if got, err := parseKiB([]byte(bad), "Rss"); err == nil {
			t.Errorf("%q: got %d, want an error", bad, got)
		}
	}
}

func TestCalls(t *testing.T) {
	io := []byte("rchar: 10\nwchar: 20\nsyscr: 30\nsyscw: 40\nread_bytes: 0\n")
	if got, err := parseCalls(io); err != nil || got != (Calls{30, 40, 20}) {
		t.Errorf("got %+v, %v", got, err)
	}
	for _, bad := range []string{"", "syscr: 30\n", "syscr: x\nsyscw: 40\nwchar: 1\n", "syscr: 3\nsyscw: 40\n"} {
		if got, err := parseCalls([]byte(bad)); err == nil {
			t.Errorf("%q: got %+v, want an error", bad, got)
		}
	}
}
