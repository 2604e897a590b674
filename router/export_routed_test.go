package router

// routedResidue lists what is left of routed links.
func (t *linkRoutes) routedResidue(note func(string, ...any)) {
	t.mu.Lock()
	if n := len(t.names); n > 0 {
		note("%d names of routed links", n)
	}
	for _, routes := range t.own {
		for _, l := range routes {
			if n := l.links.Load(); n != 0 {
				note("link route %q counts %d links", l.name, n)
			}
		}
	}
	t.mu.Unlock()
	for _, rs := range t.all() {
		rs.mu.Lock()
		note("a session with routed links, %d mirrors", len(rs.mirrors))
		for _, m := range rs.mirrors {
			note("a mirror to %s with %d links, %d waiting", m.where(), len(m.links), len(m.waiting))
			for i := range m.pipes {
				m.pipes[i].mu.Lock()
				if !m.pipes[i].idle() {
					note("%d wait in pipe %d to %s", len(m.pipes[i].items)-m.pipes[i].next, i, m.where())
				}
				m.pipes[i].mu.Unlock()
			}
		}
		rs.mu.Unlock()
	}
}

// AttachesTimeOut is what happens when the time of every routed attach is up, answered or not:
// a timer may have fired while the answer was on its way to the link.
func (r *Router) AttachesTimeOut() {
	for _, rs := range r.linkRoutes.all() {
		rs.mu.Lock()
		var links []*routedLink
		for _, m := range rs.mirrors {
			for l := range m.links {
				links = append(links, l)
			}
		}
		rs.mu.Unlock()
		for _, l := range links {
			l.unanswered()
		}
	}
}

// Mirrors is how many sessions of other connections mirror sessions with routed links.
func (r *Router) Mirrors() (n int) {
	for _, rs := range r.linkRoutes.all() {
		rs.mu.Lock()
		n += len(rs.mirrors)
		rs.mu.Unlock()
	}
	return n
}

// Containers is how many there are, clients that have link routes to themselves among them.
func (r *Router) Containers() int {
	_, connections := r.containers.names()
	return len(connections)
}
