package router

import "github.com/meshway/meshway/routing"

// Routes are what messages to other routers go by now, and whether all of them may be
// used: for a moment after a change, some next hops wait until the neighbour knows the
// reason. They are nil in a router that is in no mesh.
func (r *Router) Routes() (routes *routing.Routes, usable bool) {
	if r.mesh == nil {
		return nil, true
	}
	f := r.mesh.forwarding.Load()
	return f.routes, f.waits == nil
}
