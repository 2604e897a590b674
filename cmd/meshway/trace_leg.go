package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/meshway/meshway/internal/client"
	"github.com/meshway/meshway/internal/topoview"
)

// traceLeg is one part of the way: of a waypoint there are two, and of an address with a
// fallback, though a message takes one of them.
type traceLeg struct {
	Phase     string         `json:"phase"`
	Title     string         `json:"title"`
	Consumers []traceEnd     `json:"consumers"`
	Problems  []string       `json:"problems,omitempty"`
	Chosen    []string       `json:"chosen"`
	keys      []shardAddress // what its consumers are known by
	onLoss    string         // what the keys of a lost shard do
	ends      map[int]bool   // those that would be chosen
}

// traceEnd is a router with consumers.
type traceEnd struct {
	Router    string        `json:"router"`
	Shard     string        `json:"shard,omitempty"`
	Consumers int           `json:"consumers"`
	Credit    float64       `json:"credit"` // of all together; -1: not asked
	Path      topoview.Path `json:"path"`
}

// shardAddress is the key of an address, or of what goes to one of its shards.
type shardAddress struct{ shard, key string }

// Where the legs of a trace lead.
const (
	toConsumers  = "to consumers"
	toFallback   = "to fallback consumers"
	intoWaypoint = "into the waypoint"
	intoShards   = "into the shards"
)

// legsOf are the legs of an address, by what is configured for it.
func legsOf(address string, configured client.Entity) []traceLeg {
	in, out := phases(configured)
	leg := func(title, phase string) traceLeg {
		return traceLeg{Phase: phase, Title: title, keys: []shardAddress{{key: "M" + phase + address}}}
	}
	first := leg(toConsumers, in)
	if in != out {
		first.Title = intoWaypoint
	}
	list := []traceLeg{first}
	if sh := shardingOf(configured); sh != nil {
		list[0].Title, list[0].keys, list[0].onLoss = intoShards, nil, sh.fate()
		for _, name := range sh.connections {
			list[0].keys = append(list[0].keys, shardAddress{name, shardKey(address, name)})
		}
	}
	switch {
	case in != out:
		list = append(list, leg("from the "+strings.TrimPrefix(list[0].Title, "into the ")+" to consumers", out))
	case configured.Text("enableFallback") == "true":
		list = append(list, traceLeg{Phase: fallbackPhase, Title: toFallback, keys: []shardAddress{{key: fallbackKey(address)}}})
	}
	return list
}

// phases are those of senders and receivers.
func phases(configured client.Entity) (in, out string) {
	in, out = cmp.Or(configured.Text("ingressPhase"), "0"), cmp.Or(configured.Text("egressPhase"), "0")
	if configured.Text("waypoint") == "true" && in == out {
		out = "1"
	}
	return in, out
}

// leg finds the consumers of one leg, and the ways to them.
func (t *tracing) leg(ctx context.Context, mesh agents, s *survey, l *traceLeg) error {
	for _, part := range l.keys {
		if err := t.part(ctx, mesh, s, l, part); err != nil {
			return err
		}
	}
	slices.SortStableFunc(l.Consumers, func(x, y traceEnd) int { return cmp.Compare(x.Path.Cost, y.Path.Cost) })
	l.choose(t.Distribution)
	return nil
}

// part finds the consumers that are known by one key.
func (t *tracing) part(ctx context.Context, mesh agents, s *survey, l *traceLeg, part shardAddress) error {
	row, err := readAddress(ctx, mesh, s.via(t.From), part.key)
	if err != nil {
		return err
	}
	routers := row.List("remoteHostRouters")
	switch {
	case len(row) == 0: // nobody has used it there, so that router was not told who has consumers
		routers = s.ids
	case row.Number("subscriberCount") > 0:
		routers = append([]string{t.From}, routers...)
	}
	ends := make([]traceEnd, len(routers))
	errs := each(routers, func(i int, id string) error {
		ends[i] = traceEnd{Router: id, Shard: part.shard, Path: pathBetween(t.mesh, t.From, id)}
		return ends[i].ask(ctx, mesh, s.via(id), part.key)
	})
	for i, err := range errs {
		if err != nil {
			l.Problems = append(l.Problems, fmt.Sprintf("%s: %v", routers[i], err))
		}
	}
	if len(row) == 0 {
		ends = slices.DeleteFunc(ends, func(e traceEnd) bool { return e.Consumers == 0 })
	}
	if part.shard != "" && len(ends) == 0 {
		l.Problems = append(l.Problems, fmt.Sprintf("shard %s is connected at no router; its keys %s", part.shard, l.onLoss))
	}
	l.Consumers = append(l.Consumers, ends...)
	return nil
}

// readAddress reads an address at a router; one that the router does not know is empty.
func readAddress(ctx context.Context, mesh agents, router, key string) (client.Entity, error) {
	e, err := mesh.Read(ctx, router, "router.address", client.Key{Identity: key})
	if client.HasStatus(err, client.StatusNotFound) {
		return client.Entity{}, nil
	}
	return e, err
}

