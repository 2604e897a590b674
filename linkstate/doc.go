// Package linkstate is what a router knows of the mesh: which routers there are,
// which adjacencies they have, and what those cost.
package linkstate
