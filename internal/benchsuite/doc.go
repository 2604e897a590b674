// Command benchsuite measures a built meshway against the targets of the
// project, and prints a table or writes it into docs/performance.md.
//
// Router, load generator, byte relay and the predecessor run in processes of their own, started
// and ended here. It consumes the binary and, where it is installed, nginx as
// the relay; it produces figures, and owns nothing that outlives it.
//
//	main.go     flags, and the order of things
//	rows.go     what is measured: targets and the figures of others
//	cases.go    how: the load of each case, and which rows its result fills
//	cases_mesh.go  the same, of loads on a mesh
//	simulated.go   the same, of meshes in virtual time
//	crowd.go    very many addresses beside a load
//	suite.go    one case after the other
//	process.go  the processes: bed.go, mesh.go, relay.go, generator.go
//	predecessor.go  qdrouterd under the same loads
//	others.go   whether the machine was ours alone
//	awake_linux.go  processors that do not sleep
//	profile.go  where the CPU goes, for who wants to know
//	figures.go  medians, ratios, verdicts
//	page.go     docs/performance.md
package main
