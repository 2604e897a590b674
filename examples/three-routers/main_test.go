package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/meshway/meshway/examples/internal/stage"
)

func TestTheExampleDoesWhatItSays(t *testing.T) {
	var out bytes.Buffer
	s := stage.New(&out, files)
	if err := s.Elsewhere("55681", "55682", a, b, c); err != nil {
		t.Fatal(err)
	}
	if err := s.Run(t.Context(), run); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	for _, want := range []string{
		`"order 1" came by A -> B -> C`, `"order 2" came by A -> C`, `"order 3" came by A -> B -> C`,
		`the subscriber at A got "it rains"`, `the subscriber at B got "it rains"`, `the subscriber at C got "it rains"`,
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("not said: %s\n%s", want, out.String())
		}
	}
}
