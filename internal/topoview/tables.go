package topoview

import (
	"fmt"
	"slices"
	"strings"
)

// tables is what a drawing cannot say: where the brokers are, and how much goes where.
func (p *report) tables() []string {
	var lines []string
	add := func(more []string) {
		if len(more) > 0 && len(lines) > 0 {
			lines = append(lines, "")
		}
		lines = append(lines, more...)
	}
	add(p.brokerTable())
	add(p.rateTable())
	return lines
}

// brokerTable lists brokers and the routers that have them.
func (p *report) brokerTable() []string {
	const most = 12
	rows := [][]string{{"BROKER", "HOST", "UP AT", "DOWN AT"}}
	at := map[string]int{}
	for _, r := range p.mesh.Routers {
		for _, b := range r.Brokers {
			i, ok := at[b.Name+"\x00"+b.Host]
			if !ok {
				i = len(rows)
				at[b.Name+"\x00"+b.Host] = i
				rows = append(rows, []string{b.Name, b.Host, "", ""})
			}
			column := 3
			if b.Up {
				column = 2
			}
			rows[i][column] = strings.TrimPrefix(rows[i][column]+","+r.ID, ",")
		}
	}
	if len(rows) == 1 || len(rows) > most {
		return nil
	}
	return p.align(rows)
}

// rateTable lists the adjacencies by which the most goes.
func (p *report) rateTable() []string {
	const most = 8
	var list []Adjacency
	for _, a := range p.mesh.Adjacencies {
		if a.rate() > 0 {
			list = append(list, a)
		}
	}
	slices.SortStableFunc(list, func(a, b Adjacency) int {
		switch {
		case a.rate() > b.rate():
			return -1
		case a.rate() < b.rate():
			return 1
		}
		return 0
	})
	if len(list) == 0 {
		return nil
	}
	rows := [][]string{{"BUSIEST", "COST", "MESSAGES/S", ""}}
	for _, a := range list[:min(len(list), most)] {
		rows = append(rows, []string{a.A + "–" + a.B, fmt.Sprint(a.Cost()), "→ " + RateText(a.RateAB), "← " + RateText(a.RateBA)})
	}
	return p.align(rows)
}

// align makes columns; the first row is a head.
func (p *report) align(rows [][]string) []string {
	wide := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, text := range row {
			wide[i] = max(wide[i], columns(text))
		}
	}
	var lines []string
	for n, row := range rows {
		line := ""
		for i, text := range row {
			line += padRight(text, wide[i]) + "  "
		}
		line = shorten(margin+strings.TrimRight(line, " "), p.Width)
		if n == 0 {
			line = p.paint(line, faint)
		}
		lines = append(lines, line)
	}
	return lines
}
