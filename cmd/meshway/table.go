package main

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/meshway/meshway/internal/client"
)

// tabular writes rows under a head, each column as wide as it needs to be; right says which
// are numbers.
func tabular(head []string, rows [][]string, right []bool) string {
	wide := make([]int, len(head))
	for _, row := range append([][]string{head}, rows...) {
		for i, text := range row {
			wide[i] = max(wide[i], utf8.RuneCountInString(text))
		}
	}
	var b strings.Builder
	for _, row := range append([][]string{head}, rows...) {
		var line strings.Builder
		for i, text := range row {
			pad := strings.Repeat(" ", wide[i]-utf8.RuneCountInString(text))
			if right[i] {
				line.WriteString(pad + text)
			} else {
				line.WriteString(text + pad)
			}
			line.WriteString("  ")
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
	return b.String()
}

// printable is text without what a terminal would obey: names are other people's.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return '?'
		}
		return r
	}, s)
}

// entityTable is entities under the columns of their kind. A column that is empty in every row
// is left out of the narrow table.
func entityTable(k *kind, rows []client.Entity, wide, routers bool) string {
	columns := make([]column, 0, len(k.columns)+1)
	if routers {
		columns = append(columns, attribute("AT", routerAttribute))
	}
	for i, c := range k.columns {
		if c.wide && !wide {
			continue
		}
		if !wide && i > 0 && !slices.ContainsFunc(rows, func(e client.Entity) bool { return c.show(e) != "" }) {
			continue
		}
		columns = append(columns, c)
	}
	head, right := make([]string, len(columns)), make([]bool, len(columns))
	for i, c := range columns {
		head[i], right[i] = c.title, c.right
	}
	cells := make([][]string, len(rows))
	for i, e := range rows {
		for _, c := range columns {
			text := printable(c.show(e))
			if text == "" {
				text = "-"
			}
			cells[i] = append(cells[i], text)
		}
	}
	return tabular(head, cells, right)
}

// entityNames are the attributes of all entities, in order.
func entityNames(rows []client.Entity) []string {
	all := map[string]bool{}
	for _, e := range rows {
		for name := range e {
			all[name] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
}

// entityCSV is all attributes of entities, a line each.
func entityCSV(rows []client.Entity) (string, error) {
	var b strings.Builder
	w := csv.NewWriter(&b)
	names := entityNames(rows)
	if len(names) == 0 {
		return "", nil
	}
	_ = w.Write(names) // a strings.Builder takes everything
	for _, e := range rows {
		line := make([]string, len(names))
		for i, name := range names {
			line[i] = printable(e.Text(name))
		}
		_ = w.Write(line)
	}
	w.Flush()
	return b.String(), w.Error()
}

// entityJSON is all attributes of entities as an array of objects.
func entityJSON(rows []client.Entity) (string, error) {
	list := make([]any, len(rows))
	for i, e := range rows {
		list[i] = plain(map[string]any(e))
	}
	text, err := json.MarshalIndent(list, "", "  ")
	return string(text) + "\n", err
}

// entityYAML is the same as a list of maps. Values are written as JSON, which YAML contains.
func entityYAML(rows []client.Entity) (string, error) {
	if len(rows) == 0 {
		return "[]\n", nil
	}
	var b strings.Builder
	for _, e := range rows {
		mark := "- "
		for _, name := range slices.Sorted(maps.Keys(e)) {
			value, err := json.Marshal(plain(e[name]))
			if err != nil {
				return "", err
			}
			fmt.Fprintf(&b, "%s%s: %s\n", mark, name, value)
			mark = "  "
		}
	}
	return b.String(), nil
}

// formats are the ways in which entities are written.
var formats = []string{"table", "wide", "json", "yaml", "csv", "name"}

// writeEntities is entities in one of the formats.
func writeEntities(format string, k *kind, rows []client.Entity, routers bool) (string, error) {
	switch format {
	case "json":
		return entityJSON(rows)
	case "yaml":
		return entityYAML(rows)
	case "csv":
		return entityCSV(rows)
	case "name":
		var b strings.Builder
		for _, e := range rows {
			b.WriteString(printable(called(e)) + "\n")
		}
		return b.String(), nil
	}
	return entityTable(k, rows, format == "wide", routers), nil
}

// called is by which name people find an entity again.
func called(e client.Entity) string {
	for _, name := range []string{"name", "id", "identity"} {
		if e.Has(name) {
			return e.Text(name)
		}
	}
	return ""
}
