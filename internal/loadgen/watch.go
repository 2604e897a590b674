package loadgen

import (
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"time"

	"github.com/meshway/meshway/internal/procstat"
)

// Process is what the load cost a process that was watched.
type Process struct {
	PID           int     `json:"pid"`
	CPUSeconds    float64 `json:"cpuSeconds"`                 // user and system, while measuring
	CPUPerMessage float64 `json:"cpuPerMessage,omitempty"`    // microseconds
	Reads         float64 `json:"readsPerMessage,omitempty"`  // calls; absent where the system does not tell
	Writes        float64 `json:"writesPerMessage,omitempty"` // calls
	Before        int64   `json:"residentBefore"`             // bytes, before the first connection
	Peak          int64   `json:"residentPeak"`               // bytes, the most that was seen
	Growth        int64   `json:"residentGrowth"`             // bytes, from before to peak
	Gone          bool    `json:"gone,omitempty"`             // it ended meanwhile: its CPU and calls are not known
}

// watch reads the figures of processes. The peak is kept by a goroutine between
// begin and end; the rest belongs to the controller.
type watch struct {
	pids   []int
	before []int64
	stop   chan struct{}
	done   sync.WaitGroup

	mu   sync.Mutex
	peak []int64
}

// watchTick is how often memory is looked at. It takes the kernel some 100 us.
const watchTick = 100 * time.Millisecond

func newWatch(pids []int) *watch { return &watch{pids: pids, stop: make(chan struct{})} }

// begin notes the memory before any load, and goes on watching it until end.
func (w *watch) begin() error {
	for _, pid := range w.pids {
		m, err := procstat.Resident(pid)
		if errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("there is no process %d to watch", pid)
		}
		if err != nil {
			return err
		}
		if _, err := procstat.CPU(pid); err != nil {
			return err
		}
		w.before = append(w.before, m)
	}
	w.peak = append([]int64(nil), w.before...)
	if len(w.pids) > 0 {
		w.done.Go(w.follow)
	}
	return nil
}

func (w *watch) follow() {
	t := time.NewTicker(watchTick)
	defer t.Stop()
	for {
		select {
		case <-w.stop:
			return
		case <-t.C:
			w.resident()
		}
	}
}

// resident reads the memory of each process, 0 for one that is gone. It may be
// called from any goroutine.
func (w *watch) resident() []int64 {
	now := make([]int64, len(w.pids))
	w.mu.Lock()
	defer w.mu.Unlock()
	for i, pid := range w.pids {
		now[i], _ = procstat.Resident(pid)
		w.peak[i] = max(w.peak[i], now[i])
	}
	return now
}

// cpu reads the CPU time of each process, 0 for one that is gone.
func (w *watch) cpu() []time.Duration {
	all := make([]time.Duration, len(w.pids))
	for i, pid := range w.pids {
		all[i], _ = procstat.CPU(pid)
	}
	return all
}

// calls counts the read and write calls of each process, none where that is
// not told.
func (w *watch) calls() []procstat.Calls {
	all := make([]procstat.Calls, len(w.pids))
	for i, pid := range w.pids {
		all[i], _ = procstat.CountCalls(pid)
	}
	return all
}

func (w *watch) end() {
	close(w.stop)
	w.done.Wait()
}

// usage tells what each process used between two counts, for the messages that
// arrived, or were sent where none of ours receives.
func (w *watch) usage(receiving bool, from, to counts) []Process {
	messages := to.sent - from.sent
	if receiving {
		messages = to.received - from.received
	}
	var all []Process
	w.mu.Lock()
	defer w.mu.Unlock()
	for i, pid := range w.pids {
		p := Process{PID: pid, Before: w.before[i], Peak: w.peak[i], Growth: w.peak[i] - w.before[i]}
		if to.cpu[i] == 0 {
			p.Gone = true
			all = append(all, p)
			continue
		}
		cpu := to.cpu[i] - from.cpu[i]
		p.CPUSeconds = cpu.Seconds()
		if messages > 0 {
			p.CPUPerMessage = micros(cpu) / float64(messages)
			p.Reads = float64(to.calls[i].Reads-from.calls[i].Reads) / float64(messages)
			p.Writes = float64(to.calls[i].Writes-from.calls[i].Writes) / float64(messages)
		}
		all = append(all, p)
	}
	return all
}
