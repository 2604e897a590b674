package addrtable

import "fmt"

// Own is a table that is originated here. Its methods may be called from any
// goroutine.
type Own struct {
	tables *Tables
	table  *table
}

// Originate makes the table of an owner that this process speaks for. Its
// incarnation is at least 1, and above that of any earlier life of the owner. The
// owner's table must not be known yet.
func (t *Tables) Originate(o Owner, incarnation uint64) (*Own, error) {
	if o.ID == "" || len(o.ID) > maxOwnerID {
		return nil, fmt.Errorf("address table of %s: its id must have 1 to %d bytes", o, maxOwnerID)
	}
	t.mu.Lock()
	defer t.unlock()
	if t.byOwner[o] != nil || len(t.list) >= maxOwners {
		return nil, fmt.Errorf("address table of %s: there is one already, or there are more than %d", o, maxOwners)
	}
	tb := &table{owner: o, own: true, marks: make([]mark, len(t.bySlot))}
	tb.incarnation, tb.exact = max(incarnation, 1), true
	t.openSlot(tb)
	t.byOwner[o] = tb
	t.list = append(t.list, tb)
	return &Own{tables: t, table: tb}, nil
}

// Set says that the owner has users of an address. It is refused if the address is
// empty, longer than MaxAddress, or one too many.
func (o *Own) Set(addr string, e Entry) error {
	if addr == "" || len(addr) > MaxAddress {
		return fmt.Errorf("address %.40q of %s: it must have 1 to %d bytes", addr, o.table.owner, MaxAddress)
	}
	t, tb := o.tables, o.table
	t.mu.Lock()
	defer t.unlock()
	name := []byte(addr)
	s := t.spot(tb, name)
	if was, ok := t.value(s); ok && was == e {
		return nil
	} else if !ok && !t.room(tb) {
		return t.tooMany(tb)
	}
	t.store(tb, s, name, tb.version+1, e, live, tb.tail)
	t.moved(tb)
	return nil
}

// Delete says that the owner has no more users of an address.
func (o *Own) Delete(addr string) {
	t, tb := o.tables, o.table
	t.mu.Lock()
	defer t.unlock()
	name := []byte(addr)
	s := t.spot(tb, name)
	if _, ok := t.value(s); !ok {
		return
	}
	t.store(tb, s, name, tb.version+1, Entry{}, tombstone, tb.tail)
	t.moved(tb)
}

// HasRoom says whether what Set has refused because it was one too many is worth
// trying again: a tenth of what may be there is free.
func (o *Own) HasRoom() bool {
	o.tables.mu.Lock()
	defer o.tables.mu.Unlock()
	return o.tables.roomAgain(o.table)
}

// Get returns what the owner says of an address, and whether it has it.
func (o *Own) Get(addr string) (Entry, bool) {
	o.tables.mu.Lock()
	defer o.tables.mu.Unlock()
	return o.tables.value(o.tables.spot(o.table, []byte(addr)))
}

// Word is what the owner's link-state advertisement says of the table.
func (o *Own) Word() (incarnation, version, digest uint64) {
	o.tables.mu.Lock()
	defer o.tables.mu.Unlock()
	return o.table.incarnation, o.table.version, o.table.digest
}

// Reincarnate gives the table a higher incarnation with the same content: all
// copies are made anew. A lower one is ignored.
func (o *Own) Reincarnate(incarnation uint64) {
	t, tb := o.tables, o.table
	t.mu.Lock()
	defer t.unlock()
	if incarnation > tb.incarnation {
		tb.incarnation = incarnation
		t.queueAll(tb)
	}
}

// value returns what a table says at a spot, and whether it says anything.
func (t *Tables) value(s spot) (Entry, bool) {
	if s.entry == 0 {
		return Entry{}, false
	}
	e := t.entry(s.ref())
	return e.value, e.state == live
}

// moved ends a change of an own table.
func (t *Tables) moved(tb *table) {
	tb.version++
	t.purge(tb)
	t.queueAll(tb)
}
