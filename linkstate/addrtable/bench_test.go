package addrtable

import (
	"fmt"
	"runtime"
	"testing"
	"time"
)

const million = 1_000_000

// noon is when stories begin that need no other time.
var noon = time.Unix(43200, 0)

// pair are two neighbours that have told each other what they have: one owns what
// the other copies.
type pair struct {
	t              testing.TB
	source, target *Tables
	own            *Own
	now            time.Time
	bytes          int
}

func newPair(t testing.TB, o Options) *pair {
	p := &pair{t: t, source: New(Options{}), target: New(o), now: noon}
	var err error
	if p.own, err = p.source.Originate(Owner{Router, "source"}, 1); err != nil {
		t.Fatal(err)
	}
	p.target.Unmask(Owner{Router, "source"})
	p.source.AdjacencyUp("target")
	p.target.AdjacencyUp("source")
	p.exchange()
	return p
}

// exchange passes messages on, without delay, until there are no more.
func (p *pair) exchange() {
	p.t.Helper()
	for more := true; more; {
		more = p.pass(p.source, "target", p.target, "source")
		more = p.pass(p.target, "source", p.source, "target") || more
	}
}

func (p *pair) pass(from *Tables, to string, at *Tables, name string) bool {
	p.t.Helper()
	msg := from.Next(to, p.now, 64<<10)
	if msg == nil {
		return false
	}
	p.bytes += len(msg)
	if _, err := at.Receive(name, msg, p.now); err != nil {
		p.t.Fatal(err)
	}
	return true
}

// fill sets addresses of 20 bytes.
func (p *pair) fill(n int) {
	for i := range n {
		if err := p.own.Set(device(i), Entry{Flags: Open}); err != nil {
			p.t.Fatal(err)
		}
	}
}

func device(i int) string { return fmt.Sprintf("devices/%08d/cmd", i) }

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// remote returns the bytes of heap, and of messages, that each of n remote
// addresses of 20 bytes costs.
func remote(t testing.TB, n int) (kept, sent float64) {
	p := newPair(t, Options{})
	p.fill(n)
	before := heap()
	p.exchange()
	kept = float64(heap()-before) / float64(n)
	if len(p.target.Owners(device(n-1), nil)) != 1 {
		t.Error("the last address did not arrive")
	}
	runtime.KeepAlive(p)
	return kept, float64(p.bytes) / float64(n)
}

func TestARemoteAddressCostsLittleMemory(t *testing.T) {
	kept, sent := remote(t, 40_000)
	t.Logf("%.1f bytes of heap and %.1f bytes of messages for an address of %d bytes", kept, sent, len(device(0)))
	if kept > 100 {
		t.Errorf("a remote address costs %.1f bytes of heap: more than 100", kept)
	}
	if sent > 20 {
		t.Errorf("a remote address costs %.1f bytes of messages: more than 20", sent)
	}
}

func BenchmarkMemoryOfAMillion(b *testing.B) {
	var kept, sent float64
	for b.Loop() {
		kept, sent = remote(b, million)
	}
	b.ReportMetric(kept, "heap-B/address")
	b.ReportMetric(sent, "wire-B/address")
}

func BenchmarkApplyMillion(b *testing.B) {
	for range b.N {
		b.StopTimer()
		p := newPair(b, Options{})
		p.fill(million)
		var messages [][]byte
		for msg := p.source.Next("target", p.now, 64<<10); msg != nil; msg = p.source.Next("target", p.now, 64<<10) {
			messages = append(messages, msg)
			p.bytes += len(msg)
		}
		b.StartTimer()
		for _, msg := range messages {
			if _, err := p.target.Receive("source", msg, p.now); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(p.bytes)/million, "wire-B/entry")
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/million, "ns/entry")
}

// One second in which 10,000 of 100,000 addresses change, sent every 50 ms: at the
// owner and at a router that copies it.
func BenchmarkTenThousandChangesASecond(b *testing.B) {
	p := newPair(b, Options{})
	p.fill(100_000)
	p.exchange()
	p.bytes = 0
	i := 0
	for b.Loop() {
		for range 20 {
			for range 500 {
				i++
				n := i * 7919 % 100_000
				if i%4 == 0 {
					p.own.Delete(device(n))
				} else if err := p.own.Set(device(n), Entry{Phase: uint8(i)}); err != nil {
					b.Fatal(err)
				}
			}
			p.exchange()
		}
	}
	b.ReportMetric(float64(p.bytes)/float64(i), "wire-B/change")
}

func BenchmarkOwners(b *testing.B) {
	p := newPair(b, Options{})
	p.fill(100_000)
	p.exchange()
	names := make([]string, 1024)
	for i := range names {
		names[i] = device(i * 97)
	}
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		buf := make([]OwnerRef, 0, 8)
		for i := 0; pb.Next(); i++ {
			buf = p.target.Owners(names[i%len(names)], buf[:0])
		}
	})
}
