// Package crowd brings very many addresses into a mesh, and asks whether they have
// arrived.
//
// It consumes the addresses of routers' listeners for clients. It produces consumers, each
// of an address of its own, that come and go as fast as is asked for ([Crowd]), and the
// answers of another router to the question who can be reached ([Asker]). It owns its
// connections, one for each of the two, and ends them with Close.
//
// On a connection there is its reader, and whoever calls: consumers attach and detach by
// the caller's goroutine, as the router's answers allow.
package crowd
