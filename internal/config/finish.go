package config

import (
	"cmp"
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
)

// finish fills in the defaults that depend on something else.
func (c *Config) finish() {
	c.Router.ID = cmp.Or(c.Router.ID, hostID())
	if f := &c.Log.OutputFile; *f != outputStderr && *f != outputStdout {
		*f = inFolder(c.folder(), *f)
	}
	if c.Users.File != "" {
		c.Users.File = inFolder(c.folder(), c.Users.File)
	}
	for i := range c.Listeners {
		l := &c.Listeners[i]
		l.HostByDefault = l.Host == ""
		l.Host = l.bareHost()
		l.Name = NameOf(l)
		l.Management = cmp.Or(l.Management, l.defaultManagement())
		if l.SASLMechanisms == nil {
			l.SASLMechanisms = l.defaultMechanisms(c.Users)
		}
	}
	for i := range c.Connectors {
		c.Connectors[i].finish()
	}
	for i := range c.Addresses {
		a := &c.Addresses[i]
		a.Name = NameOf(a)
	}
	for i := range c.AutoLinks {
		l := &c.AutoLinks[i]
		l.ExternalAddress = l.externalAddress()
		l.Name = NameOf(l)
	}
	for i := range c.LinkRoutes {
		l := &c.LinkRoutes[i]
		l.Name = NameOf(l)
	}
}

// defaultManagement trusts those on this machine.
func (l *Listener) defaultManagement() Management {
	ip, err := netip.ParseAddr(l.bareHost())
	if l.bareHost() == "localhost" || err == nil && ip.IsLoopback() {
		return ManagementFull
	}
	return ManagementRead
}

// folder is where the file is that the configuration came from.
func (c *Config) folder() string { return filepath.Dir(c.File) }

// inFolder is a file by its name as seen from the folder.
func inFolder(folder, file string) string {
	if filepath.IsAbs(file) {
		return file
	}
	return filepath.Join(folder, file)
}

func (c *Connector) finish() {
	c.Host = c.bareHost()
	if c.Hosts != nil {
		c.Hosts = c.DialAddresses()
	}
	c.Name = NameOf(c)
	if c.SASLMechanisms == nil {
		c.SASLMechanisms = c.defaultMechanisms()
	}
	slices.SortFunc(c.SASLMechanisms, func(a, b string) int {
		return slices.Index(mechanismsByStrength, a) - slices.Index(mechanismsByStrength, b)
	})
}

func (c *Connector) defaultMechanisms() []string {
	switch {
	case c.SASLUsername == "":
		return []string{"ANONYMOUS"}
	case c.Role == RoleRouteContainer:
		return []string{"SCRAM-SHA-256", "PLAIN"}
	default:
		return []string{"PLAIN"}
	}
}

func (l *Listener) defaultMechanisms(users Users) []string {
	names := []string{}
	if !l.AuthenticatePeer {
		names = append(names, "ANONYMOUS")
	}
	if users.File != "" {
		names = append(names, "PLAIN")
	}
	return names
}

func (l *AutoLink) externalAddress() string { return cmp.Or(l.ExternalAddress, l.Address) }

// defaultPhase is on the far side of a waypoint for what comes out of it.
func (l *AutoLink) defaultPhase() uint8 {
	if l.Direction == DirectionIn && !l.Fallback {
		return 1
	}
	return 0
}

// defaultName differs for two auto-links that may stand beside each other.
func (l *AutoLink) defaultName() string {
	name := fmt.Sprintf("%s:%s@%s", l.Direction, l.Address, l.Connection+l.ContainerID)
	if external := l.externalAddress(); external != l.Address {
		name += "/" + external
	}
	switch {
	case l.Fallback:
		name += ":fallback"
	case l.Phase != l.defaultPhase():
		name += fmt.Sprintf(":%d", l.Phase)
	}
	return name
}

func (l *LinkRoute) defaultName() string {
	name := fmt.Sprintf("%s:%s", l.Direction, l.Prefix+l.Pattern)
	if to := l.Connection + l.ContainerID; to != "" {
		name += "@" + to
	}
	return name
}

// defaultEgressPhase is behind the waypoint, if there is one.
func (a *Address) defaultEgressPhase() uint8 {
	if a.Waypoint {
		return 1
	}
	return 0
}
