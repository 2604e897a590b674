package main

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// printTable writes the figures for a terminal.
func printTable(w io.Writer, all []figure, predecessor string) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(t, "#\twhat\tmeasured\trelay\tratio\ttarget\taim\t")
	for i := range all {
		f := &all[i]
		if !f.known && f.reason == "" {
			continue
		}
		_, _ = fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", f.row.number, f.row.what, f.measuredText(), f.relayText(), f.ratioText(),
			f.row.limitText(f.row.target), f.row.limitText(f.row.aim), f.verdict())
	}
	if lines := shareLines(all); lines != nil {
		_, _ = fmt.Fprintln(t)
		for _, l := range append([][]string{shareHead(predecessor)}, lines...) {
			_, _ = fmt.Fprintln(t, strings.Join(l, "\t"))
		}
	}
	return t.Flush()
}

// shareLines are the figures of which the predecessor was measured in the same run, as cells.
func shareLines(all []figure) (lines [][]string) {
	for i := range all {
		f := &all[i]
		is, must, ok := f.share()
		if !ok {
			continue
		}
		verdict := "met"
		if r := f.row; !r.meets(is, must) {
			verdict = "missed by " + r.missedBy(is, must)
		}
		lines = append(lines, []string{f.row.number, f.row.what, f.measuredText(), withUnit(f.predecessor, f.row.unit), shareText(is), shareText(must), verdict})
	}
	return lines
}

// shareText writes a share with two digits that count.
func shareText(v float64) string {
	if v < 0.1 {
		return fmt.Sprintf("%.3f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

// shareHead is above shareLines.
func shareHead(predecessor string) []string {
	return []string{"#", "what", "Meshway", predecessor, "share", "must be", ""}
}

// What stands between the markers is written anew each time; what is around them
// is left alone.
const (
	pageBegin = "<!-- figures: begin; `make bench ARGS=\"-write docs/performance.md\"` writes what is between these marks -->"
	pageEnd   = "<!-- figures: end -->"
)

// writePage puts the figures into a page, between its marks.
func writePage(path string, all []figure, manner, predecessor string) error {
	old, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	page, err := replaceFigures(string(old), figuresText(all, manner, predecessor, time.Now()))
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return os.WriteFile(path, []byte(page), 0o644)
}

// checkPage says why figures could not be put into a page, if they could not.
func checkPage(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("-write: %w; name a copy of docs/performance.md", err)
	}
	defer func() { _ = f.Close() }()
	page, err := io.ReadAll(f)
	if err == nil {
		_, err = replaceFigures(string(page), "")
	}
	if err != nil {
		return fmt.Errorf("-write: %s: %w", path, err)
	}
	return nil
}

// replaceFigures puts text between the marks of a page.
func replaceFigures(page, text string) (string, error) {
	before, rest, ok := strings.Cut(page, pageBegin)
	_, after, ok2 := strings.Cut(rest, pageEnd)
	if !ok || !ok2 {
		return "", fmt.Errorf("the marks %q and %q are not in it", pageBegin, pageEnd)
	}
	return before + pageBegin + "\n" + text + pageEnd + after, nil
}

// figuresText is the generated part of the page.
func figuresText(all []figure, manner, predecessor string, when time.Time) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Measured on %s: %s; %s.\n\n", when.Format(time.DateOnly), machine(), manner)
	b.WriteString("| # | what | measured | byte relay | ratio | must reach | aims at | |\n|---|---|---|---|---|---|---|---|\n")
	for i := range all {
		f := &all[i]
		fmt.Fprintf(&b, "| %s | %s | **%s** | %s | %s | %s | %s | %s |\n", f.row.number, f.row.what, f.measuredText(), f.relayText(), f.ratioText(),
			f.row.limitText(f.row.target), f.row.limitText(f.row.aim), f.verdict())
	}
	if lines := shareLines(all); lines != nil {
		fmt.Fprintf(&b, "\nBeside %s in the same run. Targets were set on another machine, beside its figures there: \"must be\" is the target as a share of these.\n\n", predecessor)
		for _, l := range slices.Concat([][]string{shareHead(predecessor), slices.Repeat([]string{"---"}, 7)}, lines) {
			fmt.Fprintf(&b, "| %s |\n", strings.Join(l, " | "))
		}
	}
	b.WriteString("\nBeside others:\n\n| # | what | Meshway | qdrouterd 1.20 | skupper-router 2026-05 | data path alone |\n|---|---|---|---|---|---|\n")
	for i := range all {
		f := &all[i]
		fmt.Fprintf(&b, "| %s | %s | **%s** | %s | %s | %s |\n", f.row.number, f.row.what, f.measuredText(),
			otherText(f.row.dispatch, f.row), otherText(f.row.skupper, f.row), otherText(f.row.experiment, f.row))
	}
	b.WriteString("\n\"Data path alone\" is a throwaway router of 400 lines with nothing but the data path.\n")
	return b.String()
}

// otherText is a figure of another router, with the row's unit where it is a
// number.
func otherText(v string, r *row) string {
	switch {
	case v == "":
		return "-"
	case r.unit == unitCount || v[0] < '0' || v[0] > '9':
		return v
	}
	return v + " " + r.unit
}

// machine describes where the figures were taken, and nothing by which one could
// find it.
func machine() string {
	return fmt.Sprintf("%d cores, %s/%s, %s%s", runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version(), kernel())
}

// kernel is the kernel's version without what a distributor adds to it.
func kernel() string {
	text, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return ""
	}
	version, _, _ := strings.Cut(strings.TrimSpace(string(text)), "-")
	return ", Linux " + version
}
