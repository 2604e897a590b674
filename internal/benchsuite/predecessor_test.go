package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestAPredecessorsMeshStandsWhenItKnowsAllOthers(t *testing.T) {
	const up, down = "ROUTER_LS (info) Computed next hops: {'C': 'B', 'B': 'B'}\n", "ROUTER_LS (info) Computed next hops: {'B': 'B'}\n"
	for log, want := range map[string]bool{
		"": false, "SERVER (notice) Operational\n": false, up: true, down + up: true, up + down: false,
		down: false, up[:len(up)-1]: false, // the rest of the line may follow
	} {
		if got := (&meshNode{id: 'A'}).knowsAll(chain)([]byte(log)); got != want {
			t.Errorf("%q: got %v", log, got)
		}
	}
}

func TestAPredecessorTellsItsVersion(t *testing.T) {
	program := func(does string) string {
		file := filepath.Join(t.TempDir(), "qdrouterd")
		if err := os.WriteFile(file, []byte("#!/bin/sh\n"+does+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
		return file
	}
	file := program(`[ "$1" = --version ] && echo 1.19.0`)
	if path, title, err := findPredecessor(t.Context(), file); path != file || title != "qdrouterd 1.19.0" || err != nil {
		t.Errorf("got %q, %q, %v", path, title, err)
	}
	for _, bad := range []string{program("exit 1"), program("echo hello"), "/no/such/file"} {
		if _, _, err := findPredecessor(t.Context(), bad); err == nil || !strings.Contains(err.Error(), bad) {
			t.Errorf("%s: got %v, want an error that names it", bad, err)
		}
	}
}

func TestATargetIsAShareOfThePredecessor(t *testing.T) {
	m := newMeasured()
	for key, v := range map[string][2]float64{"p4": {43, 235}, "p10": {170, 300}, "p2": {700, 120}, "p8lost": {0, 88_649}, "p6": {2, 0}} {
		m.Router[key] = []float64{v[0]}
		if v[1] > 0 {
			m.Predecessor[key] = []float64{v[1]}
		}
	}
	lines := shareLines(m.figures())
	for i := range lines {
		lines[i] = slices.Delete(lines[i], 1, 2) // what it is
	}
	want := [][]string{
		{"P2", "700 k/s", "120 k/s", "5.83", "5.17", "met"},
		{"P4", "43.0 us", "235 us", "0.18", "0.19", "met"},
		{"P10", "170 us", "300 us", "0.57", "0.42", "missed by 34 %"},
	}
	if !slices.EqualFunc(lines, want, slices.Equal) {
		t.Errorf("got %q, want %q", lines, want)
	}
	page := figuresText(m.figures(), "once", "qdrouterd 9", time.Now())
	for _, line := range []string{"| # | what | Meshway | qdrouterd 9 | share | must be |  |\n| --- |", "| 170 us | 300 us | 0.57 | 0.42 | missed by 34 % |\n"} {
		if strings.Contains(page, line) {
			continue
		}
		t.Errorf("want %q in\n%s", line, page)
	}
	m.Predecessor = nil
	if page := figuresText(m.figures(), "once", "", time.Now()); strings.Contains(page, "same run") {
		t.Errorf("nobody measured the predecessor:\n%s", page)
	}
}
