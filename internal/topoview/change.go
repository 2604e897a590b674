package topoview

import (
	"fmt"
)

// Changes says what became of a mesh, one line each; none if it is what it was. Rates and
// counts of consumers and clients are no changes.
func Changes(before, after Mesh, color bool) []string {
	d := &differences{color: color}
	before, after = before.tidy().printable(), after.tidy().printable()
	was := map[string]Router{}
	for _, r := range before.Routers {
		was[r.ID] = r
	}
	is := map[string]bool{}
	for _, r := range after.Routers {
		is[r.ID] = true
		old, known := was[r.ID]
		d.router(old, r, known)
	}
	for _, r := range before.Routers {
		if !is[r.ID] && !r.Unknown {
			d.add(bad, "router %s is forgotten", r.ID)
		}
	}
	d.adjacencies(before.Adjacencies, after.Adjacencies)
	return d.lines
}

type differences struct {
	color bool
	lines []string
}

func (d *differences) add(s style, format string, args ...any) {
	mark := map[style]string{good: "+", bad: "-", odd: "!", plain: "·"}[s]
	d.lines = append(d.lines, painted(mark+" "+fmt.Sprintf(format, args...), s, d.color))
}

func (d *differences) router(old, r Router, known bool) {
	switch {
	case r.Unknown: // its adjacency tells
	case !known && r.Unreachable:
		d.add(bad, "router %s is known, and unreachable", r.ID)
	case !known:
		d.add(good, "router %s is new", r.ID)
	case r.Unreachable && !old.Unreachable:
		d.add(bad, "router %s is unreachable", r.ID)
	case !r.Unreachable && old.Unreachable:
		d.add(good, "router %s is reachable again", r.ID)
	case r.Silent && !old.Silent:
		d.add(bad, "router %s does not answer", r.ID)
	case !r.Silent && old.Silent:
		d.add(good, "router %s answers again", r.ID)
	}
	if known && r.Draining != old.Draining {
		if r.Draining {
			d.add(odd, "router %s drains", r.ID)
		} else {
			d.add(good, "router %s drains no more", r.ID)
		}
	}
	if known && r.Version != old.Version && r.Version != "" && old.Version != "" {
		d.add(plain, "router %s has version %s, before %s", r.ID, r.Version, old.Version)
	}
	d.brokers(old, r)
}

func (d *differences) brokers(old, r Router) {
	was := map[string]Broker{}
	for _, b := range old.Brokers {
		was[b.Name] = b
	}
	for _, b := range r.Brokers {
		o, known := was[b.Name]
		delete(was, b.Name)
		switch {
		case known && o.Up == b.Up:
		case b.Up:
			d.add(good, "broker %s is up at %s", b.Name, r.ID)
		default:
			d.add(bad, "broker %s is down at %s%s", b.Name, r.ID, because(b.Why))
		}
	}
	for _, b := range old.Brokers {
		if _, gone := was[b.Name]; gone && !r.Unreachable && !r.Silent {
			d.add(bad, "broker %s is gone from %s", b.Name, r.ID)
		}
	}
}

func (d *differences) adjacencies(before, after []Adjacency) {
	was := map[[2]string]Adjacency{}
	for _, a := range before {
		was[a.pair()] = a
	}
	for _, a := range after {
		old, known := was[a.pair()]
		delete(was, a.pair())
		switch {
		case !known && a.State == Up:
			d.add(good, "%s–%s is new, cost %d", a.A, a.B, a.Cost())
		case known && old.State == a.State:
			if a.State == Up && old.Cost() != a.Cost() {
				d.add(odd, "%s–%s costs %d, before %d", a.A, a.B, a.Cost(), old.Cost())
			}
		case a.State == Up:
			d.add(good, "%s–%s is up again, cost %d", a.A, a.B, a.Cost())
		case a.State == Down:
			d.add(bad, "%s–%s is down%s", a.A, a.B, because(a.Why))
		default:
			d.add(odd, "%s–%s is %s%s", a.A, a.B, a.State, because(a.oneWay()))
		}
	}
	for _, a := range before {
		if _, gone := was[a.pair()]; gone && a.State != Down {
			d.add(bad, "%s–%s is gone", a.A, a.B)
		}
	}
}
