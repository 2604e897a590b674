package router

// Held is how many bytes of messages wait in the router.
func (r *Router) Held() int64 { return r.budget.Held() }

// Granted is how many routers have a window for an address.
func (r *Router) Granted(addr string) int {
	a := r.table.find([]byte(addr))
	if a == nil {
		return 0
	}
	defer r.table.release(a)
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.ingresses)
}

// Hold makes so many bytes more wait in the router, by themselves.
func (r *Router) Hold(n int) { r.budget.Add(n) }

// Window is the window that a router has granted this one for an address, and how much of
// it is in use.
func (r *Router) Window(addr, id string) (window, used int32) {
	a := r.table.find([]byte(addr))
	if a == nil {
		return 0, 0
	}
	defer r.table.release(a)
	for _, m := range a.consumers.Load().remotes {
		if m.id == id {
			return m.window.Load(), m.used.Load()
		}
	}
	return 0, 0
}
