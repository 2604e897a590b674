package procstat

import (
	"bytes"
	"fmt"
	"strconv"
	"time"
)

// tick is the unit of CPU time in /proc/PID/stat: USER_HZ, 100 a second on every
// architecture that Go runs on.
const tick = 10 * time.Millisecond

// Positions in /proc/PID/stat behind the command's name, which stands in
// parentheses and can hold blanks and parentheses of its own. proc(5)
const (
	statUser   = 11
	statSystem = 12
)

// parseStat returns user and system time of the content of /proc/PID/stat.
func parseStat(b []byte) (time.Duration, error) {
	end := bytes.LastIndexByte(b, ')')
	if end < 0 {
		return 0, fmt.Errorf("stat: no command name in %q", b)
	}
	fields := bytes.Fields(b[end+1:])
	if len(fields) <= statSystem {
		return 0, fmt.Errorf("stat: %d fields, want more than %d", len(fields), statSystem)
	}
	var sum time.Duration
	for _, f := range fields[statUser : statSystem+1] {
		n, err := strconv.ParseInt(string(f), 10, 64)
		if err != nil {
			return 0, fmt.Errorf("stat: %w", err)
		}
		sum += time.Duration(n) * tick
	}
	return sum, nil
}

// parseKiB returns the bytes that a line such as "Rss:  1604 kB" tells.
func parseKiB(b []byte, name string) (int64, error) {
	for line := range bytes.Lines(b) {
		rest, ok := bytes.CutPrefix(line, []byte(name+":"))
		if !ok {
			continue
		}
		fields := bytes.Fields(rest)
		if len(fields) != 2 || string(fields[1]) != "kB" {
			return 0, fmt.Errorf("%s: cannot read %q", name, rest)
		}
		n, err := strconv.ParseInt(string(fields[0]), 10, 64)
		return n << 10, err
	}
	return 0, fmt.Errorf("%s: not found", name)
}

// parseCalls returns what the content of /proc/PID/io tells of calls.
func parseCalls(b []byte) (Calls, error) {
	var c Calls
	for _, f := range []struct {
		name string
		to   *int64
	}{{"syscr", &c.Reads}, {"syscw", &c.Writes}, {"wchar", &c.WriteBytes}} {
		_, rest, ok := bytes.Cut(b, []byte(f.name+": "))
		if !ok {
			return Calls{}, fmt.Errorf("io: no %s", f.name)
		}
		line, _, _ := bytes.Cut(rest, []byte("\n"))
		n, err := strconv.ParseInt(string(line), 10, 64)
		if err != nil {
			return Calls{}, fmt.Errorf("io: %w", err)
		}
		*f.to = n
	}
	return c, nil
}
