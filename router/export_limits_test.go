package router

import "github.com/meshway/meshway/linkstate/addrtable"

// LimitAddresses has the router take fewer addresses than usual, 0 being as many. It comes
// before Start.
func (r *Router) LimitAddresses(perRouter, total int) error {
	return r.mesh.makeTables(addrtable.Options{MaxPerOwner: perRouter, MaxTotal: total})
}
