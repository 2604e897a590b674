package config

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
)

// failoverPorts are the ports where a URL names none; without a scheme it is
// that of amqp.
var failoverPorts = map[string]string{"": "5672", "amqp": "5672", "amqps": "5671", "ws": "80", "wss": "443"}

func parseFailover(words []string) ([]FailoverURL, error) {
	var urls []FailoverURL
	for _, w := range words {
		u, err := parseFailoverURL(w)
		if err != nil {
			return nil, fmt.Errorf("%s %w; each must look like [(amqp|amqps|ws|wss)://]host[:port]", shown(w), err)
		}
		if slices.Contains(urls, u) {
			return nil, fmt.Errorf("%s is named twice", shown(w))
		}
		urls = append(urls, u)
	}
	return urls, nil
}

func parseFailoverURL(s string) (FailoverURL, error) {
	var u FailoverURL
	rest := s
	if scheme, after, ok := strings.Cut(s, "://"); ok {
		u.Scheme, rest = strings.ToLower(scheme), after
		if failoverPorts[u.Scheme] == "" || u.Scheme == "" {
			return u, fmt.Errorf("has the scheme %s", shown(scheme))
		}
	}
	host, port, err := splitHostPort(rest)
	if err != nil {
		return u, err
	}
	if port == "" {
		port = failoverPorts[u.Scheme]
	}
	if n, err := PortNumber(port); err != nil || n == 0 {
		return u, fmt.Errorf("has the port %s", shown(port))
	}
	u.Host, u.Port = host, port
	return u, nil
}

// splitHostPort takes host, host:port, [::1], [::1]:port and a bare ::1.
func splitHostPort(s string) (host, port string, err error) {
	if _, err := netip.ParseAddr(unbracket(s)); err == nil {
		return unbracket(s), "", nil
	}
	host, port = s, ""
	if strings.Contains(s, ":") {
		if host, port, err = net.SplitHostPort(s); err != nil || port == "" {
			return "", "", errors.New("has no port after the colon, or too many colons")
		}
	}
	if host == "" {
		return "", "", errors.New("has no host")
	}
	if _, err := netip.ParseAddr(host); err == nil {
		return host, port, nil
	}
	if err := checkHostName(host); err != nil {
		return "", "", fmt.Errorf("has a host that %w", err)
	}
	return host, port, nil
}
