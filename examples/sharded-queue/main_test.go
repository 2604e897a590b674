package main

import (
	"testing"

	"github.com/meshway/meshway/examples/internal/stagetest"
	"github.com/meshway/meshway/internal/brokertest"
)

func TestTheExampleDoesWhatItSays(t *testing.T) {
	brokertest.NeedRabbit(t)
	stagetest.Play(t, files, run, []string{port},
		"600 orders of 30 customers sent, all accepted",
		"one receiver got all of them, those of each customer in their order",
		"30 of 30 orders are accepted",
	)
}
