package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/meshway/meshway/internal/client"
	"github.com/meshway/meshway/internal/topoview"
	"github.com/meshway/meshway/routing"
)

var update = flag.Bool("update", false, "rewrite testdata and docs/cli.md")

// golden compares what a command said with a file.
func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s is not what the commands say:\n%sif that is right: go test ./cmd/meshway -run %s -update", file, difference(got, string(want)), t.Name())
	}
}

// difference is the first line in which two transcripts differ, and in what of them it is: the
// command, or the heading.
func difference(got, want string) string {
	has, wants, within := strings.Split(got, "\n"), strings.Split(want, "\n"), ""
	line := func(list []string, i int) string {
		if i < len(list) {
			return list[i]
		}
		return "(nothing more)"
	}
	for i := 0; ; i++ {
		if g, w := line(has, i), line(wants, i); g != w {
			return fmt.Sprintf("%s\nline %d\n got %s\nwant %s\n", within, i+1, g, w)
		} else if strings.HasPrefix(w, "$ ") || strings.HasPrefix(w, "#") {
			within = w
		}
	}
}

// transcript runs a command line over a mesh; exit code and complaints are part of it.
func transcript(t *testing.T, m *fakeMesh, args ...string) string {
	t.Helper()
	a := m.app()
	code := a.run(t.Context(), args)
	text := "$ meshway " + strings.Join(args, " ") + "\n" + a.out.String()
	if said := a.err.String(); said != "" {
		text += "stderr: " + said
	}
	if code != 0 {
		text += "exit code " + string(rune('0'+code)) + "\n"
	}
	return text + "\n"
}

func TestGetOfEveryKind(t *testing.T) {
	var b strings.Builder
	for _, k := range kinds {
		b.WriteString(transcript(t, five(), "get", k.name, "--router", "C"))
		b.WriteString(transcript(t, five(), "get", k.name, "-o", "wide"))
	}
	golden(t, "testdata/get-kinds.txt", b.String())
}

func TestGetInEveryForm(t *testing.T) {
	var b strings.Builder
	for _, args := range [][]string{
		{"get", "connections", "--all"},
		{"get", "conn", "--router", "B", "-o", "json"},
		{"get", "conn", "--router", "B", "-o", "yaml"},
		{"get", "conn", "--router", "B", "-o", "csv"},
		{"get", "conn", "--router", "B", "-o", "name"},
		{"get", "links", "--all", "--filter", "linkDir=out", "--filter", "owningAddr~ORDERS"},
		{"get", "links", "--router", "D", "--sort", "-creditAvailable"},
		{"get", "links", "--router", "D", "--filter", "creditAvailable<100", "--filter", "creditAvailable>=50"},
		{"get", "links", "--router", "D", "--filter", "linkDir!=out"},
		{"get", "vhosts"},
		{"describe", "address", "orders"},
		{"describe", "connection", "2", "--router", "C", "-o", "json"},
	} {
		b.WriteString(transcript(t, five(), args...))
	}
	golden(t, "testdata/get-forms.txt", b.String())
}

func TestTopologyInEveryForm(t *testing.T) {
	var b strings.Builder
	for _, args := range [][]string{
		{"topology"}, {"topology", "--color", "always", "--width", "60"}, {"topology", "-o", "dot"}, {"topology", "-o", "mermaid"}, {"topology", "-o", "json"}, {"topology", "-o", "svg"},
		{"topology", "--path", "A", "E"}, {"topology", "--path", "A", "C", "-o", "json"}, {"topology", "--path", "A", "X"}, {"topology", "--path", "A"}, {"topology", "A"},
	} {
		b.WriteString(transcript(t, five(), args...))
	}
	golden(t, "testdata/topology.txt", b.String())
}

