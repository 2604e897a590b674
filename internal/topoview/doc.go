// Package topoview draws meshes: for a terminal, as SVG, for Graphviz and Mermaid, as JSON;
// the way from one router to another; and what changed from one moment to the next.
//
// It consumes a [Mesh], which is a plain description, and produces text. It owns nothing:
// pure functions, with no clock and no randomness, so that one mesh is always drawn alike.
//
//	mesh.go     what is drawn, and what about it is odd
//	text.go     the report for a terminal: summary, drawing, what is odd, tables
//	graph.go    the drawing: which box stands in which row, and in which order
//	place.go    where in its row
//	route.go    the lines between rows, and what stands at them
//	sketch.go   what becomes a box, and what stands in it
//	canvas.go   characters with lines that join, and colours
//	matrix.go   for meshes with too many adjacencies for lines
//	group.go    for meshes with too many routers for boxes: groups of them
//	path.go     the way from one router to another
//	change.go   one line a change
//	svg.go, svg_layout.go, dot.go, mermaid.go   other forms
//
// The drawing is in rows, as is usual for layered graphs: each router stands one row below
// the nearest router above it, so that lines join neighbouring rows or routers of one row.
// Every router is tried as the top, and the drawing with the fewest crossings is taken.
package topoview
