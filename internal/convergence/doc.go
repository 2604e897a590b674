// Package convergence measures how long a whole mesh takes until all of its routers
// have new routes, and what knowing the mesh costs while nothing changes.
//
// It has tests only. They run whole routers, wired as in a process of their own, over
// the connections of meshtest: each takes a millisecond and some jitter. Time is the
// virtual one of testing/synctest, so meshes of hundreds of routers fit one machine, and
// what a router computes takes no time; the CPU of that is measured apart.
//
//	mesh_test.go     a mesh: its routers and adjacencies, and the picture that each
//	                 router should have
//	change_test.go   what can happen to it
//	meter_test.go    what the bytes between routers are for
//	story_test.go    what must be so, in small meshes
//	figures_test.go  what is measured, in large ones
//	page_test.go     the table in docs/performance.md
package convergence
