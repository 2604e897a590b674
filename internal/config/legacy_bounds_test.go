package config

import (
	"strings"
	"testing"
)

func TestWhatThePredecessorTookWithoutAWordIsTakenWithOne(t *testing.T) {
	c, err := Parse("f", []byte(`router {
    mode: interior
    id: A
}
listener {
    host: 127.0.0.1
    maxFrameSize: 2
    maxSessions: 500000
}
connector {
    name: b
    role: inter-router
    host: 0.0.0.0
    port: 1
}
autoLink {
    address: x
    direction: in
}
`))
	if err != nil {
		t.Fatal(err)
	}
	if l := c.Listeners[0]; l.MaxFrameSize != 512 || l.MaxSessions != 32768 {
		t.Errorf("listener: frame size %d, sessions %d", l.MaxFrameSize, l.MaxSessions)
	}
	if host := c.Connectors[0].Host; host != "127.0.0.1" {
		t.Errorf("the connector leads to %q", host)
	}
	if len(c.AutoLinks) != 0 {
		t.Errorf("auto-links: %v", c.AutoLinks)
	}
	for _, warned := range []string{"f:7:", "f:8:", "f:13:", "f:16:"} {
		if !strings.Contains(c.Warnings.Error(), warned) {
			t.Errorf("no warning at %s in\n%v", warned, c.Warnings)
		}
	}
}
