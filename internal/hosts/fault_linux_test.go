package hosts

import (
	"fmt"
	"strings"
)

// filter makes the host's packet filter, which lets everything pass.
func (h *host) filter() {
	h.lab.t.Helper()
	h.rule("add table inet fault", "add chain inet fault in { type filter hook input priority 0; }", "add chain inet fault out { type filter hook output priority 0; }")
}

// rule gives commands to nft on the host.
func (h *host) rule(lines ...string) {
	h.lab.t.Helper()
	h.lab.must(command(strings.Join(lines, "\n")+"\n", "ip", "netns", "exec", h.namespace, "nft", "-f", "-"))
}

// heal takes away every fault that is a rule.
func (l *lab) heal() {
	l.t.Helper()
	for _, h := range l.hosts {
		h.rule("flush chain inet fault in", "flush chain inet fault out")
	}
}

// deafen has a host get nothing from a neighbour any more, silently.
func (l *lab) deafen(name, neighbour string) {
	l.t.Helper()
	l.hosts[name].rule(fmt.Sprintf("add rule inet fault in iifname %q drop", device(neighbour)))
}

// cut has the line between two hosts carry nothing any more, silently.
func (l *lab) cut(a, b string) {
	l.t.Helper()
	l.deafen(a, b)
	l.deafen(b, a)
}

// degrade has the line between two hosts lose so many packets of a hundred.
func (l *lab) degrade(a, b string, percent int) {
	l.t.Helper()
	for _, end := range [][2]string{{a, b}, {b, a}} {
		l.hosts[end[0]].rule(fmt.Sprintf("add rule inet fault in iifname %q numgen random mod 100 < %d drop", device(end[1]), percent))
	}
}
