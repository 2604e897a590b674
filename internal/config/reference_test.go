package config

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite docs/configuration.md from the schema")

// The page in docs says what the schema says.
func TestReferencePage(t *testing.T) {
	page := filepath.Join("..", "..", "docs", "configuration.md")
	want := referencePage()
	if *update {
		if err := os.WriteFile(page, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(page)
	if err != nil || strings.ReplaceAll(string(got), "\r\n", "\n") != want {
		t.Errorf("docs/configuration.md is not what the schema says (%v); run: go test ./internal/config -update", err)
	}
}

const referenceHead = `# Configuration

<!-- Written by go test ./internal/config -update from the schema in internal/config. -->

` + "`meshway run -c FILE`" + ` reads one YAML file, or a qdrouterd.conf in its section or JSON form: in that, deprecated
spellings and what nobody misses are warned about, and a listener without a host listens on every interface. Every mistake
in a file is reported at once, with its line, and a file with a mistake starts nothing. Without a file the router listens on loopback port 5672 and lets every client of
the machine in.

` + "`meshway config check FILE`" + ` says what is wrong, ` + "`meshway config convert FILE`" + ` prints a qdrouterd.conf as YAML,
` + "`meshway config show FILE`" + ` all that is in effect, and ` + "`meshway config schema`" + ` a JSON Schema for editors.

A running router takes a changed file over, within two seconds or at once on SIGHUP: it compares, and applies what differs.
Connections that nothing changed for stay. A file that is wrong, or that changes what needs a restart, changes nothing, and
the log says why. Other attributes of a listener are for connections that come later; those of a listener that is removed, or
whose role, cost, SASL mechanisms, users or use of management change, are closed. An address that is in use takes over its priority,
its outcome on loss, and balanced for closest or the reverse; the rest once no link uses it.

` + "```yaml" + `
router: {id: A, mode: interior}
listeners:
  - {port: amqp}                                        # loopback
  - {name: devices, host: 0.0.0.0, port: 5673, saslMechanisms: [PLAIN], authenticatePeer: true, linkCapacity: 20}
  - {name: mesh, host: 0.0.0.0, port: 55672, role: inter-router}
connectors:
  - {host: b.example, port: 55672, role: inter-router, cost: 2, saslUsername: A, saslPassword: env:B_PASSWORD}
addresses:
  - {prefix: telemetry, distribution: balanced}
  - {pattern: "alarms/#", distribution: multicast, priority: 8}
users: {file: users.yaml}                               # made with: meshway user add NAME
log: {level: info, format: auto}
` + "```" + `
`

func referencePage() string {
	var b strings.Builder
	b.WriteString(referenceHead)
	var no refusals
	for _, e := range Schema() {
		if why := e.Refused; why != "" {
			no.add(e.Section, why)
			continue
		}
		fmt.Fprintf(&b, "\n## %s\n\n%s %s.\n\n| attribute | value | default | meaning |\n|---|---|---|---|\n", e.Section, howMany(e), e.Help)
		for _, a := range e.Attributes {
			if why := a.Refused; why != "" {
				no.add(e.Section+"."+a.Name, why)
				continue
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", a.Name, cell(valueWords(a)), cell(defaultWords(a)), cell(meaning(a)))
			for _, v := range slices.Sorted(maps.Keys(a.RefusedValues)) {
				no.add(e.Section+"."+a.Name+": "+v, a.RefusedValues[v])
			}
		}
	}
	b.WriteString("\n## Refused\n\nThese are known from other routers, and a file that uses them is refused rather than half obeyed.\n\n| refused | because |\n|---|---|\n")
	for _, why := range no.reasons {
		fmt.Fprintf(&b, "| `%s` | %s |\n", strings.Join(no.names[why], "`, `"), cell(why))
	}
	return b.String()
}

func howMany(e Entity) string {
	if e.List {
		return "A list. Each entry"
	}
	return "At most once:"
}

// refusals groups what is refused by the reason.
type refusals struct {
	reasons []string
	names   map[string][]string
}

func (r *refusals) add(name, why string) {
	if r.names == nil {
		r.names = map[string][]string{}
	}
	if r.names[why] == nil {
		r.reasons = append(r.reasons, why)
	}
	r.names[why] = append(r.names[why], name)
}

// cell makes text fit for a table.
func cell(s string) string { return strings.ReplaceAll(s, "|", `\|`) }

func valueWords(a Attribute) string {
	switch a.Type {
	case TypeInteger:
		words := fmt.Sprintf("%d to %d", a.Min, a.Max)
		if a.Unit != "" {
			words += " " + a.Unit
		}
		return words
	case TypeBoolean:
		return "true or false"
	case TypeEnum:
		return strings.Join(a.Values, ", ")
	case TypeWords:
		if len(a.Values) > 0 {
			return "list of " + strings.Join(a.Values, ", ")
		}
		return "list, or one string with commas"
	case TypeMap:
		return "mapping"
	case TypeString:
		return "text"
	}
	return string(a.Type)
}

func meaning(a Attribute) string {
	text := a.Help
	if len(a.Only) > 0 {
		text += fmt.Sprintf("; role %s only", strings.Join(words(a.Only...), " or "))
	}
	if a.Fixed {
		text += "; a change needs a restart"
	}
	return text
}

func defaultWords(a Attribute) string {
	switch {
	case a.Required:
		return "none: must be given"
	case a.Computed != "":
		return a.Computed
	case a.Mesh != nil:
		return fmt.Sprintf("`%v`; `%v` with role %s", a.Default, a.Mesh, RoleInterRouter)
	case a.Default == nil:
		return ""
	}
	return fmt.Sprintf("`%v`", a.Default)
}

func TestTheExampleOfTheReferencePageIsRight(t *testing.T) {
	_, after, _ := strings.Cut(referenceHead, "```yaml\n")
	example, _, _ := strings.Cut(after, "```")
	t.Setenv("B_PASSWORD", "secret")
	c, err := Parse("example", []byte(example))
	if err != nil || len(c.Listeners) != 3 || len(c.Connectors) != 1 || len(c.Addresses) != 2 {
		t.Errorf("got %+v, %v", c, err)
	}
}
