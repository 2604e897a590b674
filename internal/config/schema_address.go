package config

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

		{Name: "waypoint", Refused: noBrokers},
		{Name: "ingressPhase", Refused: noBrokers},
		{Name: "egressPhase", Refused: noBrokers},
		{Name: "shards", Refused: noBrokers},
		{Name: "presettledDirect", Refused: noBrokers},
		{Name: "enableFallback", Refused: "fallback destinations are not built yet; remove it"},
	},
}
