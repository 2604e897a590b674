// Package stagetest runs examples as tests.
//
// Consumes: an example as package stage runs it. Produces: a failed test if it does not say what
// it should. Owns: nothing.
package stagetest

import (
	"bytes"
	"context"
	"io/fs"
	"strings"
	"testing"

	"github.com/meshway/meshway/examples/internal/stage"
)

// Play runs an example with other ports in the place of those of its files, and wants it to say
// some things.
func Play(t *testing.T, files fs.FS, example func(context.Context, *stage.Stage) error, ports []string, wants ...string) {
	t.Helper()
	var out bytes.Buffer
	s := stage.New(&out, files)
	if err := s.Elsewhere(ports...); err != nil {
		t.Fatal(err)
	}
	if err := s.Run(t.Context(), example); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	for _, want := range wants {
		if !strings.Contains(out.String(), want) {
			t.Errorf("not said: %s\n%s", want, out.String())
		}
	}
}
