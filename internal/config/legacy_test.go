package config

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Every attribute of the predecessor's is taken, refused, or left out with a warning, in
// both forms of its file; none is passed over in silence.
func TestEveryLegacyAttributeHasAVerdict(t *testing.T) {
	const list = "testdata/legacy.txt"
	data, err := os.ReadFile(list)
	if err != nil {
		t.Fatal(err)
	}
	var rewritten strings.Builder
	rows := 0
	for s := bufio.NewScanner(strings.NewReader(string(data))); s.Scan(); {
		f := strings.Fields(s.Text())
		if f[0] == "#" {
			fmt.Fprintln(&rewritten, s.Text())
			continue
		}
		rows++
		entity, attribute, value, want := f[0], f[1], f[2], f[3]
		sections, pairs := verdict(legacyFile(entity, attribute, value)), verdict(legacyPairs(entity, attribute, value))
		if sections != pairs {
			t.Errorf("%s.%s: %s in one form and %s in the other", entity, attribute, sections, pairs)
		}
		if sections != want && !*update {
			t.Errorf("%s.%s: %s is %s, want %s", entity, attribute, value, sections, want)
		}
		fmt.Fprintln(&rewritten, entity, attribute, value, sections)
	}
	if rows < 200 {
		t.Errorf("only %d attributes are in the list", rows)
	}
	if *update {
		if err := os.WriteFile(list, []byte(rewritten.String()), 0o644); err != nil {
			t.Error(err)
		}
	}
}

// verdict parses a file in which one attribute is in question, in line 3.
func verdict(file string) string {
	c, err := Parse("f", []byte(file))
	switch {
	case err != nil && !strings.Contains(err.Error(), "f:3:") && !strings.Contains(err.Error(), "f:2:"):
		return "broken:" + strings.ReplaceAll(err.Error(), " ", "_")
	case err != nil:
		return "refused"
	case len(c.Warnings) > 0:
		return "warned"
	}
	return "taken"
}

// around is what else a section needs, and what the attribute needs with it.
func around(entity, attribute string) [][2]string {
	need := map[string][][2]string{
		"listener": {{"port", "5673"}}, "connector": {{"role", "route-container"}, {"host", "b"}}, "address": {{"prefix", "a"}}, "log": {{"module", "DEFAULT"}},
		"autoLink": {{"address", "a"}, {"direction", "in"}, {"containerId", "c"}}, "linkRoute": {{"prefix", "a"}, {"direction", "in"}, {"containerId", "c"}},
	}[entity]
	alias := map[string]string{"dir": "direction", "addr": "address", "pattern": "prefix", "connection": "containerId"}
	var list [][2]string
	for _, n := range need {
		if n[0] != attribute && n[0] != alias[attribute] {
			list = append(list, n)
		}
	}
	switch entity + "." + attribute {
	case "listener.cost":
		list = append(list, [2]string{"role", "inter-router"})
	case "connector.cost":
		list[0][1] = "inter-router"
	case "connector.saslUsername":
		list = append(list, [2]string{"saslPassword", "secret"})
	case "connector.saslPassword":
		list = append(list, [2]string{"saslUsername", "me"})
	}
	return list
}

const othersInSections = `}
router {
    mode: interior
}
listener {
    port: 5672
}
connector {
    name: x
    host: x
    role: route-container
}
`

func legacyFile(entity, attribute, value string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# The attribute is in line 3.\n%s {\n    %s: %s\n", entity, attribute, value)
	for _, n := range around(entity, attribute) {
		fmt.Fprintf(&b, "    %s: %s\n", n[0], n[1])
	}
	if entity == "router" {
		return b.String() + strings.Replace(othersInSections, "router {\n    mode: interior\n}\n", "", 1)
	}
	return b.String() + othersInSections
}

func legacyPairs(entity, attribute, value string) string {
	quoted := func(v string) string {
		if strings.HasPrefix(v, "{") {
			return v
		}
		return fmt.Sprintf("%q", v)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "# The attribute is in line 3.\n[[%q, {\n\t%q: %s", entity, attribute, quoted(value))
	for _, n := range around(entity, attribute) {
		fmt.Fprintf(&b, ",\n\t%q: %q", n[0], n[1])
	}
	b.WriteString("}],\n")
	if entity != "router" {
		b.WriteString(`["router", {"mode": "interior"}], `)
	}
	b.WriteString(`["listener", {"port": 5672}],` + "\n" + `["connector", {"name":"x", "host": "x", "role": "route-container"}]]`)
	return b.String()
}

