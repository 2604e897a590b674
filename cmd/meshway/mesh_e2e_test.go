package main

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// meshOfThree runs three routers in this process, A to B to C, and returns their URLs. Routers
// other than A find their neighbour by its port.
func meshOfThree(t *testing.T) (urls []string) {
	t.Helper()
	before := ""
	for _, id := range []string{"A", "B", "C"} {
		text := "router: {id: " + id + ", mode: interior}\nlisteners:\n  - {port: 0}\n  - {name: mesh, port: 0, role: inter-router}\n"
		if before != "" {
			host, port, _ := strings.Cut(strings.TrimPrefix(before, "amqp://"), ":")
			text += fmt.Sprintf("connectors:\n  - {name: up, host: %s, port: %s, role: inter-router, cost: 3}\n", host, port)
		}
		list := runRouter(t, text)
		urls, before = append(urls, list[0]), list[1]
	}
	return urls
}

// await asks until the answer is as wanted.
func await(t *testing.T, what string, is func() bool) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !is() {
		if time.Now().After(deadline) {
			t.Fatalf("in vain: %s", what)
		}
		time.Sleep(10 * time.Millisecond) // a mesh forms by itself; there is no event to await from here
	}
}

func TestManagementOfARealMesh(t *testing.T) {
	urls := meshOfThree(t)
	dial := func(url string) *testApp {
		a := networked(url)
		a.manage, a.now = dialAgents, time.Now
		return a
	}
	say := func(args ...string) string {
		a := dial(urls[0])
		a.run(t.Context(), args)
		return a.out.String() + a.err.String()
	}
	await(t, "three routers", func() bool {
		return strings.Count(say("get", "routers", "--filter", "draining=false", "-o", "name"), "router.node/") == 3
	})

	for _, c := range []struct {
		args []string
		want []string
	}{
		{[]string{"topology"}, []string{"3 routers, 2 adjacencies", "every adjacency costs 3", "all is well", "seen from A"}},
		{[]string{"topology", "--path", "A", "C"}, []string{"A → C: cost 6, 2 hops"}},
		{[]string{"get", "connections", "--router", "B", "--filter", "role=inter-router"}, []string{"A ", "C "}},
		{[]string{"get", "connectors", "--all"}, []string{"B   up", "C   up", "SUCCESS"}},
		{[]string{"get", "status", "--all"}, []string{"A ", "B ", "C ", "interior"}},
		{[]string{"describe", "listener", "mesh", "--router", "C"}, []string{"inter-router"}},
		{[]string{"ping", "C", "--count", "1"}, []string{"2  C"}},
		{[]string{"doctor"}, []string{"3 routers asked: all is well"}},
		{[]string{"trace", "orders", "--from", "C"}, []string{"there is no consumer"}},
		{[]string{"get", "links", "--router", "Z"}, []string{`router "Z" cannot be reached`}},
	} {
		text := say(c.args...)
		for _, w := range c.want {
			if !strings.Contains(text, w) {
				t.Errorf("meshway %s: got\n%s\nwant %q in it", strings.Join(c.args, " "), text, w)
			}
		}
	}
	for _, k := range kinds {
		a := dial(urls[0])
		a.want(t, 0, "get", k.name, "--all", "-o", "json")
	}

	// A consumer at C is found from A.
	receiving := dial(urls[2]).background(t, 0, "receive", "orders", "--count", "1")
	await(t, "a way to the consumer", func() bool { return strings.Contains(say("trace", "orders"), "A ─3→ B ─3→ C") })
	dial(urls[0]).want(t, 0, "send", "orders", "x")
	receiving()

	dial(urls[0]).want(t, 0, "drain", "C")
	await(t, "C to leave", func() bool { return strings.Contains(say("topology"), "unreachable: C") })
}

func TestARouterThatIsNoRouter(t *testing.T) {
	a := networked("amqp://" + peer(t, say("HTTP/1.1 400 Bad Request\r\n\r\n")).address)
	a.manage = dialAgents
	a.want(t, 1, "get", "connections")
	wantText(t, a.err, "probably not an AMQP 1.0 router")
}

func TestARouterThatDiesInTheMiddle(t *testing.T) {
	m := five()
	times := 0
	m.onQuery = func(router, _ string) {
		if router == "C" {
			if times++; times > 1 {
				m.silent["C"] = true
			}
		}
	}
	a := m.app()
	a.want(t, 1, "doctor")
	wantText(t, a.out, "C: no answer")
}
