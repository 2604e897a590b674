package config

import (
	"errors"
	"net/netip"
)

// DialAddresses are the addresses for net.Dial, to be tried in order: host:port,
// with numbers.
func (c *Connector) DialAddresses() []string {
	if c.Hosts == nil {
		return []string{c.DialAddress()}
	}
	var places []string
	for _, h := range c.Hosts {
		places = append(places, dialPlace(h))
	}
	return places
}

// DialAddress is the address for net.Dial of a connector without Hosts.
func (c *Connector) DialAddress() string { return hostPort(c.bareHost(), c.Port) }

// bareHost is the host without the brackets that IPv6 addresses may have.
func (c *Connector) bareHost() string { return unbracket(c.Host) }

func checkDialHost(v any) error {
	host := v.(string)
	if host == "" {
		return errors.New("is empty; give the name or address of the other machine")
	}
	ip, err := netip.ParseAddr(unbracket(host))
	switch {
	case host == "*" || err == nil && ip.IsUnspecified():
		return errors.New("is " + shown(host) + ", which is where to listen; give the name or address of the other machine")
	case err == nil:
		return nil
	}
	return checkHostName(host)
}
