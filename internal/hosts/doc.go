// Package hosts holds the tests of the built router on separate hosts: each is a
// network namespace, the lines between them are pairs of devices, and what is wrong
// with a line is a rule of its packet filter.
//
// Consumes: the command `meshway` (built once for a run), go-amqp, and, as root,
// the commands `ip` and `nft` (`make deps` installs them). Produces: nothing but
// verdicts. Owns: every namespace, process and rule that it makes; all are removed
// when their test ends, and namespaces of runs that were killed by the next run.
//
//	stories_*_linux_test.go  what happens, told once
//	  | in a
//	lab_linux_test.go        hosts, lines, and what is awaited of them
//	  +- netns_linux_test.go   namespaces
//	  +- fault_linux_test.go   what goes wrong with lines
//	  +- tun_linux_test.go     a line that is slow
//	  +- router_linux_test.go  the process on each host, its log, its end
//	  +- traffic_linux_test.go messages, and an account of every one
//
// Clients sit on a host of their own. A network that no fault touches connects it to
// every router, and routers know each other by the lines alone.
package hosts
