package router

import (
	"slices"
	"strings"

	"github.com/meshway/meshway/internal/config"
	"github.com/meshway/meshway/routing"
)

// treatment is what configuration says of the addresses that match it.
type treatment struct {
	distribution config.Distribution
	priority     *uint8
	releases     bool // what was lost, instead of saying that it failed

	ingressPhase, egressPhase uint8      // into which senders send, and from which consumers take
	fallback                  bool       // what has no consumer goes to the address's fallback
	direct                    bool       // presettled messages go to the egress phase at once
	plan                      *shardPlan // nil if there are no shards
	everywhere                bool       // each router has it

	sticky bool       // of a shard: its messages keep to one consumer
	waits  bool       // of a shard: its messages wait for a consumer to come
	parts  *treatment // of the address's parts other than shards
	shard  *treatment // of its shards
}

// treated is what configuration says of the address now.
func (a *address) treated() *treatment { return a.treatment.Load() }

// rules are the treatments of all addresses. Immutable.
type rules struct {
	patterns routing.Patterns[*treatment]
	fallback *treatment // of addresses that nothing matches
	phased   bool       // senders of some addresses send into a phase other than 0
}

func newRules(cfg *config.Config) (*rules, error) {
	s := &rules{fallback: &treatment{distribution: cfg.Router.DefaultDistribution}}
	for i := range cfg.Addresses {
		a := &cfg.Addresses[i]
		t := newTreatment(a)
		s.phased = s.phased || t.ingressPhase > 0
		var err error
		if a.Prefix != "" {
			err = s.patterns.AddPrefix(a.Prefix, t)
		} else {
			err = s.patterns.AddPattern(a.Pattern, t)
		}
		if err != nil {
			return nil, err
		}
	}
	return s, nil
}

// part is how the parts of an address that is treated so are treated themselves.
func (t *treatment) part() *treatment {
	p := *t
	p.direct, p.fallback, p.plan = false, false, nil
	return &p
}

// newTreatment is the treatment of the addresses that match an entry, and of their parts.
func newTreatment(a *config.Address) *treatment {
	t := &treatment{
		distribution: a.Distribution, priority: a.Priority, releases: a.OnLoss == config.OutcomeReleased,
		ingressPhase: a.IngressPhase, egressPhase: a.EgressPhase,
		fallback: a.EnableFallback, direct: a.PresettledDirect,
	}
	t.parts = t.part()
	if s := a.Shards; s != nil && s.Key.Kind != config.ShardByLoad {
		t.plan = &shardPlan{
			names: s.Connections, shards: routing.NewShards(s.Connections),
			key: s.Key.Kind, name: s.Key.Property, move: s.OnLoss == config.ShardMove,
		}
		t.shard = t.parts.part()
		t.shard.distribution, t.shard.sticky, t.shard.waits = config.Closest, true, !t.plan.move
	}
	return t
}

// treatmentOf is what configuration says of an address, or of a part of one.
func (r *Router) treatmentOf(key string) *treatment {
	if strings.HasPrefix(key, everywherePrefix) {
		return everywhere
	}
	if strings.HasPrefix(key, localPrefix) || strings.HasPrefix(key, topoPrefix) {
		return ownTreatment // else a mesh without a default could not even be asked
	}
	address, class := part(key)
	rules := r.rules.Load()
	t, ok := rules.patterns.Match(address)
	switch {
	case !ok:
		return rules.fallback
	case class == '0':
		return t
	case class == shardClass && t.shard != nil:
		return t.shard
	}
	return t.parts
}

// takesOver reports whether an address with links that is treated as old can be treated as
// t from one message to the next: what waits, and who has credit for what, stays right.
func (t *treatment) takesOver(old *treatment) bool {
	chosen := func(d config.Distribution) bool { return d == config.Balanced || d == config.Closest }
	return (t.distribution == old.distribution || chosen(t.distribution) && chosen(old.distribution)) &&
		t.ingressPhase == old.ingressPhase && t.egressPhase == old.egressPhase &&
		t.fallback == old.fallback && t.direct == old.direct && t.everywhere == old.everywhere &&
		t.sticky == old.sticky && t.waits == old.waits && t.plan.equal(old.plan)
}

func (s *shardPlan) equal(other *shardPlan) bool {
	if s == nil || other == nil {
		return s == other
	}
	return slices.Equal(s.names, other.names) && s.key == other.key && s.name == other.name && s.move == other.move
}
