package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

var distributions = words(Balanced, Closest, Multicast, Unavailable)

var addressEntity = Entity{
	Name:    "address",
	Section: "addresses",
	List:    true,
	Help:    "says how the addresses that match are treated; the most specific match wins",
	Attributes: []Attribute{
		{Name: "name", Type: TypeString, Computed: "the prefix or pattern", Help: "name in messages and logs, unique among addresses",
			field: at(func(a *Address) *string { return &a.Name }), check: checkName},
		{Name: "prefix", Type: TypeString, Help: `matches addresses whose first tokens these are; tokens end at "/" or "."`,
			field: at(func(a *Address) *string { return &a.Prefix }), check: checkPrefix},
		{Name: "pattern", Type: TypeString, Help: `matches whole addresses; "*" stands for one token, "#" for any number of them`,
			field: at(func(a *Address) *string { return &a.Pattern }), check: checkPattern},
		{Name: "distribution", Type: TypeEnum, Values: distributions, Default: string(Balanced), Help: "balanced: to the least busy consumer; closest: to the one at the lowest cost; multicast: a copy to each; unavailable: refused",
			field: at(func(a *Address) *Distribution { return &a.Distribution })},
		{Name: "priority", Type: TypeInteger, Computed: "the message's own", Max: 9, Help: "priority of its messages, instead of what their headers say",
			field: at(func(a *Address) **uint8 { return &a.Priority })},
		{Name: "onLoss", Type: TypeEnum, Values: words(OutcomeModified, OutcomeReleased), Default: string(OutcomeModified), Help: "what a sender hears of a delivery whose receiver was lost after it had been sent on",
			field: at(func(a *Address) *Outcome { return &a.OnLoss })},

		{Name: "waypoint", Type: TypeBoolean, Default: false, Help: "something that auto-links or shards attach, most often a queue, is in the middle: senders send to it, receivers get what comes out of it",
			field: at(func(a *Address) *bool { return &a.Waypoint })},
		{Name: "ingressPhase", Type: TypeInteger, Default: 0, Max: maxPhase, Help: "phase of what clients send",
			field: at(func(a *Address) *uint8 { return &a.IngressPhase })},
		{Name: "egressPhase", Type: TypeInteger, Computed: "0; 1 with waypoint", Max: maxPhase, Help: "phase of what clients receive",
			field: at(func(a *Address) *uint8 { return &a.EgressPhase })},
		{Name: "enableFallback", Old: "fallback", Type: TypeBoolean, Default: false, Help: "what no receiver of the address can take goes to its fallback destination: receivers with the capability qd.fallback, and auto-links with fallback",
			field: at(func(a *Address) *bool { return &a.EnableFallback })},
		{Name: "shards", Type: TypeRecord, Record: &shardsEntity, Help: "spreads the address over several brokers; implies waypoint, and needs auto-links only for addresses below the prefix",
			field: at(func(a *Address) **Shards { return &a.Shards })},
		{Name: "presettledDirect", Type: TypeBoolean, Default: false, Help: "with waypoint: presettled messages go straight to the receivers by the shortest path, and only the others through the broker; the order between the two kinds is lost",
			field: at(func(a *Address) *bool { return &a.PresettledDirect })},
	},
}

// maxPhase is the last phase of an address: it is one digit.
const maxPhase = 9

// shardsEntity is what can be said about the shards of an address.
var shardsEntity = Entity{
	Name: "shards",
	Help: "the brokers that an address is spread over",
	Attributes: []Attribute{
		{Name: "key", Type: TypeString, Computed: "none: by load", Help: "what of a message decides its shard: group-id, subject, to, or application-property:NAME; messages with the same key keep their order",
			field: at(func(s *Shards) *ShardKey { return &s.Key }), check: checkShardKey},
		{Name: "connections", Type: TypeWords, Required: true, Help: "names of at least two connectors or listeners of role route-container; other routers of the mesh may have some of them",
			field: at(func(s *Shards) *[]string { return &s.Connections }), check: checkShardConnections},
		{Name: "onLoss", Type: TypeEnum, Values: words(ShardWait, ShardMove), Default: string(ShardWait), Help: "with key, when the broker of a shard is lost: wait holds the messages of its keys back until it returns; move sends them to the other shards",
			field: at(func(s *Shards) *ShardLoss { return &s.OnLoss })},
	},
}

func checkShardKey(v any) error {
	_, err := parseShardKey(v.(string))
	return err
}

func parseShardKey(s string) (ShardKey, error) {
	kinds := words(ShardByGroup, ShardBySubject, ShardByTo)
	if property, ok := strings.CutPrefix(s, string(ShardByProperty)+":"); ok {
		if property == "" {
			return ShardKey{}, errors.New("names no property after the colon; give application-property:NAME")
		}
		return ShardKey{ShardByProperty, property}, checkText(property)
	}
	if slices.Contains(kinds, s) {
		return ShardKey{Kind: ShardKind(s)}, nil
	}
	text := fmt.Sprintf("is %s; it must be one of %s, or application-property:NAME; without it shards are chosen by load", shown(s), strings.Join(kinds, ", "))
	if near := nearest(s, kinds); near != "" {
		text += fmt.Sprintf(" (did you mean %s?)", near)
	}
	return ShardKey{}, errors.New(text)
}

func checkShardConnections(v any) error {
	names := v.([]string)
	for i, n := range names {
		if err := checkName(n); err != nil {
			return fmt.Errorf("has a name that %w", err)
		}
		if slices.Contains(names[:i], n) {
			return fmt.Errorf("names %s twice", shown(n))
		}
	}
	if len(names) < 2 {
		return fmt.Errorf("names %d; at least two are needed to spread something (for one, use waypoint and auto-links)", len(names))
	}
	return nil
}
