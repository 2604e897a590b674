package config

import "slices"

// httpOnly are the attributes of a listener that have an effect with http alone, and anyProtocol
// those that have one with and without.
var (
	httpOnly    = []string{"healthz", "metrics", "profiling"}
	anyProtocol = []string{"name", "host", "port", "socketAddressFamily", "role", "http"}
)

// fitsProtocol reports whether the attribute has an effect with the protocol that the entity
// speaks, if that is a listener.
func (a *Attribute) fitsProtocol(entity any) bool {
	l, ok := entity.(*Listener)
	return !ok || slices.Contains(anyProtocol, a.Name) || slices.Contains(httpOnly, a.Name) == l.HTTP
}

// wrongProtocol is why an attribute of a listener does not fit its protocol.
func wrongProtocol(entity any) string {
	if entity.(*Listener).HTTP {
		return "has no effect on a listener with http: true, which speaks no AMQP; remove it"
	}
	return "has no effect without http: true; add that, or remove it"
}

// checkHTTP refuses routers and brokers that would speak HTTP.
func (p *parser) checkHTTP(l *Listener, where string) {
	if l.HTTP && l.Role != RoleNormal {
		p.problem(p.lineOf(where, "role"), where+".role", "is %s, and http is true: routers and brokers speak AMQP; remove one of the two", l.Role)
	}
}
