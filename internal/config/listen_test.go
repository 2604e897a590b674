package config

import "testing"

// What overlaps is what a system with both families has refused, each pair in either order.
func TestListenersThatHaveNoPlaceBesideEachOther(t *testing.T) {
	for _, c := range []struct {
		a, b  Listener
		clash bool
	}{
		{Listener{}, Listener{Host: "127.0.0.1"}, true},
		{Listener{Host: "0.0.0.0"}, Listener{Host: "127.0.0.1"}, true},
		{Listener{Host: "0.0.0.0"}, Listener{Host: "::1"}, false},
		{Listener{Host: "::"}, Listener{Host: "127.0.0.1"}, true},
		{Listener{Host: "::"}, Listener{Host: "0.0.0.0"}, true},
		{Listener{Host: "[::]"}, Listener{Host: "::1"}, true},
		{Listener{Host: "::", SocketAddressFamily: IPv6}, Listener{Host: "127.0.0.1"}, false},
		{Listener{Host: "::", SocketAddressFamily: IPv6}, Listener{Host: "0.0.0.0"}, false},
		{Listener{Host: "::", SocketAddressFamily: IPv6}, Listener{Host: "::1"}, true},
		{Listener{Host: "127.0.0.1"}, Listener{Host: "127.0.0.2"}, false},
		{Listener{Host: "127.0.0.1"}, Listener{Host: "::1"}, false},
		{Listener{Host: "127.0.0.1"}, Listener{Host: "::ffff:127.0.0.1"}, true},
		{Listener{Host: "localhost"}, Listener{Host: "localhost"}, true},
		{Listener{Host: "localhost"}, Listener{Host: "127.0.0.1"}, false}, // nobody is asked what it stands for
	} {
		a, b := c.a, c.b
		a.Port, b.Port = "5672", "amqp"
		for range 2 {
			if got := a.overlaps(&b); got != c.clash {
				t.Errorf("%s %s and %s %s: overlap %v, want %v", a.Host, a.SocketAddressFamily, b.Host, b.SocketAddressFamily, got, c.clash)
			}
			a, b = b, a
		}
		if b.Port = "5673"; a.overlaps(&b) {
			t.Errorf("%s and %s overlap on two ports", a.Host, b.Host)
		}
	}
}
