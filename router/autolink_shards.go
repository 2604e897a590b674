package router

import (
	"slices"

	"go.uber.org/zap"

	"github.com/meshway/meshway/internal/config"
)

// shardLinks are the links of an address that lies on several brokers, into each of them and
// out of it, but for those that configuration has itself.
func (r *Router) shardLinks(all *config.Config, a *config.Address) (list []*autoLink) {
	if a.Shards == nil {
		return nil
	}
	for _, connection := range a.Shards.Connections {
		if !hasContainerConnection(all, connection) {
			r.log.Info("a shard's connection is none of this router: another router of the mesh must have it, or the shard's messages wait",
				zap.String("address", a.Prefix), zap.String("connection", connection))
			continue
		}
		cfg := config.AutoLink{
			Name: "shard-out:" + a.Prefix, Direction: config.DirectionOut, Phase: a.IngressPhase,
			Address: a.Prefix, Connection: connection, Durable: config.DurableConfiguration,
		}
		list = r.addShardLink(list, all, cfg)
		cfg.Name, cfg.Direction, cfg.Phase = "shard-in:"+a.Prefix, config.DirectionIn, a.EgressPhase
		list = r.addShardLink(list, all, cfg)
	}
	return list
}

// addShardLink adds a link unless configuration has one between the same ends.
func (r *Router) addShardLink(list []*autoLink, all *config.Config, cfg config.AutoLink) []*autoLink {
	if slices.ContainsFunc(all.AutoLinks, func(l config.AutoLink) bool {
		return l.Direction == cfg.Direction && l.Connection == cfg.Connection && l.Phase == cfg.Phase && !l.Fallback &&
			r.normalize(l.Address) == r.normalize(cfg.Address)
	}) {
		return list
	}
	return append(list, r.newAutoLink(cfg))
}

// intoShards has those links that lead into a shard of their address consume what is for that
// shard. By load the brokers are consumers of the one address.
func (r *Router) intoShards(cfg *config.Config, links []*autoLink) {
	rules, err := newRules(cfg)
	if err != nil {
		return // it is not taken over
	}
	for _, l := range links {
		address := r.normalize(l.cfg.Address)
		t, ok := rules.patterns.Match(address)
		if ok && t.plan != nil && l.cfg.Direction == config.DirectionOut && !l.cfg.Fallback && l.cfg.Phase == t.ingressPhase &&
			slices.Contains(t.plan.names, l.cfg.Connection) {
			l.key = shardKey(address, l.cfg.Connection)
		}
	}
}

// hasContainerConnection says whether a connector or listener for containers has that name.
func hasContainerConnection(cfg *config.Config, name string) bool {
	return slices.ContainsFunc(cfg.Connectors, func(c config.Connector) bool { return c.Role == config.RoleRouteContainer && c.Name == name }) ||
		slices.ContainsFunc(cfg.Listeners, func(l config.Listener) bool { return l.Role == config.RoleRouteContainer && l.Name == name })
}
