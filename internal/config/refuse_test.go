package config

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestBadInput(t *testing.T) {
	tests := []struct{ name, file, want string }{
		// The file as a whole.
		{"empty", "", "f: it is empty"},
		{"only a comment", "# nothing\n", "f: it is empty"},
		{"null", "~\n", "f:1: the file is empty; it must be sections"},
		{"a word", "hello\n", `f:1: the file is the single value "hello"; it must be sections: router, listeners, connectors, addresses, autoLinks, linkRoutes, users, log`},
		{"a list", "- a\n", "f:1: the file is a list"},
		{"two documents", "listeners: [{}]\n---\nrouter: {}\n", "f:2: a second document starts here"},
		{"broken second document", "listeners: [{}]\n---\n[", "f:3: this is not YAML"},
		{"unclosed", "listeners: [{port: 1}\n", "f:1: this is not YAML"},
		{"tab", "listeners:\n\t- {port: 1}\n", "indent with blanks, not tabs"},
		{"tab in the first line", "\trouter: {}\n", "f:1: this is not YAML: found character that cannot start any token; indent with blanks"},
		{"not UTF-8", "# ok\nrouter: {id: caf\xe9}\n", "f:2: this line is not UTF-8"},
		{"UTF-16", "\xff\xfel\x00", "f:1: this is UTF-16; save it as UTF-8"},
		{"control character", "router: {id: \x00}\n", "this is not YAML"},
		{"binary", "\x7fELF\x02\x01\x01\x00", "this is not YAML"},

		// Sections.
		{"no listener", "router: {id: A}\n", "f: listeners: there is none"},
		{"empty list of listeners", "listeners: []\n", "f:1: listeners: there is none"},
		{"section without value", "listeners:\n", "f:1: listeners: is empty; it must be a list"},
		{"list expected", "listeners: {port: 1}\n", "f:1: listeners: is a mapping; it must be a list"},
		{"mapping expected", "listeners: [{}]\nrouter: [A]\n", `f:2: router: is a list; it must be attributes, each as "name: value"`},
		{"entry is a word", "listeners:\n  - 5672\n", `f:2: listeners[0]: is the single value "5672"; it must be attributes`},
		{"entry is a word, beside a listener at the default port", "listeners:\n  - {}\n  - 5673\n", `f:3: listeners[1]: is the single value "5673"; it must be attributes`},
		{"unknown section", "listeners: [{}]\nrooter: {}\n", "f:2: rooter: is not known; did you mean router?"},
		{"the predecessor's name of a section", "listener: {port: 1}\n", "f:1: listener: is not known; did you mean listeners?"},
		{"section twice", "listeners: [{}]\nlog: {}\nlog: {}\n", "f:3: log: is given twice, first in line 2"},
		{"key is a list", "listeners: [{}]\n? [a]\n: b\n", "has a key that is a list; keys are names"},
		{"merge key", "listeners:\n  - &a {port: 1}\n  - {<<: *a, port: 2}\n", "f:3: listeners[1].<<: merge keys are not supported"},

		// Attributes.
		{"unknown, far from all", "listeners:\n  - {colour: red}\n", "f:2: listeners[0].colour: is not known; known are: name, host, port"},
		{"misspelt", "listeners:\n  - {hots: a}\n", "f:2: listeners[0].hots: is not known; did you mean host?"},
		{"other capitals and dashes", "listeners:\n  - {max-frame-size: 512}\n", "f:2: listeners[0].max-frame-size: is not known; did you mean maxFrameSize?"},
		{"deprecated spelling", "listeners:\n  - {failoverList: a}\n", "f:2: listeners[0].failoverList: is the old name of failoverUrls; use that"},
		{"twice", "listeners:\n  - port: 1\n    host: a\n    port: 2\n", "f:4: listeners[0].port: is given twice, first in line 2"},
		{"no value", "listeners:\n  - host:\n", "f:2: listeners[0].host: has no value"},
		{"invented tag", "listeners:\n  - host: !mine a\n", "f:2: listeners[0].host: has the tag !mine"},
		{"list for one value", "listeners:\n  - host: [a]\n", "f:2: listeners[0].host: is a list; it must be a single value"},
		{"mapping for a number", "listeners:\n  - linkCapacity: {a: 1}\n", "f:2: listeners[0].linkCapacity: is a mapping; it must be a whole number from 0 to 1048576 (deliveries)"},

		// Numbers.
		{"below", "listeners:\n  - {maxFrameSize: 511}\n", `listeners[0].maxFrameSize: is "511"; it must be a whole number from 512 to 2147483647 (bytes)`},
		{"above", "listeners:\n  - {maxSessions: 32769}\n", `is "32769"; it must be a whole number from 1 to 32768`},
		{"beyond 64 bits", "listeners:\n  - {maxMessageSize: 99999999999999999999}\n", `is "99999999999999999999"; it must be a whole number`},
		{"negative", "listeners:\n  - {idleTimeoutSeconds: -1}\n", `is "-1"; it must be a whole number from 0`},
		{"fraction", "listeners:\n  - {idleTimeoutSeconds: 1.5}\n", `is "1.5"; it must be a whole number`},
		{"with its unit", "listeners:\n  - {idleTimeoutSeconds: 16s}\n", `is "16s"; it must be a whole number from 0 to 4294967 (seconds)`},
		{"quoted", "listeners:\n  - {linkCapacity: '5'}\n", "is a string; remove the quotes"},
		{"octal", "listeners:\n  - {linkCapacity: 010}\n", `is "010"; it must be a whole number`},
		{"hexadecimal", "listeners:\n  - {linkCapacity: 0x10}\n", `is "0x10"; it must be a whole number`},
		{"window too large", "listeners:\n  - {maxSessionFrames: 131073}\n", "f:2: listeners[0].maxSessionFrames: times maxFrameSize (16384) is 2147500032 bytes; it must not pass 2147483647"},
		{"boolean", "listeners:\n  - {authenticatePeer: 1}\n", `is "1"; it must be true or false`},
		{"enumeration", "listeners:\n  - {stripAnnotations: none}\n", `is "none"; it must be one of in, out, both, no`},
		{"enumeration, misspelt", "listeners: [{}]\nrouter: {defaultDistribution: Balanced}\n", "(did you mean balanced?)"},
		{"priority", "listeners: [{}]\naddresses:\n  - {prefix: a, priority: 10}\n", "f:3: addresses[0].priority: is \"10\"; it must be a whole number from 0 to 9"},

		// Router.
		{"empty id", "listeners: [{}]\nrouter: {id: ''}\n", "router.id: is empty"},
		{"long id", "listeners: [{}]\nrouter: {id: " + strings.Repeat("x", 128) + "}\n", "router.id: is longer than 127 bytes"},
		{"slash in id", "listeners: [{}]\nrouter: {id: a/b}\n", "router.id: contains a slash"},

		// Where to listen.
		{"port out of range", "listeners:\n  - {port: 65536}\n", `listeners[0].port: is "65536"; it must be a whole number from 0 to 65535, or a service name`},
		{"negative port", "listeners:\n  - {port: -1}\n", `is "-1"; it must be a whole number from 0 to 65535`},
		{"unknown service", "listeners:\n  - {port: no-such-service}\n", "neither a number nor a service name"},
		{"port in host", "listeners:\n  - {host: 'localhost:5672'}\n", "a port goes into the attribute port"},
		{"URL as host", "listeners:\n  - {host: 'amqp://a'}\n", "give a name or an address only"},
		{"empty host", "listeners:\n  - {host: ''}\n", "listeners[0].host: is empty; remove the line to listen on loopback"},
		{"star as host", "listeners:\n  - {host: '*'}\n", "give 0.0.0.0 for every IPv4 address"},
		{"blank in host", "listeners:\n  - {host: a b}\n", "neither a name nor an address"},
		{"family", "listeners:\n  - {host: '::1', socketAddressFamily: IPv4}\n", "listeners[0].socketAddressFamily: is IPv4, and the host ::1 is of the other family"},
		{"same port twice", "listeners:\n  - {port: 5672}\n  - {name: b, port: amqp}\n", `f:3: listeners[1].port: "127.0.0.1:5672" is used by listeners[0] (line 2) too`},
		{"same port of all hosts", "listeners:\n  - {port: 5672}\n  - {name: b, host: 0.0.0.0, port: amqp}\n", `f:3: listeners[1].port: "0.0.0.0:5672" and "127.0.0.1:5672" of listeners[0] (line 2) are one place; give one of them another port`},
		{"same name twice", "listeners:\n  - {name: a, port: 1}\n  - {name: a, port: 2}\n", `f:3: listeners[1].name: "a" is used by listeners[0] (line 2) too`},
		{"empty name", "listeners:\n  - {name: ''}\n", "listeners[0].name: is empty"},
		{"newline in name", "listeners:\n  - {name: \"a\\nb\"}\n", "listeners[0].name: contains a control character"},

		// Who may connect.
		{"PLAIN without users", "listeners:\n  - {saslMechanisms: [ANONYMOUS, PLAIN]}\n", "f:2: listeners[0].saslMechanisms: names PLAIN, and there is no users file"},
		{"authentication without users", "listeners:\n  - {authenticatePeer: true}\n", "f:2: listeners[0].authenticatePeer: is true, and there is no users file"},
		{"authentication of anybody", "listeners:\n  - {authenticatePeer: true, saslMechanisms: ANONYMOUS PLAIN}\nusers: {file: u}\n", "names ANONYMOUS, which says nothing about who a peer is, and authenticatePeer is true"},
		{"no mechanism", "listeners:\n  - {saslMechanisms: []}\n", "listeners[0].saslMechanisms: names no mechanism"},
		{"mechanism twice", "listeners:\n  - {saslMechanisms: [ANONYMOUS, ANONYMOUS]}\n", "names ANONYMOUS twice"},
		{"mechanism in small letters", "listeners:\n  - {saslMechanisms: anonymous}\n", "(did you mean ANONYMOUS?)"},
		{"mechanism that is not a name", "listeners:\n  - saslMechanisms:\n    - [PLAIN]\n", "f:3: listeners[0].saslMechanisms: has a list in its list"},
		{"SCRAM", "listeners:\n  - {saslMechanisms: [SCRAM-SHA-256]}\n", "SCRAM-SHA-256: SCRAM is not built yet"},
		{"EXTERNAL", "listeners:\n  - {saslMechanisms: EXTERNAL}\n", "EXTERNAL: client certificates need TLS, which is not built yet"},
		{"users without file", "listeners: [{}]\nusers: {}\n", "f:2: users: names no file"},
		{"users file with empty name", "listeners: [{}]\nusers: {file: ''}\n", "f:2: users.file: is empty"},
		{"users that nobody asks for", "listeners: [{saslMechanisms: ANONYMOUS}]\nusers: {file: u}\n", "f:2: users.file: is used by no listener"},

		// Where log lines go.
		{"syslog", "listeners: [{}]\nlog: {outputFile: syslog}\n", "f:2: log.outputFile: is syslog, to which nothing is written"},
		{"no output", "listeners: [{}]\nlog: {outputFile: ''}\n", "f:2: log.outputFile: is empty"},

		// HTTP.
		{"what only AMQP has, with HTTP", "listeners:\n  - {http: true, linkCapacity: 5}\n", "f:2: listeners[0].linkCapacity: has no effect on a listener with http: true"},
		{"what only HTTP has, without", "listeners:\n  - {profiling: true}\n", "f:2: listeners[0].profiling: has no effect without http: true"},
		{"routers that would speak HTTP", "router: {mode: interior}\nlisteners:\n  - {http: true, role: inter-router}\n", "f:3: listeners[0].role: is inter-router, and http is true"},
		{"a users file and HTTP alone", "listeners: [{http: true}]\nusers: {file: u}\n", "f:2: users.file: is used by no listener"},
		{"web console", "listeners:\n  - {http: true, httpRootDir: /x}\n", "there is no web console"},

		// What is said in Open.
		{"reserved property", "listeners:\n  - {openProperties: {qd.x: 1}}\n", `listeners[0].openProperties: key "qd.x" is reserved`},
		{"other reserved property", "listeners:\n  - {openProperties: {x-opt-qd.y: 1}}\n", `key "x-opt-qd.y" is reserved`},
		{"property of the router", "listeners:\n  - {openProperties: {product: mine}}\n", `key "product" is reserved: the router sets it`},
		{"property that is no symbol", "listeners:\n  - {openProperties: {größe: 1}}\n", "is not printable ASCII"},
		{"property without a name", "listeners:\n  - {openProperties: {'': 1}}\n", "has a key that is empty"},
		{"property twice", "listeners:\n  - openProperties:\n      a: 1\n      a: 2\n", `f:4: listeners[0].openProperties: has the key "a" twice`},
		{"properties as a word", "listeners:\n  - {openProperties: a}\n", `is the single value "a"; it must be a mapping of names to values`},
		{"properties with a tag", "listeners:\n  - openProperties:\n      a: !!binary AAAA\n", "f:3: listeners[0].openProperties: has the tag"},
		{"properties that contain themselves", "listeners:\n  - {openProperties: &a {b: *a}}\n", "is too large: at most 10000 values, nested at most 32 deep"},
		{"failover scheme", "listeners:\n  - {failoverUrls: 'http://a'}\n", `listeners[0].failoverUrls: "http://a" has the scheme "http"; each must look like`},
		{"failover without host", "listeners:\n  - {failoverUrls: ':5672'}\n", `":5672" has no host`},
		{"failover with a bad port", "listeners:\n  - {failoverUrls: 'a:0'}\n", `"a:0" has the port "0"`},
		{"failover without a port after the colon", "listeners:\n  - {failoverUrls: 'a:'}\n", "has no port after the colon"},
		{"failover with a path", "listeners:\n  - {failoverUrls: 'amqp://a/b'}\n", "neither a name nor an address"},
		{"failover twice", "listeners:\n  - {failoverUrls: 'a, a'}\n", `"a" is named twice`},

		// Addresses.
		{"neither", "listeners: [{}]\naddresses:\n  - {distribution: closest}\n", "f:3: addresses[0]: has neither prefix nor pattern"},
		{"both", "listeners: [{}]\naddresses:\n  - {prefix: a, pattern: b}\n", "f:3: addresses[0]: has both prefix and pattern"},
		{"empty prefix", "listeners: [{}]\naddresses:\n  - {prefix: /}\n", "addresses[0].prefix: is empty"},
		{"long prefix", "listeners: [{}]\naddresses:\n  - {prefix: " + strings.Repeat("x", 1025) + "}\n", "addresses[0].prefix: is longer than 1024 bytes"},
		{"wildcard in prefix", "listeners: [{}]\naddresses:\n  - {prefix: a/*}\n", "addresses[0].prefix: contains the wildcard *"},
		{"wildcard in a token", "listeners: [{}]\naddresses:\n  - {pattern: a*/b}\n", `addresses[0].pattern: contains "a*": a wildcard stands for a whole token`},
		{"same prefix", "listeners: [{}]\naddresses:\n  - {prefix: a/b}\n  - {prefix: a.b}\n", "f:4: addresses[1].prefix: matches the same addresses as addresses[0] (line 3)"},
		{"prefix as pattern", "listeners: [{}]\naddresses:\n  - {prefix: a}\n  - {pattern: a/#}\n", "f:4: addresses[1].pattern: matches the same addresses as addresses[0] (line 3)"},
		{"same pattern in other words", "listeners: [{}]\naddresses:\n  - {pattern: 'a/#/*/#'}\n  - {pattern: 'a/*/#'}\n", "f:4: addresses[1].pattern: matches the same"},
		{"same name", "listeners: [{}]\naddresses:\n  - {name: n, prefix: a}\n  - {name: n, prefix: b}\n", `f:4: addresses[1].name: "n" is used by addresses[0] (line 3) too`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Parse("f", []byte(tt.file))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("got\n%v\nwant a problem with\n%s", err, tt.want)
			}
			if ps, ok := errors.AsType[Problems](err); !ok || len(ps) != 1 {
				t.Errorf("one mistake gave %d problems:\n%v", len(ps), err)
			}
		})
	}
}

