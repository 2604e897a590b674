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
