package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/meshway/meshway/internal/loadgen"
)

// benchShow prints a run for people.
type benchShow struct {
	*app
	o     *loadgen.Options
	lines bool // a line of progress stands on the terminal
}

// progress replaces the line on the terminal.
func (s *benchShow) progress(p loadgen.Progress) {
	line := fmt.Sprintf("%4.0f s  %s", p.Elapsed.Seconds(), p.Phase)
	switch {
	case s.o.Idle > 0:
		line += fmt.Sprintf("  %d connections open", p.Open)
	case s.o.Stream > 0:
		line += fmt.Sprintf("  %s", bytesText(float64(p.Bytes)))
	default:
		line += fmt.Sprintf("  %s messages, %s/s", grouped(max(p.Received, 0)), grouped(uint64(p.Rate)))
	}
	_, _ = fmt.Fprintf(s.err, "\r\x1b[K%s", line)
	s.lines = true
}

// endProgress clears the line.
func (s *benchShow) endProgress() {
	if s.lines {
		_, _ = fmt.Fprint(s.err, "\r\x1b[K")
	}
}

// row is one line of the result.
func (s *benchShow) row(name, format string, args ...any) error {
	return s.print("%-11s %s", name, fmt.Sprintf(format, args...))
}

func (s *benchShow) result(r *loadgen.Result) error {
	if r.Idle != nil {
		return s.idle(r.Idle)
	}
	err := s.load(r)
	for _, p := range r.Processes {
		if p.Gone {
			err = errors.Join(err, s.row(fmt.Sprintf("process %d", p.PID), "is gone; memory %s before, %s at most", bytesText(float64(p.Before)), bytesText(float64(p.Peak))))
			continue
		}
		err = errors.Join(err, s.row(fmt.Sprintf("process %d", p.PID), "%.2f us of CPU a message, %.2f s in all, %.3g reads and %.3g writes a message; memory %s before, %s at most",
			p.CPUPerMessage, p.CPUSeconds, p.Reads, p.Writes, bytesText(float64(p.Before)), bytesText(float64(p.Peak))))
	}
	if r.Early || r.Broken != "" {
		err = errors.Join(err, s.row("stopped", "before its time"))
	}
	return err
}

func (s *benchShow) load(r *loadgen.Result) error {
	n, verb := r.Received, "received"
	if s.o.Receivers == 0 {
		n, verb = r.Sent, "sent"
	}
	err := s.row("messages", "%s %s in %.2f s: %s/s, %s/s", grouped(n), verb, r.Seconds, grouped(uint64(r.Rate)), bytesText(r.Throughput))
	if l := r.Latency; l != nil {
		err = errors.Join(err, s.row("latency", "median %.0f us, 90%% %.0f, 99%% %.0f, 99.9%% %.0f, longest %.0f (of %s timed)",
			l.P50, l.P90, l.P99, l.P999, l.Max, grouped(l.Samples)))
	}
	err = errors.Join(err, s.row("in all", "%s", totalText(r)))
	if o := r.Order; o != nil {
		err = errors.Join(err, s.row("order", "%d missing, %d out of order, %d twice, %d of others", o.Missing, o.Reordered, o.Duplicates, o.Unknown))
	}
	if l := r.Ledger; l != nil {
		if len(l.Silences) > 0 {
			longest := l.Silences[0]
			err = errors.Join(err, s.row("silence", "at most %.1f ms, from %s", longest.Milliseconds, longest.From.Format("15:04:05.000")))
		}
		err = errors.Join(err, s.row("ledger", "%s never received (%d returned, %d without an outcome, %d said to be accepted), %d received and returned, %d received twice",
			grouped(l.Undelivered), l.Returned, l.Untold, l.Pretended, l.Doubtful, l.Twice))
	}
	return err
}

func totalText(r *loadgen.Result) string {
	t := r.Total
	parts := []string{grouped(t.Sent) + " sent", grouped(t.Received) + " received"}
	for _, p := range []struct {
		n    uint64
		what string
	}{
		{t.Accepted, "accepted"}, {t.Rejected, "rejected"}, {t.Released, "released"}, {t.Modified, "modified"}, {t.Other, "ended otherwise"},
		{r.Unsettled, "never settled"}, {t.Lost, "lost"}, {t.Corrupt, "corrupt"}, {t.Aborted, "aborted"},
	} {
		if p.n > 0 {
			parts = append(parts, grouped(p.n)+" "+p.what)
		}
	}
	return strings.Join(parts, ", ")
}

func (s *benchShow) idle(i *loadgen.Idle) error {
	err := s.row("idle", "%s connections opened in %.2f s (%.0f/s), held for %.1f s, closed",
		grouped(uint64(i.Connections)), i.OpenSeconds, float64(i.Connections)/i.OpenSeconds, i.HeldSeconds)
	for _, c := range i.Costs {
		err = errors.Join(err, s.row(fmt.Sprintf("process %d", c.PID),
			"%.1f us of CPU to set one up; memory %s before, %s held (%.1f KiB each), %s %.1f s after the close (%.0f %% of before)",
			c.CPUPerOpen, bytesText(float64(c.Before)), bytesText(float64(c.Held)), c.PerConnection/1024,
			bytesText(float64(c.After)), c.AfterSeconds, 100*c.AfterShare))
	}
	return err
}

// grouped writes a number with a comma between thousands.
func grouped(n uint64) string {
	text := fmt.Sprint(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// bytesText writes a number of bytes with a unit that fits.
func bytesText(n float64) string {
	switch {
	case n >= 1e9:
		return fmt.Sprintf("%.2f GB", n/1e9)
	case n >= 1e6:
		return fmt.Sprintf("%.1f MB", n/1e6)
	case n >= 1e3:
		return fmt.Sprintf("%.1f kB", n/1e3)
	}
	return fmt.Sprintf("%.0f B", n)
}
