package loadgen

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func TestBucketsCoverEveryValueOnce(t *testing.T) {
	last := -1
	for _, v := range []int64{0, 1, 63, 64, 127, 128, 129, 130, 255, 256, 1000, 1 << 20, 1<<20 + 1<<14, 1 << 40, math.MaxInt64} {
		i := bucketOf(v)
		if i < last || i >= histogramBuckets {
			t.Errorf("value %d: bucket %d after %d, of %d", v, i, last, histogramBuckets)
		}
		last = i
		if m := bucketMiddle(i); bucketOf(m) != i {
			t.Errorf("the middle of bucket %d, %d, is in bucket %d", i, m, bucketOf(m))
		}
	}
	for i := range histogramBuckets {
		if m := bucketMiddle(i); bucketOf(m) != i {
			t.Fatalf("the middle of bucket %d, %d, is in bucket %d", i, m, bucketOf(m))
		}
	}
}

func TestQuantilesAreWithinOnePercent(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var a, b, h histogram
	var all []int64
	for i := range 20_000 {
		v := int64(math.Exp(r.Float64() * 20)) // 1 ns to half a second
		all = append(all, v)
		if i%3 == 0 {
			a.record(time.Duration(v))
		} else {
			b.record(time.Duration(v))
		}
	}
	h.merge(&a)
	h.merge(&b)
	h.merge(new(histogram))
	slices.Sort(all)
	for _, q := range []float64{0, 0.01, 0.5, 0.9, 0.99, 0.999, 1} {
		rank := min(max(int(q*float64(len(all))+0.5), 1), len(all))
		want, got := float64(all[rank-1]), float64(h.quantile(q))
		if math.Abs(got-want) > want/100+1 {
			t.Errorf("quantile %v: got %v, want %v", q, got, want)
		}
	}
	if int64(h.quantile(0)) != all[0] || int64(h.quantile(1)) != all[len(all)-1] {
		t.Errorf("the ends are kept exactly: got %v, %v", h.quantile(0), h.quantile(1))
	}
}

func TestHistogramOfNothing(t *testing.T) {
	var h histogram
	if h.quantile(0.5) != 0 || h.latency() != nil {
		t.Errorf("got %v, %v", h.quantile(0.5), h.latency())
	}
}

func TestNegativeDurationsCountAsNothing(t *testing.T) {
	var h histogram
	h.record(-5)
	if h.count != 1 || h.max != 0 {
		t.Errorf("got %d, %d", h.count, h.max)
	}
}
