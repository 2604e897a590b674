package config

import (
	"errors"
	"net/netip"
)

// DialAddress is the address for net.Dial: host:port, with a number.
func (c *Connector) DialAddress() string { return hostPort(c.bareHost(), c.Port) }

// bareHost is the host without the brackets that IPv6 addresses may have.
func (c *Connector) bareHost() string { return unbracket(c.Host) }

func checkDialHost(v any) error {
	host := v.(string)
	if host == "" {
		return errors.New("is empty; give the name or address of the other router's machine")
	}
	ip, err := netip.ParseAddr(unbracket(host))
	switch {
	case host == "*" || err == nil && ip.IsUnspecified():
		return errors.New("is " + shown(host) + ", which is where to listen; give the name or address of the other router's machine")
	case err == nil:
		return nil
	}
	return checkHostName(host)
}
