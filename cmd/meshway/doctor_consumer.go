package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/meshway/meshway/internal/client"
	"github.com/meshway/meshway/routing"
)

// noConsumer looks for addresses that somebody sends to and nobody receives from. A broker
// whose queue nobody takes from keeps its messages: that is what it is for.
func (p *patient) noConsumer() (list []finding) {
	taken := p.takenFrom()
	senders := map[string]int{} // by key of address
	at := map[string][]string{}
	for _, id := range p.ids {
		brokers, sentAt := p.said[id].brokers(), entrance{linkRoutesOf(p.addresses[id]), treatmentsOf(p.configs[id]), taken}
		for _, l := range p.said[id].links {
			key := l.Text("owningAddr")
			if l.Text("linkDir") != "in" || !strings.HasPrefix(key, "M") || brokers[l.Text("connectionId")] || sentAt.received(key) {
				continue
			}
			senders[key]++
			if !slices.Contains(at[key], id) {
				at[key] = append(at[key], id)
			}
		}
	}
	for _, key := range slices.Sorted(maps.Keys(senders)) {
		list = append(list, finding{false, "no consumer", plainAddress(key), fmt.Sprintf("%s at %s, and nobody receives", howMany(senders[key], "sender", "senders"), names(at[key])),
			"start a consumer, or see whether it uses another address: meshway trace " + plainAddress(key)})
	}
	return list
}

// takenFrom are the addresses with consumers at any router, by their keys. A router counts
// too that only knows of consumers at another, which may not have answered.
func (p *patient) takenFrom() map[string]bool {
	taken := map[string]bool{}
	for _, rows := range p.addresses {
		for _, e := range rows {
			if e.Number("subscriberCount")+e.Number("remoteCount") > 0 {
				taken[e.Text("key")] = true
			}
		}
	}
	return taken
}

// entrance is what decides, at a router where messages come in, who gets them.
type entrance struct {
	linkRoutes, treatments *routing.Patterns[client.Entity]
	taken                  map[string]bool // addresses with consumers anywhere, by their keys
}

// received reports whether anybody gets what comes in for an address: its own consumers, or
// those that stand for them, which have keys of their own.
func (n entrance) received(key string) bool {
	if n.taken[key] {
		return true
	}
	address := plainAddress(key)
	if _, routed := n.linkRoutes.Match(address); routed {
		return true // the link is attached at a container
	}
	treatment, _ := n.treatments.Match(address)
	if treatment.Text("enableFallback") == "true" && n.taken[fallbackKey(address)] {
		return true
	}
	sh := shardingOf(treatment)
	return sh != nil && slices.ContainsFunc(sh.connections, func(name string) bool { return n.taken[shardKey(address, name)] })
}
