package checks

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/meshway/meshway"

// layer is a package, or a folder of them if the name ends with a slash, and
// which other packages of the module its code may import. Tests may import
// what they need.
type layer struct {
	name string
	may  []string
}

// layers says that imports point down only; the first that fits decides. Of
// the domain packages only those above know each other, and the protocol
// engine knows none of them.
var layers = []layer{
	{"cmd/", []string{"router", "broker-link", "routing", "linkstate/", "internal/"}},
	{"examples/", []string{"router", "examples/internal/", "internal/"}},
	{"router", []string{"broker-link", "routing", "linkstate/", "internal/"}},
	{"broker-link", []string{"internal/"}},
	{"routing", []string{"linkstate"}},
	{"linkstate/", []string{"linkstate/", "internal/wire", "internal/telemetry"}},
	{"internal/wire", nil},
	{"internal/buf", nil},
	{"internal/config", []string{"internal/logging"}},
	{"internal/logging", nil},
	{"internal/sasl", nil},
	{"internal/hosts", nil},
	{"internal/amqp", []string{"internal/wire", "internal/buf", "internal/sasl"}},
	{"internal/", []string{"internal/"}},
}

// confined are other modules of which only these packages' code may know.
var confined = map[string][]string{
	"github.com/hashicorp/memberlist":  {"linkstate/gossip"},
	"github.com/Azure/go-amqp":         {"cmd/", "examples/", "internal/client"},
	"github.com/spf13/cobra":           {"cmd/"},
	"github.com/prometheus":            {"internal/telemetry/"},
	"gopkg.in/natefinch/lumberjack.v2": {"internal/logging"},
	"go.yaml.in/yaml/v3":               {"internal/config", "internal/sasl"},
}

// within reports whether pkg is name, or below name if that ends with a slash;
// "linkstate/" is linkstate itself too.
func within(pkg, name string) bool {
	return pkg == strings.TrimSuffix(name, "/") || strings.HasSuffix(name, "/") && strings.HasPrefix(pkg, name)
}

// wrong says why pkg must not import path, or "".
func wrong(pkg, path string) string {
	for other, allowed := range confined {
		if path == other || strings.HasPrefix(path, other+"/") {
			if !slices.ContainsFunc(allowed, func(a string) bool { return within(pkg, a) }) {
				return fmt.Sprintf("%s imports %s, which is confined to %s", pkg, path, strings.Join(allowed, ", "))
			}
		}
	}
	target, ours := strings.CutPrefix(path, module+"/")
	if !ours {
		return ""
	}
	for _, l := range layers {
		if !within(pkg, l.name) {
			continue
		}
		if slices.ContainsFunc(l.may, func(m string) bool { return within(target, m) }) {
			return ""
		}
		may := "nothing"
		if len(l.may) > 0 {
			may = strings.Join(l.may, ", ")
		}
		return fmt.Sprintf("%s imports %s; of this module it may import %s (layers in internal/checks/imports_test.go)", pkg, target, may)
	}
	return fmt.Sprintf("%s stands in no layer; add it to the table in internal/checks", pkg)
}

func TestImportsPointDown(t *testing.T) {
	for _, system := range []string{"linux", "darwin", "windows"} { // each has files of its own
		for _, p := range listPackages(t, "GOOS="+system) {
			pkg := strings.TrimPrefix(p.ImportPath, module+"/")
			for _, path := range p.Imports {
				if why := wrong(pkg, path); why != "" {
					t.Errorf("on %s %s", system, why)
				}
			}
		}
	}
}

// The table of packages in docs/architecture.md has all of them, and none that is not there.
func TestTheTableOfPackagesIsComplete(t *testing.T) {
	text, err := os.ReadFile("../../docs/architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "## Packages")
	table, _, _ := strings.Cut(rest, "Imports point down")
	there := map[string]bool{}
	for _, p := range listPackages(t) {
		there[strings.TrimPrefix(p.ImportPath, module+"/")] = true
	}
	for pkg := range there {
		if !strings.HasPrefix(pkg, "examples/") && !strings.Contains(table, "\n| `"+pkg+"` | ") {
			t.Errorf("%s is not in the table", pkg)
		}
	}
	for row := range strings.Lines(table) {
		if pkg, ok := strings.CutPrefix(row, "| `"); ok {
			if pkg, _, _ = strings.Cut(pkg, "`"); !there[pkg] {
				t.Errorf("the table has %s, which is no package", pkg)
			}
		}
	}
}

type listed struct {
	ImportPath string
	Imports    []string
}

// listPackages are those of the module, for the system that the environment says.
func listPackages(t *testing.T, environment ...string) []listed {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-e", "-json=ImportPath,Imports", module+"/...")
	cmd.Env = append(os.Environ(), environment...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.String())
	}
	var all []listed
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	if len(all) < 3 {
		t.Fatalf("go list found only %d packages", len(all))
	}
	return all
}

func TestTheRuleBites(t *testing.T) {
	bad := [][2]string{
		{"internal/amqp", module + "/router"},
		{"internal/amqp", module + "/routing"},
		{"internal/amqp", module + "/internal/config"},
		{"internal/wire", module + "/internal/amqp"},
		{"linkstate", module + "/routing"},
		{"linkstate/gossip", module + "/router"},
		{"routing", module + "/internal/amqp"},
		{"routing", module + "/linkstate/gossip"},
		{"broker-link", module + "/router"},
		{"internal/meshtest", module + "/router"},
		{"router", module + "/cmd/meshway"},
		{"newcomer", module + "/internal/wire"},
		{"router", "github.com/hashicorp/memberlist"},
		{"linkstate", "github.com/hashicorp/memberlist"},
		{"router", "github.com/spf13/cobra"},
		{"internal/amqp", "github.com/Azure/go-amqp"},
	}
	for _, b := range bad {
		if wrong(b[0], b[1]) == "" {
			t.Errorf("%s may import %s", b[0], b[1])
		}
	}
	good := [][2]string{
		{"cmd/meshway", module + "/router"},
		{"router", module + "/broker-link"},
		{"router", module + "/linkstate/gossip"},
		{"routing", module + "/linkstate"},
		{"linkstate/gossip", module + "/linkstate"},
		{"internal/amqp", module + "/internal/wire"},
		{"internal/wire", "encoding/binary"},
		{"linkstate/gossip", "github.com/hashicorp/memberlist"},
	}
	for _, g := range good {
		if why := wrong(g[0], g[1]); why != "" {
			t.Error(why)
		}
	}
}
