package convergence

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// What stands between the marks of the page is written anew; what is around them is
// left alone.
const (
	pageBegin = "<!-- convergence: begin; written by `go test ./internal/convergence -run Figures -v -timeout 3h -figures -page ../../docs/performance.md` -->"
	pageEnd   = "<!-- convergence: end -->"
)

func writePage(path string, all []figures) error {
	old, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	page, err := replaceTable(string(old), table(all))
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return os.WriteFile(path, []byte(page), 0o644)
}

func replaceTable(page, text string) (string, error) {
	before, rest, ok := strings.Cut(page, pageBegin)
	_, after, ok2 := strings.Cut(rest, pageEnd)
	if !ok || !ok2 {
		return "", fmt.Errorf("the marks %q and %q are not in it", pageBegin, pageEnd)
	}
	return before + pageBegin + "\n" + text + pageEnd + after, nil
}

func table(all []figures) string {
	var b strings.Builder
	b.WriteString("| mesh | routers | cold start | lost | new | silent | killed | healed | heartbeats a second | gossip a second | a loss | computing | CPU at the start |\n")
	b.WriteString("|---|---|---|---|---|---|---|---|---|---|---|---|---|\n")
	for _, f := range all {
		fmt.Fprintf(&b, "| %s | %d |", f.Kind, f.Routers)
		for _, ms := range []float64{f.Cold, f.Lost, f.Added, f.Silent, f.Killed, f.Healed} {
			b.WriteString(cell("%.0f ms", ms))
		}
		for _, bytes := range []float64{f.Heartbeats, f.Gossip, f.Change} {
			b.WriteString(cell("%.1f kB", bytes/1e3))
		}
		b.WriteString(cell("%.0f us", 1e3*f.Compute) + cell("%.0f ms", f.ColdCPU) + "\n")
	}
	return b.String()
}

// cell is a figure in a table, or a dash for one that was not measured.
func cell(format string, v float64) string {
	if v == 0 {
		return " - |"
	}
	return fmt.Sprintf(" "+format+" |", v)
}

func TestTheTableGoesBetweenItsMarks(t *testing.T) {
	page := "before\n" + pageBegin + "\nold\n" + pageEnd + "\nafter\n"
	got, err := replaceTable(page, table([]figures{{Kind: "ring", Routers: 7, Lost: 12}}))
	if err != nil || !strings.HasPrefix(got, "before\n"+pageBegin+"\n| mesh |") || !strings.HasSuffix(got, "|\n"+pageEnd+"\nafter\n") {
		t.Errorf("got %q, %v", got, err)
	}
	if strings.Contains(got, "\nold\n") || !strings.Contains(got, "| ring | 7 | - | 12 ms | - |") {
		t.Errorf("the table is not new: %q", got)
	}
	if _, err := replaceTable("a page without marks", "x"); err == nil {
		t.Error("a page without marks was written")
	}
}
