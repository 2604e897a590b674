package router_test

import (
	"testing"

	"github.com/meshway/meshway/internal/config"
	"github.com/meshway/meshway/internal/meshtest"
	"github.com/meshway/meshway/internal/wire"
)

// What configuration says of addresses: by prefix, by pattern, and of all others.

// sharing sends twenty messages to an address with two receivers, of which one settles
// nothing, and says how they were distributed.
func sharing(s *stage, address string) config.Distribution {
	lazy, quick := s.app("lazy").consumer(address, 100), s.app("quick").consumer(address, 100)
	p := s.app("sender").producer(address)
	if p.end != nil {
		return config.Unavailable
	}
	for range 20 {
		p.send(text("x"))
		quick.acceptAll()
	}
	switch len(lazy.got) {
	case 20:
		return config.Multicast
	case 10:
		return config.Closest
	}
	return config.Balanced
}

var distributions = []config.Distribution{config.Balanced, config.Closest, config.Multicast, config.Unavailable}

func TestAnAddressThatNoEntryMatchesHasTheDefaultDistribution(t *testing.T) {
	for _, d := range distributions {
		t.Run(string(d), func(t *testing.T) {
			play(t, func(c *config.Config) { c.Router.DefaultDistribution = d }, func(s *stage) {
				equal(s, "distribution", sharing(s, "some/address"), d)
				c := s.app("client").consumerWith(meshtest.ReceiverOptions{Source: &wire.Source{Dynamic: true}, Credit: 10})
				s.app("server").producer("").post(addressed(c.Answer.Source.Address.V, "answer"))
				equal(s, "a dynamic address works all the same", c.bodies(), "answer")
			})
		})
	}
}

func TestTheMostSpecificEntryDecides(t *testing.T) {
	entries := []config.Address{
		{Prefix: "a", Distribution: config.Multicast},
		{Pattern: "a/*/c", Distribution: config.Closest},
		{Pattern: "a/b/c/#", Distribution: config.Balanced},
		{Pattern: "#/end", Distribution: config.Unavailable},
	}
	for address, want := range map[string]config.Distribution{
		"a": config.Multicast, "a/b": config.Multicast, "a.b.d": config.Multicast, "a/x/c": config.Closest, "a/x/c/d": config.Multicast,
		"a/b/c": config.Balanced, "a/b/c/d/e": config.Balanced, "ab": config.Closest, "x/y/end": config.Unavailable, "a/b/end": config.Multicast,
	} {
		t.Run(address, func(t *testing.T) {
			play(t, func(c *config.Config) {
				c.Addresses = entries
				c.Router.DefaultDistribution = config.Closest
			}, func(s *stage) {
				equal(s, "distribution", sharing(s, address), want)
			})
		})
	}
}

func TestBalancedIsEvenAmongThoseWhoSettleNothing(t *testing.T) {
	play(t, nil, func(s *stage) {
		var list []*consumer
		for _, name := range []string{"r1", "r2", "r3"} {
			list = append(list, s.app(name).consumer("q", 100))
		}
		p := s.app("sender").producer("q")
		for range 30 {
			p.send(text("x"))
		}
		for _, c := range list {
			equal(s, c.Name+" has", len(c.got), 10)
		}
	})
}

func TestTheRouterOffersToRelayWhatSaysItselfWhereItGoes(t *testing.T) {
	play(t, nil, func(s *stage) {
		a := s.app("sender")
		p := a.producer("")
		a.Do(func() {
			equal(s, "offered by open", len(a.Peer().OfferedCapabilities) == 1 && a.Peer().OfferedCapabilities[0] == "ANONYMOUS-RELAY", true)
		})
		equal(s, "offered by the link", len(p.Answer.OfferedCapabilities) == 1 && p.Answer.OfferedCapabilities[0] == "ANONYMOUS-RELAY", true)
	})
}
