package loadgen

import (
	"math/bits"
	"time"
)

// histogram counts durations in buckets whose width grows with the value, so
// that any duration from a nanosecond to minutes is kept within 1 %. It belongs
// to one goroutine. The zero histogram is empty.
//
// A value's bucket is its highest bit and the six below it: 64 buckets for each
// doubling.
type histogram struct {
	count   uint64
	sum     float64 // nanoseconds
	min     int64
	max     int64
	buckets [histogramBuckets]uint64
}

const (
	subBits          = 6
	subBuckets       = 1 << subBits
	histogramBuckets = (63 - subBits + 1) * subBuckets
)

// bucketOf returns the bucket of a value of at least 0.
func bucketOf(v int64) int {
	if v < 2*subBuckets {
		return int(v)
	}
	shift := bits.Len64(uint64(v)) - subBits - 1
	return shift*subBuckets + int(v>>shift)
}

// bucketMiddle returns the middle of a bucket's values.
func bucketMiddle(i int) int64 {
	if i < 2*subBuckets {
		return int64(i)
	}
	shift := i/subBuckets - 1
	low := int64(i-shift*subBuckets) << shift
	return low + int64(1)<<shift/2
}

// record counts a duration. Clocks that disagree can make it negative, which
// counts as 0.
func (h *histogram) record(d time.Duration) {
	v := max(int64(d), 0)
	if h.count == 0 || v < h.min {
		h.min = v
	}
	h.max = max(h.max, v)
	h.count++
	h.sum += float64(v)
	h.buckets[bucketOf(v)]++
}

// merge adds what another one counted.
func (h *histogram) merge(o *histogram) {
	if o.count == 0 {
		return
	}
	if h.count == 0 || o.min < h.min {
		h.min = o.min
	}
	h.max = max(h.max, o.max)
	h.count += o.count
	h.sum += o.sum
	for i, n := range o.buckets {
		h.buckets[i] += n
	}
}

// quantile returns the duration that the given share of all, 0 to 1, does not
// exceed.
func (h *histogram) quantile(q float64) time.Duration {
	if h.count == 0 {
		return 0
	}
	rank := uint64(q*float64(h.count) + 0.5)
	rank = min(max(rank, 1), h.count)
	switch rank {
	case 1:
		return time.Duration(h.min)
	case h.count:
		return time.Duration(h.max)
	}
	var seen uint64
	for i, n := range h.buckets {
		if seen += n; seen >= rank {
			return time.Duration(min(max(bucketMiddle(i), h.min), h.max))
		}
	}
	return time.Duration(h.max)
}

// Latency summarises durations, in microseconds.
type Latency struct {
	Samples uint64  `json:"samples"`
	Mean    float64 `json:"mean"`
	Min     float64 `json:"min"`
	P50     float64 `json:"p50"`
	P90     float64 `json:"p90"`
	P99     float64 `json:"p99"`
	P999    float64 `json:"p999"`
	Max     float64 `json:"max"`
}

// latency summarises the histogram; nil when it is empty.
func (h *histogram) latency() *Latency {
	if h.count == 0 {
		return nil
	}
	at := func(q float64) float64 { return micros(h.quantile(q)) }
	return &Latency{
		Samples: h.count, Mean: h.sum / float64(h.count) / 1e3,
		Min: micros(time.Duration(h.min)), P50: at(0.5), P90: at(0.9), P99: at(0.99), P999: at(0.999),
		Max: micros(time.Duration(h.max)),
	}
}

func micros(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e3 }
