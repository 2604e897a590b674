package main

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/meshway/meshway/internal/client"
)

// Stories of commands that have a router do something, and of those that go on for a while.

func TestReloadSaysWhatChangesAndAtWhichRouter(t *testing.T) {
	for _, c := range []struct {
		args        []string
		answer      any
		asked, said string
		code        int
	}{
		{[]string{"reload"}, []any{}, "node  RELOAD map[dryRun:false]", "nothing has changed\n", 0},
		{[]string{"reload", "-r", "B"}, []any{"listener x: added", "router: changed"}, "node B RELOAD map[dryRun:false]", "listener x: added\nrouter: changed\n2 changes made\n", 0},
		{[]string{"reload", "--dry-run"}, []any{"router: changed"}, "node  RELOAD map[dryRun:true]", "router: changed\n1 change to make\n", 0},
		{[]string{"reload"}, "done", "node  RELOAD map[dryRun:false]", "", 1}, // another program's agent
		{[]string{"config", "save", "-r", "C"}, "/etc/meshway.yaml", "node C SAVE-CONFIG map[]", "saved as /etc/meshway.yaml\n", 0},
	} {
		m := five()
		m.answer = c.answer
		a := m.app()
		a.want(t, c.code, c.args...)
		if got := strings.Join(m.asked, "\n"); got != c.asked {
			t.Errorf("%q asked %q, want %q", c.args, got, c.asked)
		}
		if a.out.String() != c.said {
			t.Errorf("%q said %q, want %q", c.args, a.out, c.said)
		}
	}
}

// A router whose mesh is gone, or that never had one, is asked without its id: it must not take
// what is for another one.
func TestDrainOfARouterThatIsNotThereEndsNoOther(t *testing.T) {
	for _, mode := range []string{"standalone", "the last of its mesh"} {
		m := five()
		nodes := m.at["A"]["router.node"]
		m.at["A"]["router.node"] = nodes[:0]
		if mode != "standalone" {
			m.at["A"]["router.node"] = nodes[:1]
		}
		a := m.app()
		a.want(t, 1, "drain", "B")
		wantText(t, a.err, `router "B" cannot be reached from here`)
		a = m.app()
		a.want(t, 2, "drain", "")
		wantText(t, a.err, "the id of the router is empty")
		if len(m.asked) > 0 {
			t.Errorf("%s: it asked %q", mode, m.asked)
		}
		a = m.app()
		a.want(t, 0, "drain", "A")
		if got := strings.Join(m.asked, "\n"); got != "node  DRAIN map[]" {
			t.Errorf("%s: asked %q", mode, got)
		}
	}
}

func TestDrainGoesToTheRouterThatIsNamed(t *testing.T) {
	for _, router := range []string{"A", "D"} {
		m := five()
		a := m.app()
		a.want(t, 0, "drain", router)
		want := "node " + strings.TrimPrefix(router, "A") + " DRAIN map[]" // A is the one that is connected
		if got := strings.Join(m.asked, "\n"); got != want {
			t.Errorf("asked %q, want %q", got, want)
		}
		wantText(t, a.out, router+" drains")
	}
	m := five()
	m.refuses = &client.StatusError{Operation: "DRAIN", Code: client.StatusForbidden, Description: "Forbidden"}
	a := m.app()
	a.want(t, 1, "drain", "D")
	wantText(t, a.err, "does not allow DRAIN")
	if a.out.String() != "" {
		t.Errorf("it is refused, and said %q", a.out)
	}
}

func TestWhatHasChangedIsShown(t *testing.T) {
	for _, c := range []struct{ command, said string }{
		{"create address-config x prefix=x", "name  done\n"},
		{"update log MESH enable=debug+", "name  done\n"},
		{"delete auto-link queue-in -r C", "deleted queue-in\n"},
	} {
		a := five().app()
		a.want(t, 0, strings.Fields(c.command)...)
		if got := a.out.String(); got != c.said {
			t.Errorf("%s said %q, want %q", c.command, got, c.said)
		}
	}
}

func TestWhatIsMeantByANameMustBeOneThing(t *testing.T) {
	m := five()
	twin := m.one(t, "D", "router.link", "owningAddr", "M0orders")
	m.one(t, "D", "router.link", "owningAddr", "M1queue")["name"] = twin.Text("name")
	a := m.app()
	a.want(t, 1, "update", "link", twin.Text("name"), "adminStatus=deleted", "-r", "D")
	wantText(t, a.err, "2 of the links go by", "name one by its identity: ")
	a = m.app()
	a.want(t, 0, "describe", "link", twin.Text("name"), "-r", "D")
	if n := strings.Count(a.out.String(), "linkName"); n != 2 || !strings.Contains(a.out.String(), "\n\n") {
		t.Errorf("%d links are described, want 2 and a line between them:\n%s", n, a.out)
	}
	m = five()
	m.one(t, "C", "router.config.autoLink", "name", "queue-in")["identity"] = nil
	a = m.app()
	a.want(t, 1, "delete", "auto-link", "queue-in", "-r", "C")
	wantText(t, a.err, "does not say by which identity")
	if len(m.asked) > 0 {
		t.Errorf("asked %q", m.asked)
	}
}