// ask asks a router for its consumers of an address.
func (e *traceEnd) ask(ctx context.Context, mesh agents, router, key string) error {
	row, err := readAddress(ctx, mesh, router, key)
	if err != nil {
		return err
	}
	e.Consumers = int(row.Number("subscriberCount"))
	if e.Consumers == 0 {
		return nil
	}
	links, err := mesh.Query(ctx, router, "router.link", "linkDir", "owningAddr", "creditAvailable")
	if err != nil {
		return err
	}
	for _, l := range links {
		if l.Text("linkDir") == "out" && l.Text("owningAddr") == key {
			e.Credit += l.Number("creditAvailable")
		}
	}
	return nil
}

// usable are the ends that could take a message.
func (l *traceLeg) usable(i int) bool {
	e := l.Consumers[i]
	return e.Consumers > 0 && len(e.Path.Hops) > 0
}

// choose says which routers would get a message; of an address with shards, one of them for
// each shard.
func (l *traceLeg) choose(distribution string) {
	l.ends = map[int]bool{}
	least := map[string]uint32{} // by shard
	for i, e := range l.Consumers {
		if !l.usable(i) {
			continue
		}
		cost, found := least[e.Shard]
		if found && e.Path.Cost > cost && (distribution == "closest" || e.Shard != "") {
			continue
		}
		least[e.Shard] = e.Path.Cost
		l.ends[i] = true
		if !slices.Contains(l.Chosen, e.Router) {
			l.Chosen = append(l.Chosen, e.Router)
		}
	}
}

// judge says what would become of a message.
func (t *tracing) judge(configured client.Entity) {
	first, last := &t.Legs[0], &t.Legs[len(t.Legs)-1]
	if last.Title == toFallback && len(first.Consumers) > 0 {
		last = first
	} else if last.Title == toFallback {
		first = last
	}
	if t.Verdict = first.lacks(); t.Verdict != "" {
		return
	}
	t.Delivered = true
	t.Verdict = last.taker(t.Distribution)
	if last.Title == toFallback {
		t.Verdict += ": it has no other consumer"
	}
	if first == last {
		return
	}
	if why := last.missing(); why != "" {
		t.Verdict = "it would get there and stay: " + why
	}
	if sh := shardingOf(configured); sh != nil {
		t.Verdict = sh.chosen(t.Address) + "; " + t.Verdict
	}
}

// chosen says which shard a message goes to.
func (sh *sharding) chosen(address string) string {
	if sh.key == "" {
		return "one of the shards would get it, by load"
	}
	return "the shard of its " + sh.key + " would get it (meshway shard " + address + " KEY)"
}

// missing says why nobody would take a message in a leg; "" if somebody would.
func (l *traceLeg) missing() string {
	switch {
	case len(l.Consumers) == 0:
		return "there is no consumer " + l.whom() + " anywhere in the mesh"
	case len(l.Chosen) == 0:
		return "none of the routers with consumers can be reached"
	}
	for i := range l.ends {
		if l.Consumers[i].Credit > 0 {
			return ""
		}
	}
	return "no consumer " + l.whom() + " gives credit"
}

// lacks says what becomes of a message that nobody takes in the first leg; "" if somebody does.
func (l *traceLeg) lacks() string {
	why := l.missing()
	switch {
	case why == "":
		return ""
	case l.onLoss == "wait" && len(l.Chosen) == 0:
		return "no sender would get credit, and a message sent without would wait: " + why
	case len(l.Consumers) == 0:
		return "no sender would get credit, and a message sent without would be released: " + why
	case len(l.Chosen) == 0:
		return "it would be released: " + why
	}
	return "it would wait: " + why
}

// taker says who gets a message.
func (l *traceLeg) taker(distribution string) string {
	routers := strings.Join(l.Chosen, ", ")
	switch {
	case distribution == "multicast":
		return "every consumer would get a copy: those at " + routers
	case len(l.Chosen) == 1:
		return "a consumer at " + routers + " would get it"
	case distribution == "closest":
		return "it would go to one of the nearest, in turn: " + routers
	}
	return "it would go to the consumer with the fewest outstanding deliveries plus cost, at one of " + routers
}

func (l *traceLeg) whom() string {
	switch l.Title {
	case intoWaypoint:
		return "that feeds the waypoint (an auto-link out of the mesh)"
	case intoShards:
		return "that feeds a shard (a broker of its name)"
	}
	return "of it"
}

func (l traceLeg) table() string {
	var rows [][]string
	for i, e := range l.Consumers {
		mark, cost, path, instead := "", fmt.Sprint(e.Path.Cost), pathLine(e.Path), insteadLine(e.Path)
		if l.ends[i] {
			mark = "→"
		}
		if len(e.Path.Hops) == 0 {
			cost, path = "-", "no path: "+e.Path.Why
		}
		if e.Shard != "" {
			path += ", shard " + e.Shard
		}
		rows = append(rows, []string{mark, e.Router, fmt.Sprint(e.Consumers), fmt.Sprint(e.Credit), cost, path, cmp.Or(instead, "-")})
	}
	return tabular([]string{"", "ROUTER", "CONSUMERS", "CREDIT", "COST", "PATH", "IF LOST"}, rows, []bool{false, false, true, true, true, false, false})
}
