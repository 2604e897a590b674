package telemetry

import (
	"sync/atomic"
	"time"
)

// Bounds of histograms, in seconds.
var (
	// delayBounds reach from a message that is accepted at once on this machine to one that
	// somebody works on.
	delayBounds = []float64{0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60}
	// workBounds are for what this process computes.
	workBounds = []float64{0.00001, 0.00005, 0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1}
)

// Histogram counts times by their length. It has no lock, and may be used from any goroutine.
type Histogram struct {
	bounds []float64       // immutable
	counts []atomic.Uint64 // by bound, the last for what is above all
	sum    atomic.Int64    // nanoseconds
}

// NewDelays makes a histogram of how long deliveries take.
func NewDelays() *Histogram { return newHistogram(delayBounds) }

// NewWork makes a histogram of how long computations take.
func NewWork() *Histogram { return newHistogram(workBounds) }

func newHistogram(bounds []float64) *Histogram {
	return &Histogram{bounds: bounds, counts: make([]atomic.Uint64, len(bounds)+1)}
}

// Observe counts one. It neither waits nor allocates.
func (h *Histogram) Observe(d time.Duration) {
	i, s := 0, d.Seconds()
	for i < len(h.bounds) && s > h.bounds[i] {
		i++
	}
	h.counts[i].Add(1)
	h.sum.Add(int64(d))
}

// Histogram says what h has counted.
func (s *Sink) Histogram(m *Metric, h *Histogram, labels ...string) {
	buckets := make(map[float64]uint64, len(h.bounds))
	sum := time.Duration(h.sum.Load()).Seconds() // at most what is counted
	count := uint64(0)
	for i := range h.counts {
		count += h.counts[i].Load()
		if i < len(h.bounds) {
			buckets[h.bounds[i]] = count
		}
	}
	s.observed(m, count, sum, buckets, labels...)
}
