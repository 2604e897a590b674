package main

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// figure is a row with what was measured of it.
type figure struct {
	row         *row
	value       float64 // median; of counts the highest
	low         float64 // of all repeats
	high        float64
	known       bool
	relay       float64 // median; 0 is none
	predecessor float64 // the same
	reason      string  // why it is not known
}

// figures puts the rows together with what was measured.
func (m *measured) figures() []figure {
	var all []figure
	for i := range rows {
		r := &rows[i]
		f := figure{row: r, relay: median(m.Relay[r.key]), predecessor: median(m.Predecessor[r.key]), reason: m.Failed[r.caseName()]}
		if v := m.Router[r.key]; len(v) > 0 {
			f.value, f.low, f.high, f.known = median(v), slices.Min(v), slices.Max(v), true
			if r.unit == unitCount {
				// A count of what must not happen: once is once too often.
				f.value = f.high
			}
		}
		all = append(all, f)
	}
	return all
}

// median returns the middle value, of an even number the mean of the two; 0 of
// none.
func median(v []float64) float64 {
	if len(v) == 0 {
		return 0
	}
	v = slices.Sorted(slices.Values(v))
	half := len(v) / 2
	if len(v)%2 == 1 {
		return v[half]
	}
	return (v[half-1] + v[half]) / 2
}

// meets says whether a value is at least as good as a limit.
func (r *row) meets(value, limit float64) bool {
	if r.more {
		return value >= limit
	}
	return value <= limit
}

// measuredText is the median with its unit, and between which values it lies.
func (f *figure) measuredText() string {
	if !f.known {
		return "-"
	}
	text := withUnit(f.value, f.row.unit)
	if low, high := number(f.low, f.row.unit), number(f.high, f.row.unit); low != high {
		text += fmt.Sprintf(" (%s-%s)", low, high)
	}
	return text
}

// limitText is a target or an aim with its unit.
func (r *row) limitText(limit float64) string {
	if r.noted {
		return "-"
	}
	return withUnit(limit, r.unit)
}

func (f *figure) relayText() string {
	if f.relay == 0 {
		return "-"
	}
	return withUnit(f.relay, f.row.unit)
}

func (f *figure) ratioText() string {
	if f.relay == 0 || !f.known {
		return "-"
	}
	return fmt.Sprintf("%.2f", f.value/f.relay)
}

// share is what we are of the predecessor in this run, and what we must be: the target as a share of
// what the predecessor was measured at when the target was set. Not ok is that there is no such share.
func (f *figure) share() (is, must float64, ok bool) {
	then := f.row.dispatchMiddle()
	if f.predecessor == 0 || then == 0 || !f.known || f.row.unit == unitCount {
		return 0, 0, false
	}
	return f.value / f.predecessor, f.row.target / then, true
}

// dispatchMiddle is the middle of what qdrouterd was measured at on another machine; 0 is not at all.
func (r *row) dispatchMiddle() float64 {
	low, high, ok := strings.Cut(strings.ReplaceAll(r.dispatch, ",", ""), "-")
	if !ok {
		high = low
	}
	a, err1 := strconv.ParseFloat(low, 64)
	b, err2 := strconv.ParseFloat(high, 64)
	if err1 != nil || err2 != nil {
		return 0
	}
	return (a + b) / 2
}

// verdict says whether the target and the aim are met, and if not by how much.
func (f *figure) verdict() string {
	r := f.row
	switch {
	case !f.known && f.reason != "":
		first, _, _ := strings.Cut(f.reason, "\n")
		return "failed: " + first
	case !f.known:
		return "not measured"
	case r.noted:
		return ""
	case r.meets(f.value, r.aim):
		return "aim met"
	case r.meets(f.value, r.target):
		return "met, " + r.missedBy(f.value, r.aim) + " from the aim"
	}
	return "missed by " + r.missedBy(f.value, r.target)
}

// missedBy is how far a value is from a limit.
func (r *row) missedBy(value, limit float64) string {
	if limit == 0 {
		return number(value, r.unit)
	}
	return fmt.Sprintf("%.0f %%", math.Ceil(100*math.Abs(value-limit)/limit))
}

// caseName is the case that fills the row.
func (r *row) caseName() string {
	for i := range cases {
		if slices.Contains(cases[i].rows, r.key) {
			return cases[i].name
		}
	}
	return ""
}

// costRow is the row of the case that the byte relay has as well; "" when none is.
func (c *testCase) costRow() string {
	for i := range rows {
		if rows[i].cost && slices.Contains(c.rows, rows[i].key) {
			return rows[i].key
		}
	}
	return ""
}

// number writes a value as precisely as its unit deserves.
func number(v float64, unit string) string {
	switch {
	case unit == unitCount || unit == unitRate || unit == unitPercent:
		return grouped(fmt.Sprintf("%.0f", v))
	case v < 10:
		return fmt.Sprintf("%.2f", v)
	case v < 100:
		return fmt.Sprintf("%.1f", v)
	}
	return grouped(fmt.Sprintf("%.0f", v))
}

func withUnit(v float64, unit string) string {
	if unit == unitCount {
		return number(v, unit)
	}
	return number(v, unit) + " " + unit
}

// grouped puts a comma between the thousands of a whole number.
func grouped(digits string) string {
	for i := len(digits) - 3; i > 0 && digits[i-1] != '-'; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
