package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/meshway/meshway/internal/client"
	"github.com/meshway/meshway/internal/topoview"
)

func (p *patient) unreachable() (list []finding) {
	for _, r := range p.mesh.Routers {
		if r.Unreachable {
			list = append(list, finding{true, "unreachable", r.ID, "other routers know it, and no path leads there",
				"see that it runs, and that one of its neighbours can connect: meshway log on those, and their connectors"})
		}
	}
	return list
}

func (p *patient) silent() (list []finding) {
	for _, id := range p.ids {
		if err := p.said[id].err; err != nil {
			list = append(list, finding{true, "no answer", id, err.Error(), "if it is not just busy, look at its process and its log; ask again with --timeout 30s"})
		}
	}
	return list
}

func (p *patient) adjacenciesOdd() (list []finding) {
	for _, adj := range p.mesh.Adjacencies {
		where := adj.A + "–" + adj.B
		switch {
		case adj.State == topoview.OneWay:
			list = append(list, finding{true, "one-way adjacency", where, adj.Why,
				"the other end has lost the connection without a word: a firewall or a proxy between them, most often; it is closed within seconds, or look at both logs"})
		case adj.State == topoview.Suspect:
			list = append(list, finding{false, "adjacency not in use", where, adj.Why,
				"if it stays so, look for packet loss between the two, and at their logs"})
		case adj.CostsDiffer():
			list = append(list, finding{false, "costs differ", where, fmt.Sprintf("%s says %d, %s says %d", adj.A, adj.CostAB, adj.B, adj.CostBA),
				"the larger counts; set the cost of the connector and of the listener alike"})
		}
	}
	return list
}

func (p *patient) connectorsDown() (list []finding) {
	for _, id := range p.ids {
		for _, c := range p.said[id].connectors {
			if c.Text("connectionStatus") == "SUCCESS" {
				continue
			}
			what := fmt.Sprintf("connector %s to %s is %s", cmp.Or(c.Text("name"), "(unnamed)"), hostPort(c), strings.ToLower(cmp.Or(c.Text("connectionStatus"), "not connected")))
			if why := c.Text("connectionMsg"); why != "" {
				what += ": " + why
			}
			list = append(list, finding{true, "no connection", id, what, "see that something listens there and lets the router in: host, port, login; meshway log --router " + id})
		}
	}
	return list
}

// shardsLost looks for shards whose broker is connected at no router.
func (p *patient) shardsLost() (list []finding) {
	up := p.containers()
	seen := map[string]bool{}
	for _, id := range p.ids {
		for _, e := range p.configs[id] {
			sh := shardingOf(e)
			if sh == nil {
				continue
			}
			address := cmp.Or(e.Text("prefix"), e.Text("pattern"))
			for _, name := range sh.connections {
				if len(up[name]) > 0 || seen[address+"\x00"+name] {
					continue
				}
				seen[address+"\x00"+name] = true
				what := fmt.Sprintf("%s of %s is connected at no router; its keys %s", name, address, sh.fate())
				list = append(list, finding{true, "shard lost", id, what, "bring the broker back, or see why no router connects to it: meshway get brokers --all"})
			}
		}
	}
	return list
}

func (p *patient) autoLinksFailed() (list []finding) {
	for _, id := range p.ids {
		for _, l := range p.autoLinks[id] {
			status, why := l.Text("operStatus"), l.Text("lastError")
			what := fmt.Sprintf("auto-link %s of %s is %s", l.Text("direction"), l.Text("address"), cmp.Or(status, "inactive"))
			if why != "" {
				what += ": " + why
			}
			if status == "active" {
				if why != "" {
					list = append(list, finding{false, "auto-link ails", id, what,
						"look whether the queue is full and who consumes from it, and into the broker's log: meshway log --router " + id})
				}
				continue
			}
			list = append(list, finding{status == "failed" || status == "inactive", "auto-link not active", id, what,
				"see that the queue is there and that the login may use it; without a connection it waits for the broker: meshway get brokers --router " + id})
		}
	}
	return list
}

// brokers are the connections to brokers, by their identities.
func (d *said) brokers() map[string]bool {
	out := map[string]bool{}
	for _, c := range d.connections {
		if c.Text("role") == "route-container" {
			out[c.Text("identity")] = true
		}
	}
	return out
}

