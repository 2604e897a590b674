package main

import (
	"context"
	"encoding/csv"
	"strings"
	"testing"

	"github.com/meshway/meshway/internal/client"
)

// Stories of listings, and of changes, that a break of what they promise does not pass.

// What others call their containers must not move the columns of a spreadsheet.
func TestACommaInANameIsNoColumn(t *testing.T) {
	m := five()
	name := `a, "b"` + "\x1b[2J"
	m.one(t, "B", "connection", "identity", "1")["container"] = name
	a := m.app()
	a.want(t, 0, "get", "connections", "-r", "B", "-o", "csv")
	rows, err := csv.NewReader(strings.NewReader(a.out.String())).ReadAll()
	if err != nil || len(rows) != 3 {
		t.Fatalf("%d lines, %v:\n%s", len(rows), err, a.out)
	}
	for i, column := range rows[0] {
		if got, want := rows[1][i], `a, "b"?[2J`; column == "container" && got != want {
			t.Errorf("the container is %q, want %q", got, want)
		}
	}
}

func TestLinksBetweenRoutersAreLeftOutUnlessTheyAreAskedFor(t *testing.T) {
	m := five()
	m.one(t, "D", "router.link", "owningAddr", "M1queue")["linkType"] = "inter-router"
	for _, c := range []struct {
		args []string
		has  bool
		says string
	}{
		{nil, false, "1 more between routers: -o wide"},
		{[]string{"-o", "wide"}, true, ""},
		{[]string{"-o", "json"}, true, ""},
		{[]string{"--filter", "linkDir=out"}, true, ""},
	} {
		a := m.app()
		a.want(t, 0, append([]string{"get", "links", "-r", "D"}, c.args...)...)
		if has := strings.Contains(a.out.String(), "queue"); has != c.has {
			t.Errorf("get links %q has the link between routers: %v, want %v\n%s", c.args, has, c.has, a.out)
		}
		if said := strings.TrimSpace(a.err.String()); !strings.HasSuffix(said, c.says) || c.says == "" && said != "" {
			t.Errorf("get links %q said %q, want %q", c.args, said, c.says)
		}
	}
}

func TestAListingThatIsWatchedComesAgainAsItIsThen(t *testing.T) {
	m := five()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	looks := 0
	m.onQuery = func(_, kind string) {
		if looks++; looks == 2 {
			m.at["A"]["router"][0]["mode"] = "other"
		} else if looks == 3 {
			cancel()
		}
	}
	a := m.app()
	if code := a.run(ctx, []string{"get", "status", "--watch=1ms"}); code != 0 {
		t.Errorf("exit code %d when it is interrupted: %s", code, a.err)
	}
	wantText(t, a.out, "interior", "other")
	if looks < 3 {
		t.Errorf("the router was asked %d times, want 3", looks)
	}
}

func TestARouterThatKnowsNoSuchKindIsToldFromOneWithout(t *testing.T) {
	m := five()
	m.fails = &client.StatusError{Operation: "QUERY", Code: client.StatusNotFound, Description: "Not Found"}
	a := m.app()
	a.want(t, 1, "get", "log-stats")
	wantText(t, a.err, "that router knows no log-stats: ")
	m.fails = &client.StatusError{Operation: "QUERY", Code: client.StatusForbidden, Description: "Forbidden"}
	a = m.app()
	a.want(t, 1, "get", "log-stats")
	if said := a.err.String(); strings.Contains(said, "knows no") {
		t.Errorf("a router that does not allow it is said not to know it: %s", said)
	}
}

// A connector to another router is no broker, and must not be deleted as one.
func TestWhatIsOfAnotherKindIsNotFoundByItsName(t *testing.T) {
	m := five()
	m.add("A", "connector", client.Entity{"name": "to-b", "identity": "connector/b:55672:to-b", "role": "inter-router"})
	for _, command := range []string{"describe broker to-b", "delete broker to-b"} {
		a := m.app()
		a.want(t, 1, strings.Fields(command)...)
		wantText(t, a.err, `there is no "to-b" among the brokers`)
	}
	if len(m.asked) > 0 {
		t.Errorf("asked %q", m.asked)
	}
	for _, name := range []string{"connector", "connectors", "org.apache.qpid.dispatch.connector"} {
		a := m.app()
		a.want(t, 0, "describe", name, "to-b")
	}
	for _, name := range []string{"router.node", "org.apache.qpid.dispatch.router.node", "router", "nodes"} {
		if k, err := findKind(name); err != nil || k.name != "routers" {
			t.Errorf("%s is %v (%v), want the routers", name, k, err)
		}
	}
}

func TestValuesAreSentAsWhatTheyLookLike(t *testing.T) {
	for text, want := range map[string]any{
		"5672": int64(5672), "-1": int64(-1), "0": int64(0), "007": "007", "+1": "+1", "1e3": "1e3", "99999999999999999999": "99999999999999999999",
		"true": true, "false": false, "True": "True", "no": "no", "": nil, "null": "null", "a=b": "a=b",
	} {
		got, err := parseAttributes([]string{"x=" + text})
		if err != nil || got["x"] != want {
			t.Errorf("x=%s is sent as %T %v (%v), want %T %v", text, got["x"], got["x"], err, want, want)
		}
	}
}

// A standalone router is there, though it is not among the routers of a mesh.
func TestWhoAsksAStandaloneRouterForRoutersHearsWhereItTellsOfItself(t *testing.T) {
	m := five()
	m.at["A"]["router.node"] = nil
	for code, args := range map[int][]string{0: {"get", "routers"}, 1: {"describe", "router", "A"}} {
		a := m.app()
		a.name = "./meshway"
		a.want(t, code, args...)
		wantText(t, a.err, "no routers; a standalone router lists none, and tells of itself with: ./meshway get status")
	}
	a := m.app()
	a.want(t, 0, "get", "routers", "--filter", "id=A")
	if strings.Contains(a.err.String(), "standalone") {
		t.Errorf("with a filter: got %q", a.err)
	}
}
