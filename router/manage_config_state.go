package router

import (
	"fmt"
	"strings"

	"github.com/meshway/meshway/broker-link"
	"github.com/meshway/meshway/internal/config"
	"github.com/meshway/meshway/internal/management"
)

// What is known of configured entities beside their configuration: how they stand.

// listenerColumns are what is known of a listener besides.
var listenerColumns = []management.Column[*configured]{
	text("listenAddress", "where it listens, HOST:PORT, as the system has it; empty before it does", (*configured).listenAddress),
}

// listenAddress is where the listener listens.
func (c *configured) listenAddress() string {
	for _, e := range c.r.Listening() {
		if e.Name == c.name {
			return e.Addr.String()
		}
	}
	return ""
}

// connectorColumns are what is known of a connector besides.
var connectorColumns = []management.Column[*configured]{
	text("connectionStatus", "SUCCESS, or CONNECTING while it is tried", func(c *configured) string { s, _ := c.connector(); return s }),
	text("failoverUrls", "where the peer may be, in the order in which it will be tried, beginning with where it is: what is configured, and what the peer has named", (*configured).failoverURLs),
	text("connectionMsg", "which connection that is, or why there is none", func(c *configured) string { _, m := c.connector(); return m }),
}

// failoverURLs are the places of a connector in the order in which they will be tried,
// beginning with that of the connection, as URLs.
func (c *configured) failoverURLs() string {
	var urls []string
	for _, place := range c.places() {
		urls = append(urls, "amqp://"+place)
	}
	return strings.Join(urls, ", ")
}

// places are those where the connector's peer may be.
func (c *configured) places() []string {
	for _, k := range c.r.brokers.all() {
		if k.cfg.Name == c.name {
			return k.link.Places()
		}
	}
	if x := c.r.mesh; x != nil {
		x.mu.Lock()
		k := x.connectors[c.name]
		x.mu.Unlock()
		if k != nil {
			return k.places()
		}
	}
	return nil
}

// connector says how the connector stands.
func (c *configured) connector() (status, message string) {
	for _, p := range c.r.eachPeer() {
		if p.dialled != "" && p.place == c.name && p.conn.Peer() != nil {
			return "SUCCESS", fmt.Sprintf("[C%d] Connection Opened: dir=out host=%s container_id=%s", p.id, p.dialled, p.conn.Peer().ContainerID)
		}
	}
	for _, k := range c.r.brokers.all() {
		if k.cfg.Name == c.name {
			if s := k.link.Status(); s.LastError != "" {
				return "CONNECTING", "Connection to " + s.Host + " failed: " + s.LastError
			}
		}
	}
	if why, ok := c.r.undialled.Load(c.name); ok {
		return "CONNECTING", why.(string)
	}
	return "CONNECTING", ""
}

// autoLinkColumns and linkRouteColumns are what is known of those besides.
var (
	autoLinkColumns = []management.Column[*configured]{
		column(typeText, "linkRef", "the identity of its link", func(c *configured) any { return c.autoLinkRef() }),
		text("operStatus", "inactive, attaching, failed or active", func(c *configured) string { return c.autoLink().State.String() }),
		text("lastError", "why it failed last; of an active one, what is wrong with it all the same", func(c *configured) string { return withoutCondition(c.autoLink().LastError) }),
	}
	linkRouteColumns = []management.Column[*configured]{
		always[*configured](typeText, "distribution", "always linkBalanced", "linkBalanced"),
		text("operStatus", "active if a container for it is connected here, else inactive", (*configured).routeStatus),
	}
)

// autoLink is how the auto-link stands.
func (c *configured) autoLink() brokerlink.AttachStatus {
	for _, l := range c.r.autoLinks.named(c.name) {
		return l.status()
	}
	return brokerlink.AttachStatus{}
}

// withoutCondition is a peer's error in its own words, which tools compare.
func withoutCondition(text string) string {
	if condition, words, ok := strings.Cut(text, ": "); ok && words != "" && !strings.Contains(condition, " ") && strings.Contains(condition, ":") {
		return words
	}
	return text
}

// autoLinkRef is the identity of the auto-link's link; nil if there is none.
func (c *configured) autoLinkRef() any {
	cfg := c.item.(*config.AutoLink)
	for _, row := range c.r.linkRows() {
		p := row.peer()
		if p.container != nil && row.name() == cfg.Name+"@"+p.container.connection && (row.in != nil) == (cfg.Direction == config.DirectionIn) {
			return decimal(row.tally().id)
		}
	}
	return nil
}

// named are the auto-links of that name.
func (s *autoLinks) named(name string) (list []*autoLink) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.list {
		if l.cfg.Name == name {
			list = append(list, l)
		}
	}
	return list
}
