package config

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// same compares all but where the configurations were read from.
func same(a, b Config) bool {
	a.File, b.File, a.Warnings, b.Warnings = "", "", nil, nil
	return reflect.DeepEqual(a, b)
}

const everything = `
router: {id: "007", mode: interior, heartbeatMilliseconds: 250, defaultDistribution: closest}
listeners:
  - {}
  - {port: 5673, socketAddressFamily: IPv6, linkCapacity: 5, openProperties: {a: 1, b: 1.0, c: "1", d: [x, {e: null}], f: 18446744073709551615, g: "no", h: 2024-01-01, i: .inf}}
  - {name: x, host: "::", port: 5674, role: inter-router, cost: 3, maxFrameSize: 512, failoverUrls: }
  - {name: brokers, host: host.example, port: amqps, role: route-container, saslMechanisms: ANONYMOUS, stripAnnotations: no}
  - {host: 0.0.0.0, port: 5675, failoverUrls: "a, amqps://b:1, wss://[::1]"}
connectors:
  - {host: b, role: inter-router}
  - {name: c, host: c, role: inter-router, saslUsername: "1e3", saslPassword: "0123", idleTimeoutSeconds: 0}
  - {name: q, role: route-container, hosts: [b1, "b2:1"], saslUsername: u, saslPassword: "pass:", maxInFlight: 3}
  - {name: r, role: route-container, host: r, saslUsername: u, saslPassword: pass:p, saslMechanisms: PLAIN}
addresses:
  - {prefix: a}
  - {name: n, pattern: "b.*", priority: 0, distribution: multicast, onLoss: released}
  - {prefix: w, waypoint: true, presettledDirect: true}
  - {prefix: v, waypoint: true, egressPhase: 0, ingressPhase: 3}
  - {prefix: s, shards: {key: "application-property:p", connections: [q, r], onLoss: move}}
  - {prefix: f, enableFallback: true}
autoLinks:
  - {address: w, direction: in, connection: q}
  - {address: w, direction: in, connection: q, phase: 0, externalAddress: x}
  - {name: named, address: f, direction: out, containerId: c, fallback: true, durable: configuration, capabilities: queue}
linkRoutes:
  - {prefix: tx, direction: in}
  - {pattern: "t.#.x", direction: out, connection: brokers, addExternalPrefix: "0", delExternalPrefix: "t."}
users: {file: users.yaml}
log: {level: debug, format: json}
`

func TestASavedConfigurationLoadsToTheSame(t *testing.T) {
	for name, file := range map[string]string{
		"everything": strings.NewReplacer(", failoverUrls: }", "}", `"pass:"`, "file:../p").Replace(everything),
		"nothing":    "listeners: [{}]",
	} {
		c := withoutPasswords(t, "etc/"+name, file)
		again := withoutPasswords(t, "etc/"+name, string(Save(c)))
		if !same(c, again) {
			t.Errorf("%s: saved as\n%s\ngot\n%+v\nwant\n%+v", name, Save(c), again, c)
		}
	}
	if d := Default(); !same(d, withoutPasswords(t, "", string(Save(d)))) {
		t.Errorf("the default is saved as\n%s", Save(d))
	}
}

// withoutPasswords parses a file whose password files are not there.
func withoutPasswords(t *testing.T, name, file string) Config {
	t.Helper()
	root, err := parseYAML(name, []byte(file))
	if err != nil {
		t.Fatal(err)
	}
	p := newParser(name, false)
	c, err := p.parse(root)
	if ps, ok := errors.AsType[Problems](err); ok && len(ps) == 1 && strings.Contains(ps[0].Text, "there is no such file") {
		p.config.finish()
		return p.config
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, file)
	}
	return c
}

// Whatever a file says, it is saved so that it says the same.
func TestRandomConfigurationsSurviveSaving(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	good := 0
	for range 1000 {
		file := randomFile(r)
		c, err := newParser("f", true).parse(file)
		if err != nil {
			continue
		}
		good++
		root, err := parseYAML("f", Save(c))
		if err != nil {
			t.Fatal(err)
		}
		again, err := newParser("f", true).parse(root)
		if err != nil || !same(c, again) {
			t.Fatalf("%s\nis saved as\n%s\n%v\ngot\n%+v\nwant\n%+v", encode(file), Save(c), err, again, c)
		}
		if d := Diff(c, again); len(d) > 0 {
			t.Fatalf("the same differ: %v", d)
		}
	}
	if good < 30 {
		t.Errorf("only %d files of 1000 were right", good)
	}
}