func TestALegacyFileMeansWhatItMeant(t *testing.T) {
	const file = `
# The form of old
router {
    mode: interior      # one of several
    id: A#1
    workerThreads: 4
}
log {
    module: DEFAULT
    enable: notice+
    outputFile: /var/log/x.log
}
log {
    module: ROUTER_LS
    enable: trace+, error
}
log { # and this one
    module: ROUTER_MA
    enable: warning
}
listener {
    port: amqp
    max-frame-size: 2048
    saslMechanisms: ANONYMOUS EXTERNAL, DIGEST-MD5
    linkCapacity: 5
    open-properties: {
        "a": 1, "b": "{",
        # within
        "c": {"d": [1, true, null]}
    }
}
listener {
    host: ::
    port: 5673
    role: inter-router
    linkCapacity: 7
}
listener {
    host:
    socketAddressFamily: IPv4
    port: 5674
    initialHandshakeTimeoutSeconds: 3
}
connector {
    name: broker
    host: broker.example
    role: route-container
    idle-timeout-seconds: 120
}
address {
    pattern: alarms/# # all of them
    distribution: multicast
}
address {
    prefix: orders#not this
    waypoint: yes
}
autoLink {
    addr: orders
    dir: in
    connection: broker
}
linkRoute {
    prefix: tx
    dir: out
    containerId: nobody
    distribution: linkBalanced
}
policy {
    enableVhostPolicy: false
}
`
	c := parsed(t, file)
	want := parsed(t, `
router: {mode: interior, id: A, workerThreads: 4}
log: {level: info, modules: {mesh: debug}, outputFile: /var/log/x.log}
listeners:
  - {host: "::", port: amqp, initialHandshakeTimeoutSeconds: 0, management: full, maxFrameSize: 2048, linkCapacity: 5, saslMechanisms: ANONYMOUS, openProperties: {a: 1, b: "{", c: {d: [1, true, null]}}}
  - {host: "::", port: 5673, initialHandshakeTimeoutSeconds: 0, socketAddressFamily: IPv6, role: inter-router}
  - {host: 0.0.0.0, port: 5674, initialHandshakeTimeoutSeconds: 3, management: full, socketAddressFamily: IPv4}
connectors: [{name: broker, host: broker.example, role: route-container, idleTimeoutSeconds: 120}]
addresses: [{pattern: "alarms/#", distribution: multicast}, {prefix: orders, waypoint: true}]
autoLinks: [{address: orders, direction: in, connection: broker}]
linkRoutes: [{prefix: tx, direction: out, containerId: nobody}]
`)
	if !same(c, want) {
		t.Errorf("got\n%s\nwant\n%s", Save(c), Save(want))
	}
	warnings := []string{
		"etc/f:24: listener.saslMechanisms: EXTERNAL is left out: EXTERNAL: client certificates need TLS, which is not built yet",
		"etc/f:24: listener.saslMechanisms: DIGEST-MD5 is left out: DIGEST-MD5: it is obsolete and not built; use PLAIN",
		"etc/f:36: listener.linkCapacity: has no effect with role inter-router, only with normal and route-container; remove it",
		"etc/f:59: autoLink.addr: is the old name of address; use that",
		"etc/f:60: autoLink.dir: is the old name of direction; use that",
		"etc/f:65: linkRoute.dir: is the old name of direction; use that",
		"etc/f:69: policy: restricts nothing, so it is left out",
	}
	if got := c.Warnings.Error(); got != strings.Join(warnings, "\n") {
		t.Errorf("got\n%s\nwant\n%s", got, strings.Join(warnings, "\n"))
	}
	if converted := parsed(t, string(Save(c))); !same(c, converted) {
		t.Errorf("converted:\n%s", Save(c))
	}
}

func TestTheJSONFormMeansTheSame(t *testing.T) {
	c := parsed(t, `# a list of pairs
[
	["router", {"mode": "interior", "id": "A"}],
	["listener", {"host":"0.0.0.0", "port": 5672, "authenticatePeer": false, "openProperties": {"a": "1"}, "saslMechanisms": null}],
# ["listener", {"host":"0.0.0.0", "port": 5673}],
	["router.config.address", {"prefix": "a/b", "priority": "4"}]
]
`)
	want := parsed(t, `
router: {mode: interior, id: A}
listeners: [{host: 0.0.0.0, port: 5672, initialHandshakeTimeoutSeconds: 0, management: full, openProperties: {a: "1"}}]
addresses: [{prefix: a/b, priority: 4}]
`)
	if !same(c, want) || len(c.Warnings) > 0 {
		t.Errorf("got\n%s%v\nwant\n%s", Save(c), c.Warnings, Save(want))
	}
}

