package config

import (
	"slices"
	"strings"
	"testing"
)

func parsed(t *testing.T, file string) Config {
	t.Helper()
	c, err := Parse("etc/f", []byte(file))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

const edited = `
router: {id: A, mode: interior}
listeners: [{name: devices, port: 5672}]
connectors: [{name: to-b, host: b, role: inter-router, cost: 2}]
`

// What management and tools send is text as often as not.
func TestEntitiesAreMadeOfWhateverAToolSends(t *testing.T) {
	c := parsed(t, edited)
	c, err := c.Create("listener", map[string]any{"name": "l", "port": "5673", "linkCapacity": "7", "authenticatePeer": "no", "idleTimeoutSeconds": int32(9), "saslMechanisms": "ANONYMOUS", "openProperties": map[string]any{"a": uint8(1)}, "host": nil})
	if err != nil {
		t.Fatal(err)
	}
	c, err = c.Create("org.apache.qpid.dispatch.router.config.autoLink", map[string]any{"addr": "q", "dir": "in", "containerId": "b", "capabilities": []string{"queue"}})
	if err != nil {
		t.Fatal(err)
	}
	c, err = c.Create("address", map[string]any{"prefix": 7, "priority": "3", "shards": map[string]any{"connections": []any{"x", "y"}, "key": "to"}})
	if err != nil {
		t.Fatal(err)
	}
	want := parsed(t, `
router: {id: A, mode: interior}
listeners:
  - {name: devices, port: 5672}
  - {name: l, port: 5673, linkCapacity: 7, idleTimeoutSeconds: 9, saslMechanisms: [ANONYMOUS], openProperties: {a: 1}}
connectors: [{name: to-b, host: b, role: inter-router, cost: 2}]
autoLinks: [{address: q, direction: in, containerId: b, capabilities: [queue]}]
addresses: [{prefix: 7, priority: 3, shards: {connections: [x, y], key: to}}]
`)
	if !same(c, want) || c.File != "etc/f" {
		t.Errorf("got\n%+v\nwant\n%+v", c, want)
	}
}

func TestEntitiesChangeAndGo(t *testing.T) {
	c := parsed(t, edited)
	before := string(Save(c))
	changed, err := c.Update("connector", "to-b", map[string]any{"cost": nil, "port": 55672})
	if err != nil {
		t.Fatal(err)
	}
	if x := changed.Connectors[0]; x.Cost != 1 || x.Port != "55672" || x.Host != "b" {
		t.Errorf("got %+v", x)
	}
	if changed, err = changed.Update("log", "", map[string]any{"level": "debug"}); err != nil || changed.Log.Level != LevelDebug {
		t.Errorf("got %+v, %v", changed.Log, err)
	}
	if changed, err = changed.Delete("connector", "to-b"); err != nil || len(changed.Connectors) != 0 {
		t.Errorf("got %+v, %v", changed.Connectors, err)
	}
	if changed, err = changed.Delete("listener", "devices"); err != nil || len(changed.Listeners) != 0 || len(changed.Warnings) != 1 {
		t.Errorf("a router without listeners: got %+v, warnings %v, %v", changed.Listeners, changed.Warnings, err)
	}
	three := parsed(t, edited+"addresses: [{name: a, prefix: a}, {name: b, prefix: b}, {name: c, prefix: c}]\n")
	if less, err := three.Delete("address", "b"); err != nil || len(less.Addresses) != 2 || less.Addresses[0].Name != "a" || less.Addresses[1].Name != "c" {
		t.Errorf("of three without the second there are %+v, %v", less.Addresses, err)
	}
	if string(Save(c)) != before {
		t.Errorf("the configuration that was changed is another now:\n%s", Save(c))
	}
}

func TestWhatNeedsSomethingElseFirstIsTakenWithAWarning(t *testing.T) {
	c, err := parsed(t, edited).Create("linkRoute", map[string]any{"prefix": "a", "direction": "in", "connection": "later"})
	if err != nil || len(c.Warnings) != 1 || !strings.Contains(c.Warnings[0].Text, `no connector or listener is named "later"`) {
		t.Errorf("got %v, %v", c.Warnings, err)
	}
}

func TestEditsThatAreWrongChangeNothing(t *testing.T) {
	c := parsed(t, edited)
	create := func(entity string, attributes map[string]any) error {
		_, err := c.Create(entity, attributes)
		return err
	}
	_, noSuch := c.Update("listener", "nobody", nil)
	_, notThere := c.Delete("listener", "nobody")
	_, single := c.Delete("router", "")
	tests := []struct {
		name string
		err  error
		want string
	}{
		{"no such entity", create("lisener", nil), `there is no entity "lisener"`},
		{"not built", create("sslProfile", nil), "sslProfile: " + noTLS},
		{"another router", create("router", nil), "there is one router already; update it"},
		{"unknown attribute", create("listener", map[string]any{"port": "0", "colour": "red"}), "listeners[1].colour: is not known"},
		{"two spellings", create("listener", map[string]any{"failoverUrls": "a", "failoverList": "b"}), "listener: both failoverUrls and its old spelling failoverList are given"},
		{"out of bounds", create("listener", map[string]any{"port": 1, "maxFrameSize": "5"}), `listeners[1].maxFrameSize: is "5"; it must be a whole number from 512`},
		{"name taken", create("listener", map[string]any{"name": "devices", "port": 1}), `listeners[1].name: "devices" is used by listeners[0]`},
		{"a list for a name", create("listener", map[string]any{"name": []any{"x"}, "port": 1}), "listeners[1].name: is a list"},
		{"nobody", noSuch, `there is no listener named "nobody"`},
		{"nobody to delete", notThere, `there is no listener named "nobody" that could be deleted`},
		{"the router", single, `there is no router named "" that could be deleted`},
	}
	for _, tt := range tests {
		if tt.err == nil || !strings.HasPrefix(tt.err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %s", tt.name, tt.err, tt.want)
		}
	}
}

func TestDiffNamesWhatDiffers(t *testing.T) {
	before := parsed(t, edited)
	after := parsed(t, `
router: {id: B, mode: interior}
listeners: [{name: devices, port: 5673, linkCapacity: 3}, {name: new, port: 1}]
connectors: [{name: to-c, host: b, role: inter-router, cost: 2}]
log: {format: json, level: debug}
`)
	var got []string
	var fixed []string
	for _, c := range Diff(before, after) {
		got = append(got, c.String())
		fixed = append(fixed, c.Fixed()...)
	}
	want := []string{"router: changed id", "listener devices: changed port, linkCapacity", "listener new: added", "connector to-b: removed", "connector to-c: added", "log: changed level, format"}
	if !slices.Equal(got, want) || !slices.Equal(fixed, []string{"id", "format"}) {
		t.Errorf("got %q, fixed %q", got, fixed)
	}
	if d := Diff(before, parsed(t, edited)); d != nil {
		t.Errorf("the same differ: %v", d)
	}
}

func TestEveryAttributeCanBeRead(t *testing.T) {
	c := withoutPasswords(t, "f", strings.NewReplacer(", failoverUrls: }", "}", `"pass:"`, "x").Replace(everything))
	for _, e := range Schema() {
		for _, item := range e.Items(&c) {
			for _, a := range e.Attributes {
				switch a.Get(item).(type) {
				case nil, string, int64, bool, []string, map[string]any, Secret:
				default:
					t.Errorf("%s.%s is %T", e.Name, a.Name, a.Get(item))
				}
			}
		}
	}
	if e := Lookup("org.apache.qpid.dispatch.router.config.address"); e == nil || e.Name != "address" || Lookup("router.config.linkRoute") == nil || Lookup("listeners") == nil {
		t.Errorf("got %v", e)
	}
}