// randomFile has a few attributes with values of the right kind.
func randomFile(r *rand.Rand) *yaml.Node {
	doc := &yaml.Node{Kind: yaml.MappingNode}
	for _, e := range Schema() {
		switch {
		case e.Refused != "", e.Name == usersEntity.Name && r.IntN(2) == 0:
		case !e.List:
			addPair(doc, e.Section, randomItem(r, &e))
		default:
			list := &yaml.Node{Kind: yaml.SequenceNode}
			for range r.IntN(2) {
				list.Content = append(list.Content, randomItem(r, &e))
			}
			addPair(doc, e.Section, list)
		}
	}
	return doc
}

func randomItem(r *rand.Rand, e *Entity) *yaml.Node {
	n := &yaml.Node{Kind: yaml.MappingNode}
	for i := range e.Attributes {
		a := &e.Attributes[i]
		rare := !a.Required && !slices.Contains([]string{"mode", "prefix", "connection", "file"}, a.Name)
		if a.Refused != "" || rare && r.IntN(10) > 0 {
			continue
		}
		addPair(n, a.Name, randomValue(r, a))
	}
	return n
}

func randomValue(r *rand.Rand, a *Attribute) *yaml.Node {
	strange := []string{"a", "5672", "no", "1.5", "a b", "#", "é", "0x1", "2024-01-01", "~", "null", "'\"", "a: b", "=", "<<"}
	switch a.Type {
	case TypeBoolean:
		return valueNode(r.IntN(2) == 0, changed)
	case TypeInteger:
		return valueNode(a.Min+r.Uint64N(min(a.Max-a.Min, 40_000)+1), changed)
	case TypeEnum:
		return textNode(a.Values[r.IntN(len(a.Values))])
	case TypeWords:
		if len(a.Values) > 0 {
			return valueNode([]string{a.Values[r.IntN(len(a.Values))]}, changed)
		}
		return valueNode([]string{fmt.Sprint("a", r.IntN(9)), fmt.Sprint("b", r.IntN(9))}, changed)
	case TypeMap:
		return valueNode(map[string]any{"k": strange[r.IntN(len(strange))], "l": r.Float64() * 10, "m": int64(3)}, changed)
	case TypeRecord:
		return randomItem(r, a.Record)
	}
	return textNode(strange[r.IntN(len(strange))])
}

func TestWhatIsShownHasDefaultsAndNoSecrets(t *testing.T) {
	c, err := Parse("f", []byte("router: {mode: interior, id: A}\nconnectors: [{host: b, role: inter-router, saslUsername: u, saslPassword: s3cret}]"))
	if err != nil {
		t.Fatal(err)
	}
	const want = `router:
  id: A
  mode: interior
  heartbeatMilliseconds: 100
  defaultDistribution: balanced
  metricsAddresses: 100
connectors:
  - name: b:5672
    host: b
    port: amqp
    role: inter-router
    cost: 1
    maxFrameSize: 65536
    idleTimeoutSeconds: 60
    saslMechanisms: [PLAIN]
    saslUsername: u
    saslPassword: '*******'
    traceFrames: false
log:
  level: info
  format: auto
  outputFile: stderr
  outputFileMegabytes: 100
  outputFileBackups: 5
`
	if got := string(Show(c)); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if v := Values(c); strings.Contains(fmt.Sprint(v), "s3cret") || v["router"].(map[string]any)["id"] != "A" {
		t.Errorf("got %v", v)
	}
	const saved = `router:
  id: A
  mode: interior
connectors:
  - host: b
    role: inter-router
    saslUsername: u
    saslPassword: s3cret
`
	if got := string(Save(c)); got != saved {
		t.Errorf("got\n%s\nwant\n%s", got, saved)
	}
}