func TestTopCountsAndStops(t *testing.T) {
	m := five()
	queries := 0
	m.onQuery = func(router, kind string) {
		if router != "B" || kind != "router" {
			return
		}
		queries++ // 1: before; then 1,000 a look
		m.at["B"]["router"][0]["deliveriesIngress"] = uint64(1000 * queries)
		m.address("B", "M0$management")["deliveriesIngress"] = uint64(100000 * queries)
		m.address("B", "M0busy")["deliveriesIngress"] = uint64(2000 * queries)
	}
	a := m.app()
	a.outTerm = true
	a.want(t, 0, "top", "--count", "2", "--every", "100ms")
	if got := strings.Count(a.out.String(), "\x1b[H\x1b[2J"); got != 2 || queries != 3 {
		t.Errorf("%d pages of %d looks, want 2 of 3", got, queries)
	}
	if strings.Contains(a.out.String(), "$management") {
		t.Error("the commands' own requests are shown")
	}
	if strings.Contains(a.out.String(), "\x1b[3J") {
		t.Error("what earlier commands printed is taken away")
	}
	for _, page := range strings.Split(a.out.String(), "\x1b[H")[1:] {
		if !strings.Contains(page, "busy") {
			t.Errorf("a page has no address busy:\n%s", page)
		}
	}
}

func TestALogThatIsFollowedGoesOnWithWhatComes(t *testing.T) {
	m := five()
	line := func(text string, at int64) client.LogLine {
		return client.LogLine{Module: "MESH", Level: "info", Text: text, Seconds: at}
	}
	m.lines["B"] = []client.LogLine{line("one", 1), line("two", 2), line("three", 3)}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	reads := 0
	m.onQuery = func(_, kind string) {
		switch reads++; reads {
		case 2:
			m.lines["B"] = append(m.lines["B"], line("four", 4))
		case 3:
			cancel()
		}
	}
	a := m.app()
	if code := a.run(ctx, []string{"log", "-r", "B", "--follow", "-n", "2"}); code != 0 {
		t.Errorf("exit code %d: %s", code, a.err)
	}
	var texts []string
	for _, l := range strings.Split(strings.TrimSpace(a.out.String()), "\n") {
		f := strings.Fields(l)
		texts = append(texts, f[len(f)-1])
	}
	if got := strings.Join(texts, " "); got != "two three four" {
		t.Errorf("got %q, want the newest two, and what comes", got)
	}
}

func TestRatesAreOfEachWayOfAnAdjacency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := five()
		looks := uint64(0)
		m.onQuery = func(router, kind string) {
			if kind == "connection" && router == "B" {
				looks++ // for the picture, before and after
				m.one(t, "B", "connection", "container", "C")["deliveriesOut"] = 5000 * looks
				m.one(t, "B", "connection", "container", "A")["deliveriesOut"] = 1000 - 300*looks // it was restarted
			}
		}
		a := m.app()
		a.want(t, 0, "topology", "--rates", "-o", "json")
		var mesh struct {
			Adjacencies []struct {
				A, B           string
				RateAB, RateBA float64
			}
		}
		if err := json.Unmarshal([]byte(a.out.String()), &mesh); err != nil || len(mesh.Adjacencies) != 5 {
			t.Fatalf("%v:\n%s", err, a.out)
		}
		for _, adj := range mesh.Adjacencies {
			want := [2]float64{0, 0}
			switch adj.A + adj.B {
			case "BC":
				want = [2]float64{5000, 0}
			case "AB":
				want = [2]float64{0, -1}
			}
			if got := [2]float64{adj.RateAB, adj.RateBA}; got != want {
				t.Errorf("%s to %s and back: %v a second, want %v", adj.A, adj.B, got, want)
			}
		}
	})
}

func TestAPageOfTopOfWhatIsOdd(t *testing.T) {
	start := time.Unix(0, 0)
	before := &sample{at: start, ids: []string{"A", "B"}, routers: map[string]client.Entity{"A": {"deliveriesIngress": uint64(500)}, "B": {}}, address: map[string]client.Entity{}}
	now := &sample{at: start.Add(2 * time.Second), ids: []string{"A", "B"}, routers: map[string]client.Entity{"A": {"deliveriesIngress": uint64(10)}},
		address: map[string]client.Entity{"M0a": {"deliveriesIngress": uint64(2)}, "M0b": {"deliveriesIngress": uint64(8)}, "M0c": {"deliveriesIngress": uint64(6)}}}
	var got []string
	for line := range strings.Lines(topText(before, now, 2)) {
		got = append(got, words(line))
	}
	want := []string{"ROUTER IN/S OUT/S TRANSIT/S RELEASED/S REJECTED/S CONNS BLOCKED STUCK", "A 0 0 0 0 0", "B no answer", "",
		"ADDRESS CLASS IN/S OUT/S CONSUMERS", "b mobile 4.0 0", "c mobile 3.0 0", "and 1 more"}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("a router started anew, one that does not answer, and three new addresses of which two fit: got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
