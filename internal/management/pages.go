package management

import "time"

// pages keeps listings of which a client has asked for a part, so that the next part fits to
// it: entities come and go in between, and a listing of very many costs something. Few are
// kept, for a short time.
type pages struct {
	kept []listing
}

type listing struct {
	client  string // where its answers go
	of      string // the entity type
	rows    []row
	touched time.Time
}

const (
	listingsKept = 16
	listingLives = 10 * time.Second
)

// get returns a part of a listing, which make makes if need be.
func (p *pages) get(now time.Time, r *Request, offset, count int, make func() []row) []row {
	entityType, _ := r.text("entityType")
	short, _ := r.text("type")
	of := entityType + " " + short
	p.forget(func(l *listing) bool {
		return now.Sub(l.touched) > listingLives || offset == 0 && l.client == r.ReplyTo && l.of == of
	})
	if offset == 0 {
		rows := make()
		if count < len(rows) {
			p.keep(listing{r.ReplyTo, of, rows, now})
		}
		return part(rows, 0, count)
	}
	for i := range p.kept {
		if l := &p.kept[i]; l.client == r.ReplyTo && l.of == of {
			l.touched = now
			rows := part(l.rows, offset, count)
			if offset+count > len(l.rows) { // the client has seen the end
				p.forget(func(o *listing) bool { return o == l })
			}
			return rows
		}
	}
	rows := make()
	p.keep(listing{r.ReplyTo, of, rows, now})
	return part(rows, offset, count)
}

func part(rows []row, offset, count int) []row {
	offset = min(offset, len(rows))
	return rows[offset:min(offset+count, len(rows))]
}

func (p *pages) forget(which func(*listing) bool) {
	kept := p.kept[:0]
	for i := range p.kept {
		if !which(&p.kept[i]) {
			kept = append(kept, p.kept[i])
		}
	}
	clear(p.kept[len(kept):])
	p.kept = kept
}

func (p *pages) keep(l listing) {
	if len(p.kept) == listingsKept {
		p.kept = append(p.kept[:0], p.kept[1:]...)
	}
	p.kept = append(p.kept, l)
}
