package config

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"unicode"
)

// services are the names of ports that must work on a machine without
// /etc/services too.
var services = map[string]uint16{"amqp": 5672, "amqps": 5671}

// PortNumber turns a port, as it is configured, into its number.
func PortNumber(port string) (uint16, error) {
	if n, ok := services[strings.ToLower(port)]; ok {
		return n, nil
	}
	if port == "" {
		return 0, errors.New("is empty; give a number or a service name")
	}
	if strings.Trim(port, "+-0123456789") == "" {
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil {
			return 0, fmt.Errorf("is %s; it must be a whole number from 0 to 65535, or a service name", shown(port))
		}
		return uint16(n), nil
	}
	n, err := net.DefaultResolver.LookupPort(context.Background(), "tcp", port)
	if err != nil {
		return 0, fmt.Errorf("is %s, which is neither a number nor a service name that this machine knows; give the number", shown(port))
	}
	return uint16(n), nil
}

func checkPort(v any) error {
	_, err := PortNumber(v.(string))
	return err
}

// ListenNetwork is the network for net.Listen.
func (l *Listener) ListenNetwork() string {
	switch l.SocketAddressFamily {
	case IPv4:
		return "tcp4"
	case IPv6:
		return "tcp6"
	}
	// Without this, Go would take 0.0.0.0 for every IPv6 address as well.
	if ip, err := netip.ParseAddr(l.bareHost()); err == nil && ip.Is4() {
		return "tcp4"
	}
	return "tcp"
}

// ListenAddress is the address for net.Listen: host:port, with a number.
func (l *Listener) ListenAddress() string { return hostPort(l.bareHost(), l.Port) }

// overlaps says that the system has no place for both, so far as their addresses tell: a name
// may stand for any.
func (l *Listener) overlaps(other *Listener) bool {
	if l.ListenAddress() == other.ListenAddress() {
		return true
	}
	if hostPort("", l.Port) != hostPort("", other.Port) {
		return false
	}
	for _, family := range []Family{IPv4, IPv6} {
		a, b := l.listensAt(family), other.listensAt(family)
		if a.IsValid() && b.IsValid() && (a == b || a.IsUnspecified() || b.IsUnspecified()) {
			return true
		}
	}
	return false
}

// listensAt is the address of that family at which it listens, unspecified for all of them;
// none if there is none, or its host is a name.
func (l *Listener) listensAt(family Family) netip.Addr {
	ip, err := netip.ParseAddr(l.bareHost())
	ip = ip.Unmap()
	switch {
	case err != nil:
	case ip.Is4() == (family == IPv4):
		return ip
	case ip == netip.IPv6Unspecified() && l.SocketAddressFamily != IPv6:
		return netip.IPv4Unspecified() // [::] takes both
	}
	return netip.Addr{}
}

// hostPort joins the two, the port as a number.
func hostPort(host, port string) string {
	if n, err := PortNumber(port); err == nil {
		port = strconv.Itoa(int(n))
	}
	return net.JoinHostPort(host, port)
}

// bareHost is the host without the brackets that IPv6 addresses may have, and
// loopback where there is none.
func (l *Listener) bareHost() string {
	switch {
	case l.Host != "":
		return unbracket(l.Host)
	case l.SocketAddressFamily == IPv6:
		return "::1"
	default:
		return "127.0.0.1"
	}
}

func unbracket(host string) string {
	if inner, ok := strings.CutPrefix(host, "["); ok {
		return strings.TrimSuffix(inner, "]")
	}
	return host
}

func checkHost(v any) error {
	host := v.(string)
	if host == "" {
		return errors.New("is empty; remove the line to listen on loopback, or give 0.0.0.0 for every IPv4 address, :: for every address")
	}
	if _, err := netip.ParseAddr(unbracket(host)); err == nil {
		return nil
	}
	return checkHostName(host)
}

// checkHostName takes what can be a host's name, loosely: the resolver decides.
func checkHostName(host string) error {
	switch {
	case host == "*":
		return errors.New(`is "*"; give 0.0.0.0 for every IPv4 address, or :: for every address`)
	case strings.Contains(host, "://"):
		return fmt.Errorf("is %s; give a name or an address only", shown(host))
	case strings.Contains(host, ":"):
		return fmt.Errorf("is %s, which is no address; a port goes into the attribute port", shown(host))
	case len(host) > 253, strings.ContainsFunc(host, notInHostName):
		return fmt.Errorf("is %s, which is neither a name nor an address", shown(host))
	}
	return nil
}

func notInHostName(r rune) bool {
	return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("-_.", r)
}

// checkText refuses what would make names unreadable in messages and logs.
func checkText(s string) error {
	if strings.ContainsFunc(s, unicode.IsControl) {
		return errors.New("contains a control character")
	}
	return nil
}
