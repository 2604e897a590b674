package main

import (
	"fmt"
	"time"

	"github.com/meshway/meshway/internal/loadgen"
)

const (
	slowReader   = 10_500_000  // bytes a second: 100,000 messages of 100 bytes
	streamReader = 200_000_000 // bytes a second
)

var meshCases = []testCase{
	onChain(messages("P6", fullLength, []string{"p6"}, cpuIs("p6"))),
	onChain(messages("P7", fullLength, []string{"p7latency", "p7cpu"}, func(r *loadgen.Result) map[string]float64 {
		return map[string]float64{"p7latency": median50(r), "p7cpu": cpu(r)}
	}, "--window", "1")),
	{
		name: "P8-chain", shape: chain, lossy: true, rows: []string{"p8chain"},
		args: func(time.Duration) []string {
			return []string{"--settle", "settled", "--count", "500000", "--read-rate", fmt.Sprint(slowReader)}
		},
		figures: func(r *loadgen.Result) map[string]float64 {
			return map[string]float64{"p8chain": float64(r.Total.Lost)}
		},
	},
	fault("P11", square, (*process).end, "p11", "p11lost"),
	fault("P11-tilted", tilted, (*process).end, "p11tilted"),
	fault("P11-ring", ring, (*process).end, "p11ring"),
	fault("P11-calm", square, nothing, "p11calm"),
	fault("P12", square, (*process).suspend, "p12", "p12lost"),
	{
		name: "P14", shape: chain, lossy: true, crowd: true, full: 20 * time.Second, short: 5 * time.Second,
		rows: []string{"p14", "p14resident", "p14cpu", "p14latency", "p14lost"},
		args: func(length time.Duration) []string {
			return []string{"--rate", "500", "--warmup", "1s", "--duration", length.String(), "--ledger"}
		},
		figures: func(*loadgen.Result) map[string]float64 { return nil },
		again: func(before, beside *loadgen.Result) map[string]float64 {
			l := beside.Ledger
			return map[string]float64{
				"p14cpu":     100 * (inBetween(beside) - inBetween(before)),
				"p14latency": median50(beside) / median50(before),
				"p14lost":    float64(l.Undelivered + l.Doubtful + l.Twice),
			}
		},
	},
	{
		name: "P15", shape: chain, full: 20 * time.Second, short: 5 * time.Second, rows: []string{"p15"},
		args: func(length time.Duration) []string {
			size := fmt.Sprintf("%.0f", length.Seconds()*streamReader)
			return []string{"--stream", size, "--read-rate", fmt.Sprint(streamReader)}
		},
		figures: func(r *loadgen.Result) map[string]float64 {
			most := int64(0)
			for _, p := range r.Processes {
				most = max(most, p.Growth)
			}
			return map[string]float64{"p15": float64(most) / (1 << 20)}
		},
	},
	{
		name: "P20", shape: chain, full: fullLength, short: fullLength / 2, rows: []string{"p20"},
		args: func(length time.Duration) []string {
			return []string{"--warmup", "1s", "--duration", length.String(), "--window", "1"}
		},
		beside:  []string{"--pairs", "2", "--stream", "1GB", "--read-rate", "1kB"},
		figures: func(*loadgen.Result) map[string]float64 { return nil },
		again: func(alone, beside *loadgen.Result) map[string]float64 {
			return map[string]float64{"p20": median50(beside) / median50(alone)}
		},
	},
}

// inBetween is the CPU of the router in the middle of a chain, in cores.
func inBetween(r *loadgen.Result) float64 {
	if len(r.Processes) <= strikeAt || r.Seconds == 0 {
		return 0
	}
	return r.Processes[strikeAt].CPUSeconds / r.Seconds
}

// onChain puts a case on a chain of three routers.
func onChain(c testCase) testCase {
	c.shape = chain
	return c
}

// nothing strikes a router: what then looks like a fault is the machine's.
func nothing(*process) error { return nil }

// fault is a case in which something strikes the router on the path. The first of
// its rows is the longest silence then, the second, if there is one, how many messages
// were not delivered.
func fault(name string, on *shape, strike func(*process) error, rows ...string) testCase {
	return testCase{
		name: name, shape: on, fault: strike, rows: rows,
		args: func(time.Duration) []string {
			return []string{"--rate", "2000", "--warmup", "1s", "--duration", "8s", "--ledger"}
		},
		figures: func(r *loadgen.Result) map[string]float64 {
			f := map[string]float64{rows[0]: 0}
			if s := r.Ledger.Silences; len(s) > 0 {
				f[rows[0]] = s[0].Milliseconds
			}
			if len(rows) > 1 {
				f[rows[1]] = float64(r.Ledger.Undelivered)
			}
			return f
		},
	}
}

// median50 is the median of the one-way latency, in microseconds.
func median50(r *loadgen.Result) float64 {
	if r.Latency == nil {
		return 0
	}
	return r.Latency.P50
}
