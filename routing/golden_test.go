package routing

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"text/tabwriter"

	"github.com/meshway/meshway/linkstate"
)

var update = flag.Bool("update", false, "rewrite the expectations in testdata")

// scenario is a mesh before and after its last change, as told by a file in testdata. A
// file has comments, and commands; what follows a command in indented lines is its
// outcome:
//
//	mesh A B 1, B C 2, D       the adjacencies to begin with
//	change lose A B, drain C   what becomes of it (see mesh.change)
//	routes A                   the table of a router
//	waits A                    which next hops it cannot use yet after the change
//	split A 7 B C              what flow 7 to a set of routers splits into
type scenario struct {
	m           *mesh
	before, now *linkstate.Topology
}

func (s *scenario) run(command string) (string, error) {
	name, rest, _ := strings.Cut(command, " ")
	word := strings.Fields(rest)
	switch {
	case name == "mesh" || name == "change" && s.m != nil:
		if name == "mesh" {
			s.m = newMesh()
		}
		for line := range strings.SplitSeq(rest, ",") {
			s.m.change(line)
		}
		s.before, s.now = s.now, s.m.topology()
		return "", nil
	case name == "routes" && len(word) == 1:
		return table(Compute(s.now, word[0])), nil
	case name == "waits" && len(word) == 1:
		old := Compute(s.before, word[0])
		return waitsTable(Update(old, s.now), old), nil
	case name == "split" && len(word) > 2:
		var flow uint32
		_, err := fmt.Sscan(word[1], &flow)
		return splitTable(Compute(s.now, word[0]), flow, word[2:]), err
	}
	return "", fmt.Errorf("%q is no command", command)
}

// columns aligns rows of cells separated by tabs.
func columns(rows []string) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		fmt.Fprintln(w, row)
	}
	w.Flush()
	return b.String()
}

func table(r *Routes) string {
	rows := []string{"to\tcost\tnext hops\talternates"}
	for dest := range r.Topology().Len() {
		id := r.Topology().Node(dest).ID
		cost, ok := r.Cost(dest)
		switch {
		case dest == r.Self():
		case !ok:
			rows = append(rows, id+"\tno path")
		default:
			var alternates []string
			for _, a := range r.Alternates(dest) {
				about := "comes back"
				if a.LoopFree {
					about = "loop-free"
				}
				alternates = append(alternates, fmt.Sprintf("%s %d %s", r.Topology().Node(a.Hop).ID, a.Cost, about))
			}
			rows = append(rows, fmt.Sprintf("%s\t%d\t%s\t%s", id, cost, strings.Join(hopIDs(r, id), " "), strings.Join(alternates, ", ")))
		}
	}
	return columns(rows)
}

func waitsTable(r, old *Routes) string {
	w := r.Waits(old)
	if w == nil {
		return "none\n"
	}
	var rows []string
	for dest := range r.Topology().Len() {
		for _, hop := range w.Hops() {
			if w.Has(dest, hop) {
				rows = append(rows, fmt.Sprintf("%s\tby %s", r.Topology().Node(dest).ID, r.Topology().Node(hop).ID))
			}
		}
	}
	return columns(rows)
}

func splitTable(r *Routes, flow uint32, ids []string) string {
	byKey := map[Key]string{}
	var keys []Key
	for _, id := range ids {
		byKey[KeyOf(id)] = id
		keys = append(keys, KeyOf(id))
	}
	names := func(set Set) string {
		var list []string
		for _, id := range ids {
			for i := range set.Len() {
				if set.Key(i) == KeyOf(id) {
					list = append(list, id)
				}
			}
		}
		return strings.Join(list, " ")
	}
	b, err := AppendSet(nil, keys)
	if err != nil {
		return err.Error()
	}
	var p Parts
	r.Split(&p, b, flow)
	rows := []string{fmt.Sprintf("here\t%v", p.Self), "lost\t" + names(p.Lost)}
	for _, part := range p.Hops {
		rows = append(rows, fmt.Sprintf("by %s\t%s", r.Topology().Node(part.Hop).ID, names(part.Egress)))
	}
	return columns(rows)
}

// play runs a file and gives it back with the outcomes that there were.
func play(text string) (string, error) {
	var b strings.Builder
	s := &scenario{}
	for n, line := range strings.Split(strings.TrimRight(text, "\n"), "\n") {
		switch {
		case strings.HasPrefix(line, "  "):
			continue // an outcome, made anew
		case line == "" || strings.HasPrefix(line, "#"):
			b.WriteString(line + "\n")
			continue
		}
		b.WriteString(line + "\n")
		outcome, err := s.run(line)
		if err != nil {
			return "", fmt.Errorf("line %d: %w", n+1, err)
		}
		for row := range strings.Lines(outcome) {
			b.WriteString("  " + strings.TrimRight(row, " \n") + "\n")
		}
	}
	return b.String(), nil
}

func TestScenarios(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("scenarios: %d, error %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got, err := play(string(text))
			if err != nil {
				t.Fatal(err)
			}
			if got == string(text) {
				return
			}
			if !*update {
				t.Fatalf("%s has other outcomes now (-update writes them):\n%s", file, got)
			}
			if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		})
	}
}
