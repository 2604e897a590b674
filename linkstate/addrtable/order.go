package addrtable

// unknown is a place in the order that has to be found.
const unknown = ^ref(0)

// unlink takes an entry out of its table's order, and moves the places that
// neighbours have reached off it.
func (t *Tables) unlink(tb *table, r ref) {
	e := t.entry(r)
	if e.prev != 0 {
		t.entry(e.prev).next = e.next
	} else {
		tb.head = e.next
	}
	if e.next != 0 {
		t.entry(e.next).prev = e.prev
	} else {
		tb.tail = e.prev
	}
	for i := range tb.marks {
		m := &tb.marks[i]
		if m.at == r {
			m.at = e.prev
		}
		if m.out != nil && m.out.at == r {
			m.out.at = e.prev
		}
		if m.in != nil && m.in.at == r {
			m.in.at = e.prev
		}
	}
}

// link puts an entry behind another, or in front if that is 0.
func (t *Tables) link(tb *table, r, behind ref) {
	e := t.entry(r)
	e.prev, e.next = behind, t.after(tb, behind)
	if e.prev != 0 {
		t.entry(e.prev).next = r
	} else {
		tb.head = r
	}
	if e.next != 0 {
		t.entry(e.next).prev = r
	} else {
		tb.tail = r
	}
}

// after is the entry behind another, or the first if that is 0.
func (t *Tables) after(tb *table, r ref) ref {
	if r == 0 {
		return tb.head
	}
	return t.entry(r).next
}

// before finds the last entry whose version is not above a version: from hint on,
// which is such an entry, or from the end if hint is unknown.
func (t *Tables) before(tb *table, version uint64, hint ref) ref {
	if hint == unknown {
		r := tb.tail
		for r != 0 && t.entry(r).version > version {
			r = t.entry(r).prev
		}
		return r
	}
	for {
		next := t.after(tb, hint)
		if next == 0 || t.entry(next).version > version {
			return hint
		}
		hint = next
	}
}
