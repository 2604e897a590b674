package interop

import (
	"encoding/json"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
)

// Stories of the operations of the agent itself.

const long = "org.apache.qpid.dispatch."

// nodeStories are what each operation of the agent is wanted to answer. DRAIN ends the
// router: it has a story of its own, the last.
var nodeStories = map[string]func(*manager){
	"QUERY":           queryAnswersWhatIsAsked,
	"READ":            func(m *manager) { m.wants(200, "READ", properties{"name": "self"}, nil) },
	"GET-TYPES":       typesHaveTheirBases,
	"GET-ATTRIBUTES":  attributesAreThoseOfTheSchema,
	"GET-OPERATIONS":  operationsAreThoseOfTheSchema,
	"GET-ANNOTATIONS": func(m *manager) { m.equal("annotations", m.wants(200, "GET-ANNOTATIONS", nil, nil), map[string]any{}) },
	"GET-MGMT-NODES":  nodesAreAllRouters,
	"GET-SCHEMA":      bothSchemasAreOne,
	"GET-JSON-SCHEMA": func(m *manager) { m.schema() },
	"GET-LOG":         logIsTold,
	"RELOAD":          fileIsReloaded,
	"SAVE-CONFIG":     configurationIsSaved,
	"DRAIN":           func(*manager) {},
}

// everyNodeOperation plays a story for each operation that the agent says it has: one that is
// new and has none is missed.
func everyNodeOperation(m *manager) {
	for _, op := range m.schema().EntityTypes["management"].Operations {
		story := nodeStories[op]
		if story == nil {
			m.Errorf("the agent has the operation %s, of which no story is told here", op)
			continue
		}
		story(m)
	}
	// Tools leave the type out, name it, and write operations in small letters.
	for _, p := range []properties{nil, {"type": "org.amqp.management", "name": "self"}, {"identity": "self"}} {
		m.wants(200, "get-types", p, map[string]any{})
	}
}

func queryAnswersWhatIsAsked(m *manager) {
	router := "router"
	names := []any{"mode", "id", "area"}
	for _, entityType := range []string{router, long + router} {
		body := m.wants(200, "QUERY", properties{"entityType": entityType}, map[string]any{"attributeNames": names}).(map[string]any)
		m.equal("attributeNames", body["attributeNames"], names)
		rows := body["results"].([]any)
		m.equal("rows", len(rows), 1)
		m.equal("mode", rows[0].([]any)[0], "interior")
		m.equal("area", rows[0].([]any)[2], "0")
	}
	types := map[string]bool{}
	for _, row := range m.rows("") {
		types[row["type"].(string)] = true
	}
	for _, t := range []string{"router", "listener", "connection", "router.link", "router.address", "router.node", "log", "management"} {
		if !types[long+t] {
			m.Errorf("a query without a type has no %s", t)
		}
	}
}

func typesHaveTheirBases(m *manager) {
	all := m.wants(200, "GET-TYPES", nil, nil).(map[string]any)
	m.equal("types", slices.Sorted(maps.Keys(all)), longNames(m.schema()))
	for name, bases := range all {
		list := bases.([]any)
		if len(list) < 2 || list[len(list)-1] != long+"entity" {
			m.Errorf("%s has the bases %v; the last must be %sentity", name, bases, long)
		}
	}
	one := m.wants(200, "GET-TYPES", properties{"entityType": long + "listener"}, nil)
	m.equal("one type", one, map[string]any{long + "listener": []any{long + "configurationEntity", long + "entity"}})
	for _, row := range m.wants(200, "GET-TYPES", properties{"entityType": long + "operationalEntity"}, nil).(map[string]any) {
		m.equal("base of an operational type", slices.Contains(row.([]any), any(long+"operationalEntity")), true)
	}
}

func longNames(s schema) (list []string) {
	for _, e := range s.EntityTypes {
		list = append(list, e.FullyQualifiedType)
	}
	slices.Sort(list)
	return list
}

func attributesAreThoseOfTheSchema(m *manager) {
	all := m.wants(200, "GET-ATTRIBUTES", nil, nil).(map[string]any)
	for _, e := range m.schema().EntityTypes {
		want := append(slices.Collect(maps.Keys(e.Attributes)), "type")
		got := strings.Fields(strings.Trim(joined(all[e.FullyQualifiedType]), " "))
		slices.Sort(want)
		slices.Sort(got)
		m.equal("attributes of "+e.FullyQualifiedType, got, want)
		one := m.wants(200, "GET-ATTRIBUTES", properties{"entityType": e.FullyQualifiedType}, nil).(map[string]any)
		m.equal("types that are asked for", len(one), 1)
	}
}

// joined is a list of texts as one.
func joined(v any) string {
	list, _ := v.([]any)
	var b strings.Builder
	for _, x := range list {
		b.WriteString(x.(string) + " ")
	}
	return b.String()
}

