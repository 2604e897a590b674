package addrtable

// Owners appends to buf the reachable owners that have an address, and returns it.
// Among equals, the order means nothing. It waits for no message that is applied.
func (t *Tables) Owners(addr string, buf []OwnerRef) []OwnerRef {
	var room [128]byte // nothing is allocated for names up to here
	name := append(room[:0], addr...)
	in, hash := t.place(name)
	sh := &t.shards[in]
	sh.mu.RLock()
	defer sh.mu.RUnlock()
	if a := sh.find(hash, name); a != 0 {
		buf = t.appendOwners(sh, a, buf)
	}
	return buf
}

// appendOwners lists the reachable owners of an address's record. The caller holds
// the shard's lock.
func (t *Tables) appendOwners(sh *shard, a uint32, buf []OwnerRef) []OwnerRef {
	owners := *t.owners.Load()
	for i := sh.addresses[a].first; i != 0; i = sh.entries[i].sibling {
		e := &sh.entries[i]
		if e.state != live || int(e.slot) >= len(owners) {
			continue
		}
		if info := owners[e.slot]; info != nil && !info.masked.Load() {
			buf = append(buf, OwnerRef{info.owner, e.value})
		}
	}
	return buf
}

// Known says whether an owner other than one has the address, reachable or not.
func (t *Tables) Known(addr string, other Owner) bool {
	in, hash := t.place([]byte(addr))
	sh := &t.shards[in]
	sh.mu.RLock()
	defer sh.mu.RUnlock()
	a := sh.find(hash, []byte(addr))
	if a == 0 {
		return false
	}
	owners := *t.owners.Load()
	for i := sh.addresses[a].first; i != 0; i = sh.entries[i].sibling {
		e := &sh.entries[i]
		if e.state == live && int(e.slot) < len(owners) && owners[e.slot] != nil && owners[e.slot].owner != other {
			return true
		}
	}
	return false
}

// Watch has OnChange called for an address from now on. Whoever asks Owners after
// it misses no change. Watching twice is watching once.
func (t *Tables) Watch(addr string) {
	in, _ := t.place([]byte(addr))
	sh := &t.shards[in]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if sh.watched == nil {
		sh.watched = map[string]string{}
	}
	sh.watched[addr] = addr
}

// Unwatch ends Watch. A call that is under way may still come.
func (t *Tables) Unwatch(addr string) {
	in, _ := t.place([]byte(addr))
	sh := &t.shards[in]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	delete(sh.watched, addr)
	if len(sh.watched) == 0 {
		sh.watched = nil
	}
}

// tell notes that the answer for an address has changed. The caller holds the
// shard's lock.
func (t *Tables) tell(sh *shard, name []byte) {
	if _, ok := t.always[string(name)]; ok {
		t.changed = append(t.changed, string(name))
		return
	}
	if addr, ok := sh.watched[string(name)]; ok {
		t.changed = append(t.changed, addr)
	}
}

// maxAlways bounds how many addresses are watched without being asked for.
const maxAlways = 1 << 16

// noteAlways remembers an address that is watched without being asked for. The caller
// holds the tables' mutex.
func (t *Tables) noteAlways(name []byte) {
	for _, p := range t.options.Always {
		if len(name) >= len(p) && string(name[:len(p)]) == p && len(t.always) < maxAlways {
			t.always[string(name)] = struct{}{}
		}
	}
}

// tellWatchers notes that the answers for all of a table's addresses change. It goes
// through what is fewer: these, or those that are watched.
func (t *Tables) tellWatchers(tb *table) {
	watched := len(t.always)
	for i := range t.shards {
		sh := &t.shards[i]
		sh.mu.RLock()
		watched += len(sh.watched)
		sh.mu.RUnlock()
	}
	if tb.live+tb.tombs < watched {
		t.tellOfEntries(tb)
		return
	}
	for addr := range t.always {
		if _, ok := t.value(t.spot(tb, []byte(addr))); ok {
			t.changed = append(t.changed, addr)
		}
	}
	for i := range t.shards {
		sh := &t.shards[i]
		sh.mu.RLock()
		for addr := range sh.watched {
			if _, ok := t.value(t.spot(tb, []byte(addr))); ok {
				t.changed = append(t.changed, addr)
			}
		}
		sh.mu.RUnlock()
	}
}

func (t *Tables) tellOfEntries(tb *table) {
	for r := tb.head; r != 0; {
		e := t.entry(r)
		if e.state == live {
			sh := &t.shards[r.shard()]
			sh.mu.RLock()
			t.tell(sh, t.nameOf(r))
			sh.mu.RUnlock()
		}
		r = e.next
	}
}

// eachPage is how many addresses Each looks at under one lock.
const eachPage = 512

// Each calls f with every address and its reachable owners, until it returns false.
// The order means nothing; owners is valid during the call. No lock is held then,
// so what changes meanwhile may be seen or not.
func (t *Tables) Each(f func(addr string, owners []OwnerRef) bool) {
	type found struct {
		addr string
		end  int
	}
	var page []found
	var owners []OwnerRef
	for i := range t.shards {
		sh := &t.shards[i]
		for from, more := 0, true; more; from += eachPage {
			page, owners = page[:0], owners[:0]
			sh.mu.RLock()
			to := min(from+eachPage, len(sh.addresses))
			more = to < len(sh.addresses)
			for a := from; a < to; a++ {
				if sh.addresses[a].length == 0 {
					continue
				}
				had := len(owners)
				if owners = t.appendOwners(sh, uint32(a), owners); len(owners) > had {
					page = append(page, found{string(sh.name(uint32(a))), len(owners)})
				}
			}
			sh.mu.RUnlock()
			begin := 0
			for _, p := range page {
				if !f(p.addr, owners[begin:p.end:p.end]) {
					return
				}
				begin = p.end
			}
		}
	}
}
