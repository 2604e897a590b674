package main

import (
	"maps"
	"testing"
)

func TestFiguresOfSimulatedMeshes(t *testing.T) {
	got, err := convergenceFigures(`=== RUN   TestFigures
{"kind":"random","routers":200,"lost":8,"added":40,"compute":0.25}
{"kind":"ring","routers":200,"lost":120,"added":100,"compute":0.5}
{"kind":"line","routers":200,"lost":200,"added":210,"compute":0.1}
--- PASS: TestFigures (0.01s)
`)
	want := map[string]float64{"p13": 40, "p13ring": 120, "p13line": 210, "p13cpu": 500}
	if err != nil || !maps.Equal(got, want) {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
	if _, err := convergenceFigures("PASS\n"); err == nil {
		t.Error("figures were found where none were printed")
	}
}
