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
	pageBegin = "<!-- convergence: begin; written by `go test ./internal/convergence -run Figures -v -timeout 3h -figures -sizes 10,50,100,200,500 -page ../../docs/performance.md` -->"
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
	b.WriteString("| mesh | routers | cold start | lost | new | silent | killed | healed | heartbeats | gossip | a loss | computing | CPU at the start |\n")
	b.WriteString("|---|---|---|---|---|---|---|---|---|---|---|---|---|\n")
	for _, f := range all {
		fmt.Fprintf(&b, "| %s | %d | %.0f ms | %.0f ms | %.0f ms | %.0f ms | %.0f ms | %.0f ms | %.1f kB/s | %.1f kB/s | %.1f kB | %.2f ms | %.0f ms |\n",
			f.Kind, f.Routers, f.Cold, f.Lost, f.Added, f.Silent, f.Killed, f.Healed,
			f.Heartbeats/1e3, f.Gossip/1e3, f.Change/1e3, f.Compute, f.ColdCPU)
	}
	return b.String()
}

func TestTheTableGoesBetweenItsMarks(t *testing.T) {
	page := "before\n" + pageBegin + "\nold\n" + pageEnd + "\nafter\n"
	got, err := replaceTable(page, table([]figures{{Kind: "ring", Routers: 7, Lost: 12}}))
	if err != nil || !strings.HasPrefix(got, "before\n"+pageBegin+"\n| mesh |") || !strings.HasSuffix(got, "|\n"+pageEnd+"\nafter\n") {
		t.Errorf("got %q, %v", got, err)
	}
	if strings.Contains(got, "\nold\n") || !strings.Contains(got, "| ring | 7 | 0 ms | 12 ms |") {
		t.Errorf("the table is not new: %q", got)
	}
	if _, err := replaceTable("a page without marks", "x"); err == nil {
		t.Error("a page without marks was written")
	}
}