// Nobody may log in by what needs a users file where there is none, and nobody is
// anonymous where peers must say who they are.
func TestLegacyMechanismsThatCannotWorkAreLeftOut(t *testing.T) {
	c := parsed(t, "listener {\n  saslMechanisms: PLAIN ANONYMOUS\n}\n")
	if got := c.Listeners[0].SASLMechanisms; len(got) != 1 || got[0] != "ANONYMOUS" || len(c.Warnings) != 1 {
		t.Errorf("got %v, warnings %v", got, c.Warnings)
	}
	c = parsed(t, "users {\n  file: users.yaml\n}\nlistener {\n  authenticatePeer: yes\n  saslMechanisms: PLAIN ANONYMOUS\n}\n")
	if got := c.Listeners[0].SASLMechanisms; len(got) != 1 || got[0] != "PLAIN" || len(c.Warnings) != 1 || c.Users.File != "etc/users.yaml" {
		t.Errorf("got %v, %v, warnings %v", got, c.Users, c.Warnings)
	}
}

// What the predecessor took, and what contradicts itself only in the native form: the same
// auto-link twice is one, a container may have several stages of a chain, and a second
// connection to a neighbour stands by.
func TestALegacyFileMaySayTheSameTwice(t *testing.T) {
	autoLink := func(direction, phase string) string {
		return "autoLink {\n  address: a\n  containerId: c\n  direction: " + direction + "\n  phase: " + phase + "\n}\n"
	}
	connector := func(name string) string {
		return "connector {\n  name: " + name + "\n  role: inter-router\n  host: b\n}\n"
	}
	c, err := Parse("f", []byte("router {\n  mode: interior\n}\n"+autoLink("in", "1")+autoLink("out", "1")+autoLink("in", "1")+autoLink("out", "2")+connector("one")+connector("two")))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, l := range c.AutoLinks {
		got = append(got, fmt.Sprint(l.Direction, l.Phase))
	}
	if want := []string{"in1", "out1", "out2"}; !slices.Equal(got, want) {
		t.Errorf("auto-links %q, want %q", got, want)
	}
	if len(c.Connectors) != 2 {
		t.Errorf("%d connectors, want both", len(c.Connectors))
	}
	warnings := []string{
		"f:14: autoLink: is the way back of autoLink (line 4), in the same phase: messages would go round for ever; remove the phase of both to get 1 with direction in and 0 with out, or give both fallback: true",
		"f:19: autoLink: is between the same address and the same place at the broker as autoLink (line 4); remove one: this one is left out",
		"f:33: connector.port: leads to b:5672 as connector (line 28) does; one of the two connections carries everything, and the other stands by",
	}
	for i, w := range c.Warnings {
		if i < len(warnings) && w.String() != warnings[i] {
			t.Errorf("warning %d is\n%s\nwant\n%s", i, w, warnings[i])
		}
	}
	if len(c.Warnings) != len(warnings) {
		t.Errorf("%d warnings, want %d", len(c.Warnings), len(warnings))
	}
	if _, err := c.Create("address", map[string]any{"prefix": "x"}); err != nil {
		t.Errorf("what was taken cannot be changed: %v", err)
	}
}

