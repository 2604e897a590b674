package router

// Held is how many bytes of messages wait in the router.
func (r *Router) Held() int64 { return r.budget.Held() }
