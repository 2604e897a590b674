package main

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"time"

	"github.com/meshway/meshway/internal/procstat"
)

// others tells how much of the machine's CPU went to processes that are not
// ours: what makes figures worthless.
type others struct {
	began time.Time
	busy  time.Duration // of the machine, then
}

func watchOthers() others { return others{time.Now(), machineCPU()} }

// share returns the others' share since then, 0 to 1, when ours used so much.
// It is 0 where the system does not tell.
func (o others) share(ours time.Duration) float64 {
	now := machineCPU()
	if now == 0 {
		return 0
	}
	all := time.Since(o.began) * time.Duration(runtime.NumCPU())
	return max(float64(now-o.busy-ours)/float64(all), 0)
}

// machineCPU is user and system time of all processes since the machine began,
// without what interrupts took: those are mostly our own packets.
func machineCPU() time.Duration {
	b, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0
	}
	d, err := parseMachine(b)
	if err != nil {
		return 0
	}
	return d
}

// parseMachine reads the first line of /proc/stat: "cpu USER NICE SYSTEM IDLE ...",
// in hundredths of a second.
func parseMachine(b []byte) (time.Duration, error) {
	line, _, _ := bytes.Cut(b, []byte("\n"))
	f := bytes.Fields(line)
	if len(f) < 4 || string(f[0]) != "cpu" {
		return 0, fmt.Errorf("stat: not a line of all CPUs: %q", line)
	}
	var sum time.Duration
	for _, v := range f[1:4] {
		n, err := strconv.ParseInt(string(v), 10, 64)
		if err != nil {
			return 0, err
		}
		sum += time.Duration(n) * 10 * time.Millisecond
	}
	return sum, nil
}

// ownCPU is what this process has used.
func ownCPU() time.Duration {
	d, _ := procstat.CPU(os.Getpid())
	return d
}

// used is the CPU of a process that has exited.
func (p *process) used() time.Duration {
	if s := p.cmd.ProcessState; s != nil {
		return s.UserTime() + s.SystemTime()
	}
	return 0
}
