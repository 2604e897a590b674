package router_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/meshway/meshway/linkstate"
)

// When nothing is broken any more, all routers see the mesh as it is.

// disturb notes that paths are not what they should be.
func (w *meshWorld) disturb() {
	l := &w.ledger
	l.mu.Lock()
	defer l.mu.Unlock()
	if now := l.tick(); len(l.disturbed) == 0 || l.disturbed[len(l.disturbed)-1].to != 0 {
		l.disturbed = append(l.disturbed, span{from: now})
	}
}

// calmDown notes that paths are again what they should be, once all routers agree on
// that. It waits for it, or looks whether it is so already.
func (w *meshWorld) calmDown(wait bool) {
	l := &w.ledger
	l.mu.Lock()
	calm := len(l.disturbed) == 0 || l.disturbed[len(l.disturbed)-1].to != 0
	l.mu.Unlock()
	if calm || len(w.broken)+len(w.dead) > 0 {
		return
	}
	if wait {
		if why := w.agree(3 * time.Minute); why != "" {
			w.fail("minutes after all was mended: %s", why)
			return
		}
	} else if w.disagreement() != "" {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.disturbed[len(l.disturbed)-1].to = l.tick()
	l.note("all routers agree")
}

// wasDisturbed says that in a stretch of time paths were not what they should be.
func (l *ledger) wasDisturbed(from, to uint64) bool { return overlaps(l.disturbed, from, to) }

// agree waits until all routers see the mesh as it is, and says what is amiss if that
// does not happen.
func (w *meshWorld) agree(patience time.Duration) (why string) {
	for began := time.Now(); time.Since(began) < patience; {
		if why = w.disagreement(); why == "" {
			return ""
		}
		w.pass(500 * time.Millisecond)
	}
	return why
}

// disagreement says in what some router does not see the mesh as it is; "" if all do.
func (w *meshWorld) disagreement() string {
	want := w.expected()
	words := make(map[string]string) // what each says of its own addresses
	for id, r := range w.stage.routers {
		words[id] = r.TableWords()[id]
	}
	for _, id := range slices.Sorted(maps.Keys(w.stage.routers)) {
		r := w.stage.routers[id]
		if got := drawing(r.Topology()); got != want {
			return fmt.Sprintf("%s sees %s, and the mesh is %s", id, got, want)
		}
		if stale := r.StaleRoutes(); stale != "" {
			return fmt.Sprintf("routes of %s: %s", id, stale)
		}
		tables := r.TableWords()
		for _, owner := range w.hosts {
			if tables[owner] != words[owner] {
				return fmt.Sprintf("addresses of %s: %s, at %s %s", owner, words[owner], id, tables[owner])
			}
		}
	}
	return ""
}

// expected is the mesh as it is drawn.
func (w *meshWorld) expected() string {
	var list []string
	for p, cost := range w.costs {
		list = append(list, fmt.Sprintf("%s-%s:%d", p[0], p[1], cost))
	}
	slices.Sort(list)
	return strings.Join(list, " ")
}

// drawing draws a topology.
func drawing(t *linkstate.Topology) string {
	var list []string
	for i := range t.Len() {
		n := t.Node(i)
		for _, e := range n.Edges {
			if to := t.Node(e.To).ID; n.ID < to {
				list = append(list, fmt.Sprintf("%s-%s:%d", n.ID, to, e.Cost))
			}
		}
	}
	slices.Sort(list)
	return strings.Join(list, " ")
}
