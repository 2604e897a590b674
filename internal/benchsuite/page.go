package main

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"text/tabwriter"
	"time"
)

// printTable writes the figures for a terminal.
func printTable(w io.Writer, all []figure) error {
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
	return t.Flush()
}

// What stands between the markers is written anew each time; what is around them
// is left alone.
const (
	pageBegin = "<!-- figures: begin; `make bench ARGS=\"-write docs/performance.md\"` writes what is between these marks -->"
	pageEnd   = "<!-- figures: end -->"
)

// pageFirst is the page when there is none yet.
const pageFirst = `# Performance

` + pageBegin + "\n" + pageEnd + `

## How it is measured

Router, load generator and byte relay are processes of their own on one machine and talk over loopback. "CPU" is user and
system time of the router's process, as the operating system counts it, divided by the messages that arrived meanwhile: it
does not depend on how fast the generator is. Each case has a fresh router, and a second of warm-up that does not count.
Each figure is the median of the repeats, of lost and disordered messages the most; in brackets are the lowest and the highest.

The byte relay is nginx's ` + "`stream`" + ` module, which reads and writes the same bytes and understands nothing. The senders'
and the receivers' connections go through it, so that it passes each message twice; its CPU is halved. It is measured
right after the router each time. The ratio is what survives a change of machine.

A mesh (P6, P7, P11, P12, P15, P20) is routers in processes of their own, connected over loopback. The load begins once each
of them says that its adjacencies are up and that it can reach all others. CPU is that of all its routers, and the relay's that of as
many passes. In P11 and P12 the router on the cheapest path is killed (SIGKILL) or stopped (SIGSTOP) four seconds after the load
began; what counts is the longest silence at the receiver that began before that or within a second of it. Every message is accounted
for: the sender must have been told of each that was not delivered, and none may come twice. The same mesh with nobody killed
shows what the machine adds. In P20 the latency beside the streams is divided by that before they began, in the same mesh.

The figures of qdrouterd and skupper-router were taken earlier on a machine of the same kind, with other load generators.

## How to reproduce it

` + "```" + `
make bench                                          # all, three times each: about half an hour
make bench ARGS="-quick"                            # once each, and shorter
make bench ARGS="-run P4 -profile /tmp/profiles"    # one case, with CPU profiles of the router (needs perf)
make bench ARGS="-write docs/performance.md"        # and put the table into this page
` + "```" + `

Nothing else should run on the machine. The relay needs nginx with its stream module. A single load by hand:

` + "```" + `
meshway run &
meshway bench --size 100 --pid $!
` + "```" + `
`

// writePage puts the figures into a page, which is made if there is none.
func writePage(path string, all []figure, repeats int, others float64) error {
	old, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		old, err = []byte(pageFirst), nil
	}
	if err != nil {
		return err
	}
	page, err := replaceFigures(string(old), figuresText(all, repeats, others, time.Now()))
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return os.WriteFile(path, []byte(page), 0o644)
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
func figuresText(all []figure, repeats int, others float64, when time.Time) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Measured on %s: %s. Median of %d; other processes took at most %.0f %% of the machine.\n\n",
		when.Format(time.DateOnly), machine(), repeats, 100*others)
	b.WriteString("| # | what | measured | byte relay | ratio | must reach | aims at | |\n|---|---|---|---|---|---|---|---|\n")
	for i := range all {
		f := &all[i]
		fmt.Fprintf(&b, "| %s | %s | **%s** | %s | %s | %s | %s | %s |\n", f.row.number, f.row.what, f.measuredText(), f.relayText(), f.ratioText(),
			f.row.limitText(f.row.target), f.row.limitText(f.row.aim), f.verdict())
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
