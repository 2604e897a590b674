package addrtable

import "testing"

// checkTables checks what must always hold inside.
func checkTables(t *testing.T, ts *Tables) {
	t.Helper()
	ts.mu.Lock()
	defer ts.mu.Unlock()
	total, entries := 0, 0
	for _, tb := range ts.list {
		total += tb.live
		entries += checkOrder(t, ts, tb)
	}
	if total != ts.total {
		t.Fatalf("%d addresses in the tables, %d counted", total, ts.total)
	}
	for _, d := range ts.dead {
		for r := d.head; r != 0; r = ts.entry(r).next {
			entries++
		}
	}
	for i := range ts.shards {
		entries -= ts.shards[i].live
		checkShard(t, ts, i)
	}
	if entries != 0 {
		t.Fatalf("%d entries are in an order and not in a shard", entries)
	}
}

func checkOrder(t *testing.T, ts *Tables, tb *table) (n int) {
	t.Helper()
	var live_, tombs int
	var digest, version uint64
	var sums [buckets]uint64
	prev := ref(0)
	for r := tb.head; r != 0; r = ts.entry(r).next {
		e := ts.entry(r)
		if e.slot != tb.slot || e.prev != prev || e.version < version {
			t.Fatalf("%s: entry %d is out of order: %+v behind version %d", tb.owner, n, e, version)
		}
		switch e.state {
		case live:
			live_++
			h := hashAddress(ts.nameOf(r))
			sums[bucketOf(h)] += hashEntry(h, e.version, e.value)
			digest += hashEntry(h, e.version, e.value)
		case tombstone:
			tombs++
		default:
			t.Fatalf("%s: a free entry in the order", tb.owner)
		}
		prev, version = r, e.version
		n++
	}
	if tb.tail != prev || live_ != tb.live || tombs != tb.tombs || digest != tb.digest {
		t.Fatalf("%s: %d live, %d tombstones, digest %x: counted as %d, %d, %x", tb.owner, live_, tombs, digest, tb.live, tb.tombs, tb.digest)
	}
	if sums != ts.sums(tb) {
		t.Fatalf("%s: the digests of its buckets are wrong", tb.owner)
	}
	if keep := 64 + tb.live/8; tombs > 4*keep+1 || len(tb.graves) > 2*tombs+66 {
		t.Fatalf("%s: %d tombstones and %d graves beside %d addresses", tb.owner, tombs, len(tb.graves), live_)
	}
	return n
}

func checkShard(t *testing.T, ts *Tables, i int) {
	t.Helper()
	sh := &ts.shards[i]
	used, bytes, entries := 0, 0, 0
	for a := range sh.addresses {
		rec := &sh.addresses[a]
		if rec.length == 0 {
			continue
		}
		used++
		bytes += int(rec.length)
		if in, hash := ts.place(sh.name(uint32(a))); in != i || hash != rec.hash || sh.find(hash, sh.name(uint32(a))) != uint32(a) {
			t.Fatalf("address %q is not found", sh.name(uint32(a)))
		}
		if rec.first == 0 {
			t.Fatalf("address %q is kept without an entry", sh.name(uint32(a)))
		}
		for e := rec.first; e != 0; e = sh.entries[e].sibling {
			if entries++; sh.entries[e].addr != uint32(a) || sh.entries[e].state == free {
				t.Fatalf("address %q has an entry that is not its own", sh.name(uint32(a)))
			}
		}
	}
	if used != sh.used || entries != sh.live || bytes+sh.garbage != len(sh.arena) {
		t.Fatalf("shard %d: %d addresses, %d entries, %d bytes: counted as %d, %d, %d", i, used, entries, bytes, sh.used, sh.live, len(sh.arena)-sh.garbage)
	}
}
