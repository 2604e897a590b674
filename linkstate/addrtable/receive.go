package addrtable

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"
)

// Receive applies a message from a neighbour. Records of it that are wrong are left
// out, and named in the error; the others count.
func (t *Tables) Receive(neighbour string, msg []byte, now time.Time) (Result, error) {
	t.mu.Lock()
	defer t.unlock()
	adj := t.adjacencies[neighbour]
	if adj == nil {
		return Result{}, fmt.Errorf("address tables: a message from %s, which is not adjacent", neighbour)
	}
	in := &incoming{t: t, adj: adj, now: now}
	if err := in.message(msg); err != nil {
		return in.result, fmt.Errorf("address tables: message from %s: %w", neighbour, err)
	}
	return in.result, nil
}

// incoming is a message while it is applied.
type incoming struct {
	t      *Tables
	adj    *adjacency
	now    time.Time
	result Result
}

func (in *incoming) message(msg []byte) error {
	if len(msg) == 0 || msg[0] != format {
		return fmt.Errorf("it is not of format %d", format)
	}
	var wrong []error
	for b := msg[1:]; len(b) > 0; {
		if len(b) < recordPrefix {
			return errors.Join(append(wrong, errShort)...)
		}
		length, head := uint64(binary.BigEndian.Uint32(b[1:])), int(binary.BigEndian.Uint16(b[5:]))
		if length < 2 || length > uint64(len(b)-5) || head > int(length)-2 {
			return errors.Join(append(wrong, errShort)...)
		}
		record := b[recordPrefix : 5+length]
		if err := in.record(kind(b[0]), &reader{b: record[:head]}, record[head:]); err != nil && len(wrong) < 8 {
			wrong = append(wrong, err)
		}
		b = b[5+length:]
	}
	return errors.Join(wrong...)
}

func (in *incoming) record(k kind, head *reader, body []byte) error {
	switch k {
	case kindHaveEnd:
		in.t.begin(in.adj)
		return nil
	case kindChanges, kindContent:
		s, err := head.span(k, body)
		if err != nil {
			return err
		}
		if k == kindChanges {
			in.onChanges(&s)
		} else {
			in.onContent(&s)
		}
		return nil
	case kindHave, kindAsk, kindAskSums, kindSums, kindAskContent:
		return in.short(k, head, body)
	}
	return nil // of a later release
}

// short handles records without entries.
func (in *incoming) short(k kind, head *reader, body []byte) error {
	o, incarnation, err := head.owner()
	if err != nil {
		return err
	}
	version := head.number()
	var wanted mask
	if k == kindAskContent {
		wanted = head.mask()
	}
	if head.bad || k == kindSums && len(body) != 8*buckets || version > maxVersion {
		return fmt.Errorf("a record about %s: %w", o, errShort)
	}
	tb, m := in.table(o, incarnation, version)
	if tb == nil || tb.incarnation != incarnation {
		return nil
	}
	switch k {
	case kindAsk:
		in.onAsk(tb, m, version)
	case kindAskSums:
		m.sendSums = true
		in.t.enqueue(in.adj, tb, true)
	case kindSums:
		in.onSums(tb, m, version, body)
	case kindAskContent:
		m.out = &stream{mask: wanted}
		in.t.enqueue(in.adj, tb, true)
	}
	return nil
}

// table finds the table that a record is about, emptied if the neighbour knows a
// later incarnation, and notes that the neighbour has it, as far as it says.
func (in *incoming) table(o Owner, incarnation, version uint64) (*table, *mark) {
	tb := in.t.tableOf(o, in.now)
	if tb == nil {
		return nil, nil
	}
	m := &tb.marks[in.adj.slot]
	switch {
	case tb.own:
		if incarnation > tb.incarnation || incarnation == tb.incarnation && version > tb.version {
			in.result.Contested = append(in.result.Contested, Contest{o, incarnation})
		}
	case incarnation > tb.incarnation:
		in.result.Changed += tb.live
		in.t.empty(tb, incarnation)
		in.t.queueAll(tb)
	}
	m.has(incarnation, version)
	return tb, m
}

// onChanges applies what changed since a version that the copy has.
func (in *incoming) onChanges(s *span) {
	tb, _ := in.table(s.owner, s.incarnation, s.to)
	if tb == nil || tb.own || tb.incarnation != s.incarnation {
		return
	}
	if s.from > tb.version || tb.version < s.floor {
		in.ask(tb)
		return
	}
	if s.to <= tb.version {
		return
	}
	hint := unknown
	for all := s.entries(); all.next(); {
		if all.version <= tb.version {
			continue // we have it, or what came of it
		}
		hint = in.apply(tb, &all, 0, hint)
	}
	in.moved(tb, s)
}

// apply stores an entry, unless a later one of that address is there that the sender
// cannot know: one above newest. It returns a place from where to look for that of
// the next.
func (in *incoming) apply(tb *table, e *entryReader, newest uint64, hint ref) ref {
	t := in.t
	s := t.spot(tb, e.name())
	if s.entry != 0 {
		switch was := t.entry(s.ref()); {
		case was.version == e.version && was.state == e.state && was.value == e.value:
			return s.ref()
		case was.version > max(newest, e.version):
			return hint
		}
	}
	r, seen := t.store(tb, s, e.name(), e.version, e.value, e.state, hint)
	if seen {
		in.result.Changed++
	}
	if r == 0 {
		return hint
	}
	return r
}

// moved ends a change that has brought a copy to a span's end.
func (in *incoming) moved(tb *table, s *span) {
	t := in.t
	if s.to > tb.version {
		tb.version, tb.waiting = s.to, in.now
		tb.exact = s.flags&flagExact != 0 && !tb.over
		in.result.Owners = append(in.result.Owners, tb.owner)
	}
	if s.flags&flagWord != 0 && s.to >= tb.word.version {
		tb.word = word{s.to, s.digest}
	}
	tb.wanted = max(tb.wanted, tb.version)
	t.verify(tb, in.now)
	t.purge(tb)
	t.queueAll(tb)
}

// ask has the neighbour begin again where the copy ends.
func (in *incoming) ask(tb *table) {
	tb.marks[in.adj.slot].ask = true
	in.t.enqueue(in.adj, tb, true)
}

// onAsk moves the neighbour's cursor to where it really is.
func (in *incoming) onAsk(tb *table, m *mark, version uint64) {
	m.version, m.at = version, unknown
	if m.full() {
		m.out = nil
	}
	in.t.enqueue(in.adj, tb, true)
}
