package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/meshway/meshway/internal/loadgen"
)

// testCase is one load, and what its result says.
type testCase struct {
	name  string // for -run
	shape *shape // the mesh that it is put on; nil is a single router
	relay bool   // also measured through the byte relay
	lossy bool   // what is lost is a figure, not a failure

	args  func(length time.Duration) []string // of `meshway bench`
	full  time.Duration                       // the length to use
	short time.Duration                       // the same in a hurry; 0 is no shorter

	fault  func(*process) error // strikes the second router of the mesh meanwhile; nil is none
	beside []string             // another load that gets stuck, before the load is made again; nil is none
	crowd  bool                 // very many addresses come, and then change, before the load is made again

	rows    []string // that it fills
	figures func(*loadgen.Result) map[string]float64
	again   func(first, second *loadgen.Result) map[string]float64 // of the same load a second time on the same routers; nil is none

	// simulate measures without load and processes, and all else but name and rows is
	// unused; nil for others.
	simulate func(ctx context.Context, quick bool) (map[string]float64, error)
}

const (
	fullLength  = 5 * time.Second
	pacedLength = 10 * time.Second
	holdLength  = 15 * time.Second // the router looks at what it can give back every 10 s
)

var cases = slices.Concat(routerCases, meshCases, simulatedCases)

var routerCases = []testCase{
	messages("P1", fullLength, []string{"p1", "p2"}, func(r *loadgen.Result) map[string]float64 {
		return map[string]float64{"p1": cpu(r), "p2": r.Rate / 1e3}
	}),
	messages("P3", fullLength, []string{"p3"}, cpuIs("p3"), "--pairs", "4"),
	messages("P4", fullLength, []string{"p4"}, cpuIs("p4"), "--size", "100000"),
	messages("P5", fullLength, []string{"p5latency", "p5cpu"}, func(r *loadgen.Result) map[string]float64 {
		return map[string]float64{"p5latency": median50(r), "p5cpu": cpu(r)}
	}, "--window", "1"),
	{
		name: "P8", relay: true, lossy: true, rows: []string{"p8lost", "p8cpu"},
		args: func(time.Duration) []string { return []string{"--settle", "settled", "--count", "2000000"} },
		figures: func(r *loadgen.Result) map[string]float64 {
			return map[string]float64{"p8cpu": cpu(r), "p8lost": float64(r.Total.Lost)}
		},
	},
	{
		name: "P9", full: holdLength, rows: []string{"p9memory", "p9back", "p9again"},
		args: func(hold time.Duration) []string {
			return []string{"--idle", "10000", "--hold", hold.String(), "--return", "60s"}
		},
		figures: func(r *loadgen.Result) map[string]float64 {
			c := r.Idle.Costs[0]
			return map[string]float64{"p9memory": c.PerConnection / 1024, "p9back": 100 * c.AfterShare}
		},
		// The runtime never frees what it manages memory by; whether
		// anything else stays shows the second time, when they are there already.
		again: func(_, second *loadgen.Result) map[string]float64 {
			return map[string]float64{"p9again": 100 * second.Idle.Costs[0].AfterShare}
		},
	},
	{
		name: "P10", relay: true, rows: []string{"p10"},
		args: func(time.Duration) []string {
			return []string{"--idle", "5000", "--hold", "0s", "--concurrency", "4"}
		},
		figures: func(r *loadgen.Result) map[string]float64 {
			return map[string]float64{"p10": r.Idle.Costs[0].CPUPerOpen}
		},
	},
	messages("P16-20", fullLength, []string{"p16a", "p16order"}, inOrder("p16a"), "--credit", "20", "--check-order"),
	messages("P16-100", fullLength, []string{"p16b"}, inOrder("p16b"), "--credit", "100", "--check-order"),
	messages("P17", fullLength, []string{"p17cpu", "p17memory"}, func(r *loadgen.Result) map[string]float64 {
		return map[string]float64{"p17cpu": cpu(r), "p17memory": float64(r.Processes[0].Peak) / 1e6}
	}, "--senders", "200"),
	messages("P18", pacedLength, []string{"p18"}, cpuIs("p18"), "--senders", "200", "--rate", "100"),
	messages("P19", fullLength, []string{"p19"}, cpuIs("p19"), "--receivers", "200"),
	{
		name: "stream", rows: []string{"stream"},
		args: func(time.Duration) []string { return []string{"--stream", "2GB", "--read-rate", "200MB"} },
		figures: func(r *loadgen.Result) map[string]float64 {
			return map[string]float64{"stream": float64(r.Processes[0].Growth) / (1 << 20)}
		},
	},
}

// messages is a case that sends for a time, and is measured through the relay
// as well.
func messages(name string, length time.Duration, rows []string, figures func(*loadgen.Result) map[string]float64, args ...string) testCase {
	return testCase{
		name: name, full: length, short: length / 2, relay: true, rows: rows, figures: figures,
		args: func(length time.Duration) []string {
			return append([]string{"--warmup", "1s", "--duration", length.String()}, args...)
		},
	}
}

// cpu is the CPU of all processes that were watched, in microseconds a message.
func cpu(r *loadgen.Result) (sum float64) {
	for _, p := range r.Processes {
		sum += p.CPUPerMessage
	}
	return sum
}

func cpuIs(key string) func(*loadgen.Result) map[string]float64 {
	return func(r *loadgen.Result) map[string]float64 { return map[string]float64{key: cpu(r)} }
}

func inOrder(key string) func(*loadgen.Result) map[string]float64 {
	return func(r *loadgen.Result) map[string]float64 {
		o := r.Order
		return map[string]float64{key: cpu(r), "p16order": float64(o.Missing + o.Reordered + o.Duplicates)}
	}
}

// check says what must not happen in any case, whatever it measures.
func (c *testCase) check(r *loadgen.Result) error {
	switch {
	case r.Idle != nil:
		return nil
	case cpu(r) == 0:
		return errors.New("the processes that were watched did nothing: somebody else answers on their ports")
	case r.Received == 0:
		return fmt.Errorf("no message arrived")
	case r.Unsettled > 0:
		return fmt.Errorf("%d messages were never settled", r.Unsettled)
	case r.Total.Corrupt > 0:
		return fmt.Errorf("%d streamed messages were corrupt", r.Total.Corrupt)
	case r.Total.Lost > 0 && !c.lossy:
		return fmt.Errorf("%d messages were lost", r.Total.Lost)
	case r.Ledger != nil && r.Ledger.Twice > 0:
		return fmt.Errorf("%d messages were received twice", r.Ledger.Twice)
	}
	return nil
}