// Bounds beyond which a link is reported.
const (
	blockedSeconds = 10 // without credit
	skewBound      = 2 * time.Second
)

// blocked looks for consumers that give no credit while messages wait for them: with the
// link, or with the address at its router, wherever their senders are.
func (p *patient) blocked() (list []finding) {
	waiting := map[string]map[string]float64{} // by router, by key of address
	for id, rows := range p.addresses {
		waiting[id] = map[string]float64{}
		for _, e := range rows {
			waiting[id][e.Text("key")] = e.Number("undeliveredCount")
		}
	}
	return p.links("blocked link", func(id string, l client.Entity) (string, bool) {
		n := l.Number("undeliveredCount") + waiting[id][l.Text("owningAddr")]
		return fmt.Sprintf("has had no credit for %s, and %s", age(l.Number("zeroCreditSeconds")), howMany(int(n), "message waits", "messages wait")),
			l.Text("linkDir") == "out" && l.Number("zeroCreditSeconds") >= blockedSeconds && n > 0
	}, "its receiver takes nothing: see what it is busy with, or start another")
}

func (p *patient) stuck() (list []finding) {
	return p.links("stuck deliveries", func(_ string, l client.Entity) (string, bool) {
		n := int(l.Number("deliveriesStuck"))
		return fmt.Sprintf("%s settled for more than 10 seconds", howMany(n, "delivery is not", "deliveries are not")), n > 0 && l.Text("linkDir") == "out"
	}, "its receiver has them and does not settle: see what it is busy with; closing its connection gives them back: meshway delete connection")
}

// links reports the links of clients and brokers that are in some state, each by its address
// and container.
func (p *patient) links(fault string, is func(router string, l client.Entity) (string, bool), do string) (list []finding) {
	const most = 10
	for _, id := range p.ids {
		containers := map[string]string{}
		for _, c := range p.said[id].connections {
			containers[c.Text("identity")] = c.Text("container")
		}
		n := 0
		for _, l := range p.said[id].links {
			what, there := is(id, l)
			if !there || l.Text("linkType") != "endpoint" {
				continue
			}
			if n++; n > most {
				continue
			}
			conn := l.Text("connectionId")
			list = append(list, finding{false, fault, id, fmt.Sprintf("link %s of %s (container %s, connection %s) %s",
				l.Text("identity"), plainAddress(l.Text("owningAddr")), containers[conn], conn, what), do})
		}
		if n > most {
			list = append(list, finding{false, fault, id, howMany(n-most, "more link", "more links"), do})
		}
	}
	return list
}

// clockSkew compares the clocks of all routers with the one in the middle.
func (p *patient) clockSkew() (list []finding) {
	if len(p.clocks) < 2 {
		return nil
	}
	ids := slices.SortedFunc(maps.Keys(p.clocks), func(a, b string) int { return p.clocks[a].Compare(p.clocks[b]) })
	middle := p.clocks[ids[(len(ids)-1)/2]]
	for _, id := range p.ids {
		at, ok := p.clocks[id]
		if !ok {
			continue
		}
		if off := at.Sub(middle); off.Abs() > skewBound+p.took[id] {
			word := "ahead of"
			if off < 0 {
				word = "behind"
			}
			list = append(list, finding{false, "clock skew", id, fmt.Sprintf("its clock is %v %s that of the others", off.Abs().Round(100*time.Millisecond), word),
				"have the clocks set by NTP: times in logs and expiry of messages are wrong"})
		}
	}
	return list
}

func (p *patient) versionSkew() (list []finding) {
	have := map[string][]string{}
	for _, r := range p.mesh.Routers {
		if r.Version != "" {
			have[r.Version] = append(have[r.Version], r.ID)
		}
	}
	if len(have) < 2 {
		return nil
	}
	var parts []string
	for _, v := range slices.Sorted(maps.Keys(have)) {
		parts = append(parts, v+" at "+names(have[v]))
	}
	return []finding{{false, "version skew", "mesh", strings.Join(parts, "; "), "fine while an upgrade is under way; else upgrade the rest"}}
}

func (p *patient) drainingRouters() (list []finding) {
	for _, r := range p.mesh.Routers {
		if r.Draining {
			list = append(list, finding{false, "draining", r.ID, "it takes no transit where there is another way", "it is leaving, and ends when what is in flight has settled; or it has just started, and this is over in a moment"})
		}
	}
	return list
}