func TestBadLegacyFiles(t *testing.T) {
	tests := []struct{ name, file, want string }{
		{"section in one line", "listener { host: x }\nrouter {\n}\n", "f:1: listener: has more in the line of its brace; put each attribute and the closing brace into lines of their own"},
		{"never closed", "router {\n  id: A\n", "f:1: router: is never closed; add } in a line of its own"},
		{"map never closed", "listener {\n  openProperties: {\n  \"a\": 1\n", "f:2: listener.openProperties: has a brace that is never closed; add } in a line of its own"},
		{"map that is none", "listener {\n  openProperties: {\n  \"a\" 1, ]\n  }\n}\n", `f:2: listener.openProperties: is no JSON; it must look like {"key": "value", ...}`},
		{"outside", "router {\n}\nid: A\n", `f:3: is "id: A", outside of any section; a section is its name and { at the end of a line, its attributes, and } in a line of its own`},
		{"no colon", "router {\n  id A\n}\n", `f:2: router: has the line "id A"; it must be "attribute: value", or } to end the section`},
		{"section in a section", "router {\n  listener {\n}\n", `f:2: router: has the line "listener {"; it must be "attribute: value", or } to end the section`},
		{"quoted", "router {\n  id: \"A\"\n}\n", "f:2: router.id: has quotes, which are part of a value in this form; remove them"},
		{"unknown section", "rooter {\n}\n", `f:1: the section "rooter" is not known; did you mean router?`},
		{"native name of a section", "router {\n}\nlisteners {\n}\n", `f:3: the section "listeners" is not known; did you mean listener?`},
		{"unknown attribute", "router {\n  idd: A\n}\n", "f:2: router.idd: is not known; did you mean id?"},
		{"twice", "router {\n}\nrouter {\n}\n", "f:3: router: is given twice, first in line 1; remove one"},
		{"two spellings", "listener {\n  failoverUrls: a\n  failoverList: b\n}\n", "f:3: listener.failoverList: is given twice; remove one"},
		{"no level", "log {\n  enable: loud+\n}\n", `f:2: log.enable: "loud+" is no level: there are trace, debug, info, notice, warning, error and critical, each also with a + for those above it`},
		{"TLS", "listener {\n  sslProfile: x\n}\n", "f:2: listener.sslProfile: " + noTLS},
		{"number", "listener {\n  maxFrameSize: large\n}\n", `f:2: listener.maxFrameSize: is "large"; it must be a whole number from 512 to 2147483647 (bytes)`},
		{"same place", "listener {\n  port: 1\n}\nlistener {\n  port: 1\n}\n", `f:5: listener.port: "[::]:1" is used by listener (line 2) too`},
		{"pair that is none", "[\n[\"router\", {}],\n[\"listener\"]]", `f:3: is not ["SECTION", {"ATTRIBUTE": VALUE, ...}], as all entries of the list must be`},
		{"unknown in the JSON form", "[[\"router\", {\"nonsense\": 1}]]", "f:1: router.nonsense: is not known; known are: id, mode, heartbeatMilliseconds, defaultDistribution, metricsAddresses, workerThreads, metadata"},
	}
	for _, tt := range tests {
		if _, err := Parse("f", []byte(tt.file)); err == nil || err.Error() != tt.want {
			t.Errorf("%s: got\n%v\nwant\n%s", tt.name, err, tt.want)
		}
	}
}

// There is one place for all log lines: that of the predecessor's DEFAULT module.
func TestWhereALegacyFileHasLogLinesGo(t *testing.T) {
	for _, c := range []struct{ file, output, warning string }{
		{"log {\n  module: DEFAULT\n  outputFile: x.log\n}\n", filepath.Join("etc", "x.log"), ""},
		{"log {\n  outputFile: stdout\n}\n", "stdout", ""},
		{"log {\n  module: DEFAULT\n  outputFile: syslog\n}\n", "stderr", "nothing is written to syslog"},
		{"log {\n  outputFile: x.log\n  module: ROUTER_LS\n}\n", "stderr", "modules have no files of their own"},
	} {
		got, err := Parse("etc/f", []byte("listener {\n}\n"+c.file))
		if err != nil {
			t.Fatal(err)
		}
		if said := fmt.Sprint(got.Warnings); got.Log.OutputFile != c.output || c.warning == "" != (len(got.Warnings) == 0) || !strings.Contains(said, c.warning) {
			t.Errorf("%q: lines go to %s, warnings %s", c.file, got.Log.OutputFile, said)
		}
	}
}

// Where several of the predecessor's modules are one here, the more talkative one counts.
func TestWhatALegacyFileLogs(t *testing.T) {
	for file, want := range map[string]string{
		"log {\n  module: DEFAULT\n  enable: debug+\n}\n":                                                  "debug map[]",
		"log {\n  enable: warning+\n}\n":                                                                   "warn map[]",
		"log {\n  module: ROUTER_LS\n  enable: trace+\n}\n":                                                "info map[mesh:debug]",
		"log {\n  module: ROUTER_LS\n  enable: error\n}\nlog {\n  module: ROUTER_MA\n  enable: info+\n}\n": "info map[mesh:info]",
		"log {\n  module: AGENT\n  enable: default\n}\n":                                                   "info map[]",
	} {
		got, err := Parse("etc/f", []byte("listener {\n}\n"+file))
		if err != nil {
			t.Errorf("%q: %v", file, err)
		} else if said := fmt.Sprint(got.Log.Level, " ", got.Log.Modules); said != want {
			t.Errorf("%q logs %s, want %s", file, said, want)
		}
	}
}
