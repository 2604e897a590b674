package hosts

import (
	"fmt"
	"net/netip"
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

// unplug takes a host's end of a line down; plug takes it up again.
func (l *lab) unplug(name, neighbour string) {
	l.t.Helper()
	l.in(l.hosts[name].namespace, "link set "+device(neighbour)+" down")
}

func (l *lab) plug(name, neighbour string) {
	l.t.Helper()
	l.in(l.hosts[name].namespace, "link set "+device(neighbour)+" up")
}

// silence lets nothing more out by the connections that the host's router has to its
// neighbours now, as if the host had no power: not even that they are closed. New
// connections are not affected.
func (h *host) silence() {
	h.lab.t.Helper()
	list, err := output("", "ip", "netns", "exec", h.namespace, "ss", "-Htn", "state", "established")
	h.lab.must(err)
	var rules []string
	for line := range strings.Lines(list) {
		fields := strings.Fields(line) // bytes in either direction, here, there
		if len(fields) != 4 {
			h.lab.t.Fatalf("ss says %q", line)
		}
		here, there := netip.MustParseAddrPort(fields[2]), netip.MustParseAddrPort(fields[3])
		if here.Port() == meshPort || there.Port() == meshPort {
			rules = append(rules, fmt.Sprintf("add rule inet fault out ip saddr %s tcp sport %d ip daddr %s tcp dport %d drop",
				here.Addr(), here.Port(), there.Addr(), there.Port()))
		}
	}
	if len(rules) != len(h.towards) {
		h.lab.t.Fatalf("%s has %d connections to %d neighbours:\n%s", h.name, len(rules), len(h.towards), list)
	}
	h.rule(rules...)
}