func operationsAreThoseOfTheSchema(m *manager) {
	all := m.wants(200, "GET-OPERATIONS", nil, nil).(map[string]any)
	for _, e := range m.schema().EntityTypes {
		m.equal("operations of "+e.FullyQualifiedType, all[e.FullyQualifiedType], e.Operations)
	}
}

func nodesAreAllRouters(m *manager) {
	m.equal("nodes", m.wants(200, "GET-MGMT-NODES", nil, nil), []any{"amqp:/_topo/0/A/$management", "amqp:/_topo/0/B/$management"})
}

func bothSchemasAreOne(m *manager) {
	text, _ := m.wants(200, "GET-JSON-SCHEMA", properties{"indent": number{"int", 2}}, nil).(string)
	var asText any
	if err := json.Unmarshal([]byte(text), &asText); err != nil {
		m.Fatal(err)
	}
	if !strings.HasPrefix(text, "{\n  \"") {
		m.Errorf("the schema is not indented: %.40q", text)
	}
	asMap := untyped(m.wants(200, "GET-SCHEMA", nil, nil))
	if !reflect.DeepEqual(asText, asMap) {
		m.Error("GET-SCHEMA and GET-JSON-SCHEMA differ")
	}
}

func logIsTold(m *manager) {
	all := m.wants(200, "GET-LOG", nil, nil).([]any)
	if len(all) < 3 {
		m.Fatalf("the log has %d lines", len(all))
	}
	for _, limit := range []any{number{"int", 2}, number{"uint", 2}, number{"long", 2}, "2"} {
		m.equal("lines", len(m.wants(200, "GET-LOG", properties{"limit": limit}, nil).([]any)), 2)
	}
	for _, line := range all {
		f := line.([]any)
		if len(f) != 6 {
			m.Fatalf("a line has %d fields: %v", len(f), line)
		}
		for i, want := range [][]string{{"string"}, {"string"}, {"string"}, {"string", "null"}, {"int", "null"}, {"int"}} {
			if !slices.Contains(want, amqpType(f[i])) {
				m.Errorf("field %d of a line is %s, want %v: %v", i, amqpType(f[i]), want, line)
			}
		}
	}
}

// fileIsReloaded: what was created goes again; a dry run only says so.
func fileIsReloaded(m *manager) {
	m.equal("changes of a file that is as it was", m.wants(200, "RELOAD", nil, nil), []any{})
	address := properties{"type": "router.config.address", "name": "fleeting"}
	m.wants(201, "CREATE", address, map[string]any{"prefix": "fleeting"})
	dry := m.wants(200, "RELOAD", properties{"dryRun": true}, nil).([]any)
	if len(dry) != 1 || !strings.Contains(dry[0].(string), "fleeting") {
		m.Errorf("a dry run says %v", dry)
	}
	m.wants(200, "READ", address, nil)
	m.equal("changes", m.wants(200, "RELOAD", nil, nil), dry)
	m.wants(404, "READ", address, nil)
	m.refused([]int{400}, "dryRun", "RELOAD", properties{"dryRun": "yes"}, nil)
}

// configurationIsSaved: what was created stands in the file, and stays at a reload.
func configurationIsSaved(m *manager) {
	address := properties{"type": "router.config.address", "name": "lasting"}
	m.wants(201, "CREATE", address, map[string]any{"prefix": "lasting"})
	file, _ := m.wants(200, "SAVE-CONFIG", nil, nil).(string)
	text, err := os.ReadFile(file)
	if err != nil || !strings.Contains(string(text), "lasting") {
		m.Fatalf("%s has no address lasting (%v):\n%s", file, err, text)
	}
	m.equal("changes", m.wants(200, "RELOAD", nil, nil), []any{})
	m.wants(204, "DELETE", address, nil)
	m.wants(200, "SAVE-CONFIG", nil, nil)
}

// listingInPages: pages of any size fit together, and end.
func listingInPages(m *manager) {
	whole := m.rows("logStats")
	for _, count := range []int64{1, 3, int64(len(whole)), 500} {
		var names []any
		for offset := int64(0); ; offset += count {
			page := rowsOf(m.wants(200, "QUERY", properties{"entityType": "logStats", "offset": number{"int", offset}, "count": number{"int", count}}, nil))
			for _, row := range page {
				names = append(names, row["name"])
			}
			if len(names) > len(whole) {
				m.Fatalf("pages of %d go on beyond the %d rows that there are: %v", count, len(whole), names)
			}
			if int64(len(page)) < count {
				break
			}
		}
		var want []any
		for _, row := range whole {
			want = append(want, row["name"])
		}
		m.equal("names, in pages", names, want)
	}
	m.equal("rows beyond the end", len(rowsOf(m.wants(200, "QUERY", properties{"entityType": "logStats", "offset": number{"uint", 10000}}, nil))), 0)
}