func TestTraceInEveryForm(t *testing.T) {
	var b strings.Builder
	for _, args := range [][]string{
		{"trace", "orders"}, {"trace", "orders", "--from", "E"}, {"trace", "alarms/fire"}, {"trace", "queue"}, {"trace", "closed"}, {"trace", "nobody"},
		{"trace", "tx"}, {"trace", "tx", "--from", "C"}, {"trace", "orders", "-o", "json"}, {"trace", "orders", "--from", "X"},
	} {
		b.WriteString(transcript(t, five(), args...))
	}
	unfed := five()
	for at := range unfed.at {
		unfed.at[at]["router.address"] = nil
		unfed.address(at, "Ctx")
	}
	b.WriteString("# the broker is lost\n\n" + transcript(t, unfed, "trace", "queue") + transcript(t, unfed, "trace", "tx"))
	dry := five()
	for at := range dry.at {
		for _, l := range dry.at[at]["router.link"] {
			l["creditAvailable"] = uint32(0)
		}
	}
	b.WriteString("# no consumer gives credit\n\n" + transcript(t, dry, "trace", "orders"))
	lost := five()
	lost.silent["E"] = true
	b.WriteString("# E does not answer\n\n" + transcript(t, lost, "trace", "orders"))
	golden(t, "testdata/trace.txt", b.String())
}

func TestWhatIsAskedOfRouters(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"create", "address-config", "events", "prefix=events", "distribution=multicast"}, "create  router.config.address events map[distribution:multicast prefix:events]"},
		{[]string{"create", "broker", "b2", "host=b2", "port=5672", "role=route-container", "-r", "B"}, "create B connector b2 map[host:b2 port:5672 role:route-container]"},
		{[]string{"create", "auto-link", "x", "fallback=true", "phase="}, "create  router.config.autoLink x map[fallback:true phase:<nil>]"},
		{[]string{"update", "log", "MESH", "enable=debug+"}, "update  log log/MESH map[enable:debug+]"},
		{[]string{"delete", "connection", "worker-E", "--router", "E"}, "update E connection 2 map[adminStatus:deleted]"},
		{[]string{"delete", "auto-link", "queue-in", "--router", "C"}, "delete C router.config.autoLink 1"},
	} {
		m := five()
		a := m.app()
		a.want(t, 0, c.args...)
		if got := strings.Join(m.asked, "\n"); got != c.want {
			t.Errorf("%q: asked\n%s\nwant\n%s", c.args, got, c.want)
		}
	}
}

func TestMistakesOfManagementCommands(t *testing.T) {
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"get", "conections"}, 2, `there is no kind "conections"; did you mean connections?`},
		{[]string{"get", "links", "-o", "jsn"}, 2, "did you mean json?"},
		{[]string{"get", "links", "--sort", "credit"}, 2, `there is no attribute "credit"`},
		{[]string{"get", "links", "--filter", "credit"}, 2, "it must be ATTRIBUTE=VALUE"},
		{[]string{"get", "links", "--filter", "linkdir=in"}, 2, "did you mean linkDir?"},
		{[]string{"get", "links", "--all", "--router", "B"}, 2, "leave --router out"},
		{[]string{"get", "links", "--router", "Z"}, 1, `router "Z" cannot be reached from here`},
		{[]string{"get", "links", "--timeout", "0s"}, 2, "must be more than 0"},
		{[]string{"describe", "address", "ordrs"}, 1, `there is no "ordrs" among the addresses; did you mean orders?`},
		{[]string{"describe", "connection", "99"}, 1, `there is no "99" among the connections`},
		{[]string{"create", "connection", "x", "a=b"}, 2, "connections cannot be created"},
		{[]string{"create", "listener", "x", "port"}, 2, "it must be ATTRIBUTE=VALUE"},
		{[]string{"create", "listener", "x", "port=1", "port=2"}, 2, "port is given twice"},
		{[]string{"trace", "orders", "--from", "AA"}, 1, `there is no router "AA"; did you mean A?`},
		{[]string{"topology", "--watch", "-o", "dot"}, 2, "--watch prints text"},
		{[]string{"topology", "--path", "A"}, 2, "--path FROM TO"},
		{[]string{"topology", "--path", "A", "C", "-o", "dot"}, 2, "a path is shown as text or json"},
		{[]string{"ping", "Z"}, 1, `there is no router "Z"`},
		{[]string{"ping", "B", "--count", "0"}, 2, "1 to 10000"},
		{[]string{"shard", "orders", "x"}, 1, "has no shards"},
		{[]string{"shard", "", "x"}, 2, "the address is empty"},
		{[]string{"trace", ""}, 2, "the address is empty"},
		{[]string{"trace", "x\xff"}, 2, `the argument "x\xff" is no text in UTF-8; see meshway trace --help`},
		{[]string{"describe", "address", "\xff"}, 2, `the argument "\xff" is no text in UTF-8`},
		{[]string{"topology", "--width", "-1"}, 2, "--width -1 and --height 60: they must not be negative"},
		{[]string{"log", "--level", "loud"}, 2, "debug, info, warn or error"},
		{[]string{"log", "--module", "mess"}, 2, `--module "mess": there is no such module; did you mean mesh?`},
		{[]string{"top", "--every", "1ms"}, 2, "100ms or more"},
	} {
		m := five()
		a := m.app()
		a.want(t, c.code, c.args...)
		wantText(t, a.err, c.want)
	}
}

