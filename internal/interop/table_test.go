package interop

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// tableFile is what the results become.
var tableFile = filepath.Join(repository, "docs", "interop.md")

// results are the cells of the table.
type results struct {
	mu    sync.Mutex
	cells map[cell]string
}

type cell struct {
	row                string
	sending, receiving kind
}

const (
	works = "yes"
	fails = "**fails**"
)

func newResults() *results { return &results{cells: map[cell]string{}} }

// record is called when a row has been played. A row that was skipped because
// its client is not installed leaves no cell.
func (r *results) record(row row, s *stage) {
	r.mu.Lock()
	defer r.mu.Unlock()
	at := cell{row.name, s.sending, s.receiving}
	switch {
	case s.Failed():
		r.cells[at] = fails
	case s.lacks != "":
		r.cells[at] = "lacks: " + s.lacks
	case !s.Skipped():
		r.cells[at] = works
	}
}

// complete says whether every row was played by every client.
func (r *results) complete() bool {
	for _, row := range rows {
		for i, k := range kinds {
			if r.cells[cell{row.name, k, k}] == "" {
				return false
			}
			if row.basic && r.cells[cell{row.name, k, kinds[(i+1)%len(kinds)]}] == "" {
				return false
			}
		}
	}
	return true
}

// compare fails when the committed table is not what was seen; with -update it
// writes what was seen. The versions of the clients may differ.
func (r *results) compare(t *testing.T) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.complete() {
		t.Log("some rows were not played: docs/interop.md is not compared")
		return
	}
	seen := r.render()
	if *update {
		if err := os.WriteFile(tableFile, seen, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	committed, err := os.ReadFile(tableFile)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(tablesOf(committed), tablesOf(seen)) {
		t.Errorf("docs/interop.md is not what was seen; go test ./internal/interop -update writes:\n%s", tablesOf(seen))
	}
}

// tablesOf are the lines that must not differ.
func tablesOf(page []byte) []byte {
	var lines [][]byte
	for line := range bytes.Lines(page) {
		if bytes.HasPrefix(line, []byte("|")) {
			lines = append(lines, line)
		}
	}
	return bytes.Join(lines, nil)
}

const introduction = `# Interoperability

Meshway's router, as built, against clients that this project did not write. Each row is played by each
client as the sender and as the receiver, against one router; a cell without "yes" says what the client lacks.

This page is generated: ` + "`go test ./internal/interop -update`" + `. The rows are told in ` + "`internal/interop/rows_*_test.go`" + `.

`

func (r *results) render() []byte {
	var b strings.Builder
	b.WriteString(introduction)
	var clients []string
	for _, k := range kinds {
		clients = append(clients, fmt.Sprintf("%s %s", k, version(k)))
	}
	fmt.Fprintf(&b, "Clients: %s.\n\n## The same client on both sides\n\n", strings.Join(clients, ", "))
	r.table(&b, rows, func(k, _ kind) (string, kind) { return string(k), k })
	b.WriteString("\n## From one client to the next\n\n")
	var basic []row
	for _, row := range rows {
		if row.basic {
			basic = append(basic, row)
		}
	}
	r.table(&b, basic, func(k, next kind) (string, kind) { return fmt.Sprintf("%s to %s", k, next), next })
	return []byte(b.String())
}

// table writes rows by clients; column names a column and its receiver.
func (r *results) table(b *strings.Builder, rows []row, column func(k, next kind) (string, kind)) {
	heads, rule := "| |", "|---|"
	for i, k := range kinds {
		name, _ := column(k, kinds[(i+1)%len(kinds)])
		heads, rule = heads+" "+name+" |", rule+"---|"
	}
	fmt.Fprintf(b, "%s\n%s\n", heads, rule)
	for _, row := range rows {
		fmt.Fprintf(b, "| %s |", row.name)
		for i, k := range kinds {
			_, receiving := column(k, kinds[(i+1)%len(kinds)])
			fmt.Fprintf(b, " %s |", r.cells[cell{row.name, k, receiving}])
		}
		b.WriteString("\n")
	}
}

func version(k kind) string {
	if k == goAMQP {
		return goAMQPVersion()
	}
	v, _ := versions.Load(k)
	return fmt.Sprint(v)
}
