// Package monitoring_test checks the example of watching routers against the metrics that
// routers have.
package monitoring_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/meshway/meshway/internal/telemetry"
	"go.yaml.in/yaml/v3"
)

// alerts is the part of alerts.yml that is looked at here.
type alerts struct {
	Groups []struct {
		Rules []struct {
			Alert, Expr string
			Labels      map[string]string
			Annotations map[string]string
		}
	}
}

func readAlerts(t *testing.T) (a alerts) {
	t.Helper()
	text, err := os.ReadFile("alerts.yml")
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, &a); err != nil {
		t.Fatal(err)
	}
	return a
}

// expressions are those of the dashboard's panels, by title.
func expressions(t *testing.T) map[string][]string {
	t.Helper()
	text, err := os.ReadFile("dashboard.json")
	if err != nil {
		t.Fatal(err)
	}
	var d struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	m := make(map[string][]string)
	for _, p := range d.Panels {
		for _, target := range p.Targets {
			m[p.Title] = append(m[p.Title], target.Expr)
		}
	}
	return m
}

var (
	selector = regexp.MustCompile(`\b(meshway_[a-z_0-9]+)(\{[^}]*\})?`)
	matcher  = regexp.MustCompile(`([a-z_]+)\s*(=~|!~|!=|=)`)
	// scraped are the labels that Prometheus adds.
	scraped = []string{"instance", "job", "le"}
)

// used are the metrics in an expression; each must exist, with the labels that it is asked for.
func used(t *testing.T, where, expr string) (names []string) {
	t.Helper()
	for _, s := range selector.FindAllStringSubmatch(expr, -1) {
		name, m := s[1], find(s[1])
		if m == nil {
			t.Errorf("%s: there is no metric %s", where, name)
			continue
		}
		names = append(names, m.Name)
		for _, l := range matcher.FindAllStringSubmatch(s[2], -1) {
			if !slices.Contains(m.Labels, l[1]) && !slices.Contains(scraped, l[1]) {
				t.Errorf("%s: %s has no label %s", where, name, l[1])
			}
		}
	}
	return names
}

func find(name string) *telemetry.Metric {
	for _, m := range telemetry.All() {
		base := name
		if m.IsHistogram() {
			for _, suffix := range []string{"_bucket", "_sum", "_count"} {
				base = strings.TrimSuffix(base, suffix)
			}
		}
		if m.Name == base {
			return m
		}
	}
	return nil
}

func TestAlertsAreAboutMetricsThatExist(t *testing.T) {
	n := 0
	for _, g := range readAlerts(t).Groups {
		for _, r := range g.Rules {
			n++
			if names := used(t, r.Alert, r.Expr); len(names) == 0 && !strings.Contains(r.Expr, "up{") {
				t.Errorf("%s is about nothing: %s", r.Alert, r.Expr)
			}
			if r.Annotations["summary"] == "" || r.Annotations["description"] == "" || r.Labels["severity"] == "" {
				t.Errorf("%s does not say what it is about, or how bad that is", r.Alert)
			}
		}
	}
	if n < 10 {
		t.Errorf("only %d alerts were read", n)
	}
}

// Whatever routers count can be seen.
func TestTheDashboardShowsEveryMetric(t *testing.T) {
	shown := map[string]bool{}
	for title, list := range expressions(t) {
		for _, expr := range list {
			for _, name := range used(t, title, expr) {
				shown[name] = true
			}
		}
	}
	for _, m := range telemetry.All() {
		if !shown[m.Name] {
			t.Errorf("the dashboard does not show %s", m.Name)
		}
	}
}

func TestPromtoolUnderstandsTheFiles(t *testing.T) {
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("promtool is not installed (make deps)")
	}
	run := func(args ...string) {
		t.Helper()
		if out, err := exec.CommandContext(t.Context(), promtool, args...).CombinedOutput(); err != nil {
			t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
	run("check", "config", "prometheus.yml")
	run("check", "rules", "alerts.yml")
	// The dashboard's expressions, as rules.
	var rules strings.Builder
	rules.WriteString("groups:\n- name: dashboard\n  rules:\n")
	i := 0
	for _, list := range expressions(t) {
		for _, expr := range list {
			i++
			expr = strings.NewReplacer("$__rate_interval", "1m", "$instance", ".*").Replace(expr)
			text, err := yaml.Marshal([]map[string]any{{"record": "dashboard:" + string(rune('a'+i%26)) + strings.Repeat("x", i/26), "expr": expr}})
			if err != nil {
				t.Fatal(err)
			}
			rules.WriteString("  " + strings.ReplaceAll(strings.TrimSuffix(string(text), "\n"), "\n", "\n  ") + "\n")
		}
	}
	file := t.TempDir() + "/dashboard.yml"
	if err := os.WriteFile(file, []byte(rules.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	run("check", "rules", file)
}