func TestWhatIsNotKnownIsNeitherMoreNorLess(t *testing.T) {
	rows := []client.Entity{{"name": "a", "n": int32(9)}, {"name": "b", "n": int32(10)}, {"name": "c"}}
	for text, want := range map[string]string{"n<10": "a", "n<=10": "a b", "n>9": "b", "n>=9": "a b", "n=": "c", "n!=9": "b c", "name~A": "a"} {
		f, err := parseFilter(text)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, e := range rows {
			if f.meets(e) {
				got = append(got, e.Text("name"))
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: got %q, want %q", text, got, want)
		}
	}
}

func TestWhoMayNotIsTold(t *testing.T) {
	for _, command := range []string{"create listener x port=1", "update log MESH enable=debug+", "delete auto-link queue-in -r C", "delete connection worker-E -r E", "reload", "config save"} {
		m := five()
		m.refuses = &client.StatusError{Operation: "CHANGES", Code: client.StatusForbidden, Description: "Forbidden"}
		a := m.app()
		a.want(t, 1, strings.Fields(command)...)
		wantText(t, a.err, "does not allow CHANGES", `the attribute "management" of the listener`)
		if said := a.out.String(); said != "" {
			t.Errorf("%s is refused, and says %q", command, said)
		}
	}
}

func TestOneSilentRouterDoesNotHideTheOthers(t *testing.T) {
	m := five()
	m.silent["D"] = true
	a := m.app()
	a.want(t, 1, "get", "status", "--all")
	wantText(t, a.out, "A   A", "E   E")
	wantText(t, a.err, `router "D" has not answered for 5s`)
	a = m.app()
	a.want(t, 1, "get", "vhosts", "--all") // nobody has any
	wantText(t, a.err, "no vhosts", `router "D" has not answered`)
	a = m.app()
	a.want(t, 0, "topology")
	wantText(t, a.out, "no answer", "does not answer: D")
}

func TestARouterThatIsAloneIsAMeshOfOne(t *testing.T) {
	m := five()
	m.at = map[string]map[string][]client.Entity{"A": m.at["A"]}
	m.at["A"]["router.node"] = nil
	m.at["A"]["connection"] = m.at["A"]["connection"][2:]
	for _, args := range [][]string{{"get", "connections", "--all"}, {"topology"}, {"doctor"}, {"ping", "A"}, {"top", "--count", "1", "--every", "100ms"}} {
		m.app().want(t, 0, args...)
	}
}

func TestShards(t *testing.T) {
	m := five()
	shards := map[string]any{"key": "group-id", "connections": "rabbit-1 rabbit-2", "onLoss": "move"}
	m.add("A", "router.config.address", client.Entity{"prefix": "invoices", "distribution": "balanced", "waypoint": true, "shards": shards})
	spread, keys := routing.NewShards([]string{"rabbit-1", "rabbit-2"}), [2]string{}
	for i := range 100 { // of these some belong to each
		key := fmt.Sprintf("customer-%d", i)
		keys[spread.Choose([]byte(key), nil)] = key
	}
	a := m.app()
	a.want(t, 0, "shard", "invoices", keys[0])
	wantText(t, a.out, fmt.Sprintf("group-id %q of invoices belongs to shard rabbit-1\nrabbit-1 is connected at C", keys[0]))
	a = m.app()
	a.want(t, 0, "shard", "invoices", keys[1])
	wantText(t, a.out, "belongs to shard rabbit-2", "rabbit-2 is connected nowhere: until it is, the key goes to rabbit-1, at C")
	shards["onLoss"] = "wait"
	a = m.app()
	a.want(t, 1, "shard", "invoices", keys[1])
	wantText(t, a.out, "the key waits for it (onLoss: wait)")
	m.one(t, "C", "connector", "name", "rabbit-1")["connectionStatus"] = "FAILED"
	m.one(t, "C", "connection", "place", "rabbit-1")["role"] = "normal"
	shards["onLoss"] = "move"
	a = m.app()
	a.want(t, 1, "shard", "invoices", keys[0])
	wantText(t, a.out, "neither is any other shard")
}

func TestPing(t *testing.T) {
	asked := map[string]int{}
	m := five()
	m.onQuery = func(router, kind string) {
		if kind == "management" {
			asked[router]++
		}
	}
	a := m.app()
	a.want(t, 0, "ping", "E", "--count", "2", "-o", "json")
	for _, router := range []string{"A", "B", "C", "D", "E"} {
		if asked[router] != 2 {
			t.Errorf("%s was asked %d times, want 2", router, asked[router])
		}
	}
	var list []pinged
	if err := json.Unmarshal([]byte(a.out.String()), &list); err != nil {
		t.Fatal(err)
	}
	var hops []string
	for _, p := range list {
		hops = append(hops, p.Router)
	}
	if got := strings.Join(hops, " "); got != "A B C D E" {
		t.Errorf("went by %s, want A B C D E", got)
	}
	m = five()
	m.silent["C"] = true
	a = m.app()
	a.want(t, 0, "ping", "D", "--count", "2")
	wantText(t, a.out, "no answer")
	a = m.app()
	a.want(t, 1, "ping", "C", "--count", "2")
	wantText(t, a.err, "C did not answer 2 of 2 times")
}

func TestWhatAHopAddsIsItsTimeLessThatOfTheOneBefore(t *testing.T) {
	ms := time.Millisecond
	path := topoview.Path{Hops: []topoview.Hop{{Router: "A", Next: 3}, {Router: "B", Next: 4}, {Router: "C"}}}
	p := pinged{Router: "B"}
	p.sum([]time.Duration{9 * ms, 5 * ms, 7 * ms})
	got := pingText(path, []pinged{{Router: "A", Least: ms, Middle: 2 * ms, Most: 3 * ms}, p, {Router: "C", Lost: 3}})
	want := `HOP  ROUTER  COST     MEDIAN  ADDS  LEAST  MOST  LOST
  0  A          -        2ms  +2ms    1ms   3ms     0
  1  B          3        7ms  +5ms    5ms   9ms     0
  2  C          4  no answer     -      -     -     3`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestLog(t *testing.T) {
	m := five()
	m.lines["A"] = []client.LogLine{{Module: "MESH", Level: "info", Text: "one", Seconds: 10}, {Module: "MESH", Level: "warn", Text: "three\x1b[2J", Seconds: 30}}
	m.lines["B"] = []client.LogLine{{Module: "ROUTER", Level: "error", Text: "two", Seconds: 20}}
	a := m.app()
	a.want(t, 0, "log", "--all")
	if got, want := a.out.String(), "1970-01-01 00:00:10  A  info   MESH        one\n1970-01-01 00:00:20  B  error  ROUTER      two\n1970-01-01 00:00:30  A  warn   MESH        three?[2J\n"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	a = m.app()
	a.want(t, 0, "log", "--level", "warn", "--module", "mesh", "--limit", "1")
	wantText(t, a.out, "three")
	a = m.app()
	a.want(t, 0, "log", "--all", "--level", "warn") // and worse
	if got := a.out.String(); strings.Contains(got, "one") || !strings.Contains(got, "two") || !strings.Contains(got, "three") {
		t.Errorf("of level warn and worse are two and three, got\n%s", got)
	}
}

func TestAFollowedLogRepeatsNothing(t *testing.T) {
	line := func(s string) client.LogLine { return client.LogLine{Text: s} }
	old := []client.LogLine{line("a"), line("b"), line("b")}
	for want, now := range map[string][]client.LogLine{
		"c":   {line("a"), line("b"), line("b"), line("c")},
		"c d": {line("b"), line("b"), line("c"), line("d")}, // the first was dropped
		"":    old,
		"x":   {line("x")},
	} {
		var got []string
		for _, l := range after(old, now) {
			got = append(got, l.Text)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestTop(t *testing.T) {
	first, second := five(), five()
	for _, e := range second.at["A"]["router"] {
		e["deliveriesIngress"] = e.Number("deliveriesIngress") + 500
	}
	second.address("A", "M0orders")["deliveriesIngress"] = uint64(542)
	s1, err1 := takeSample(t.Context(), first)
	s2, err2 := takeSample(t.Context(), second)
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	s2.at = s1.at.Add(2 * time.Second)
	golden(t, "testdata/top.txt", topText(s1, s2, 5)+"\n")
}

func TestChangesAreWatched(t *testing.T) {
	m := five()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	times := 0
	m.onQuery = func(router, kind string) {
		if kind != "router.node" {
			return
		}
		switch times++; times {
		case 2:
			for _, n := range m.at["A"]["router.node"] {
				if n.Text("id") == "E" {
					n["draining"] = true
				}
			}
		case 3:
			cancel()
		}
	}
	a := m.app()
	if code := a.run(ctx, []string{"topology", "--watch=1ms"}); code != 0 {
		t.Errorf("exit code %d: %s", code, a.err)
	}
	wantText(t, a.out, "! router E drains")
}

func TestKindsAreCompleted(t *testing.T) {
	a := newTestApp("")
	a.want(t, 0, "__complete", "get", "")
	wantText(t, a.out, "connections", "auto-links", "brokers")
	for line, want := range map[string]bool{
		"create connections": false, "create links": false, "create auto-links": true,
		"delete connections": true, "delete links": false, "delete auto-links": true,
		"update logs": true, "describe links": true,
	} {
		command, k, _ := strings.Cut(line, " ")
		a := newTestApp("")
		a.want(t, 0, "__complete", command, "")
		if got := strings.Contains("\n"+a.out.String(), "\n"+k+"\t"); got != want {
			t.Errorf("%s: offered %v, want %v", line, got, want)
		}
	}
}

func TestTheReferenceIsUpToDate(t *testing.T) {
	golden(t, filepath.Join("..", "..", "docs", "cli.md"), newTestApp("").reference())
}

func TestEveryCommandHasExamples(t *testing.T) {
	a := newTestApp("")
	for _, c := range a.managementCommands() {
		if c.Example == "" || c.Long == "" {
			t.Errorf("meshway %s has no examples, or no text", c.Name())
		}
	}
}
