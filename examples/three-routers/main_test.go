package main

import (
	"testing"

	"github.com/meshway/meshway/examples/internal/stagetest"
)

func TestTheExampleDoesWhatItSays(t *testing.T) {
	stagetest.Play(t, files, run, []string{"55681", "55682", a, b, c},
		`"order 1" came by A -> B -> C`, `"order 2" came by A -> C`, `"order 3" came by A -> B -> C`,
		`the subscriber at A got "it rains"`, `the subscriber at B got "it rains"`, `the subscriber at C got "it rains"`,
	)
}