// Whatever the full model knows and this version does not do is refused by
// name and line, whatever its value.
func TestWhatIsNotBuiltIsRefused(t *testing.T) {
	for _, e := range Schema() {
		if e.Refused != "" {
			wantRefused(t, e.Section, "listeners: [{}]\n"+e.Section+": [{name: a}]\n", e.Section, e.Refused)
			continue
		}
		for _, a := range e.Attributes {
			open, where := e.Section+": {", e.Section+"."
			if e.List {
				open, where = e.Section+": [{", e.Section+"[0]."
			}
			file := func(value string) string { return "# first line\n" + open + a.Name + ": " + value + "}" }
			if a.Refused != "" {
				wantRefused(t, where+a.Name, file("false"), where+a.Name, a.Refused)
			}
			for value, why := range a.RefusedValues {
				wantRefused(t, where+a.Name+" "+value, file(value), where+a.Name, value+": "+why)
			}
		}
	}
}

func wantRefused(t *testing.T, name, file, where, why string) {
	t.Helper()
	if strings.HasSuffix(file, "}") && strings.Contains(file, "[{") {
		file += "]"
	}
	_, err := Parse("f", []byte(file))
	want := fmt.Sprintf("f:2: %s: %s", where, why)
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%s: got\n%v\nwant\n%s", name, err, want)
	}
}
