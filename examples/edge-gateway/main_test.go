package main

import (
	"testing"

	"github.com/meshway/meshway/examples/internal/stagetest"
	"github.com/meshway/meshway/internal/brokertest"
)

func TestTheExampleDoesWhatItSays(t *testing.T) {
	brokertest.NeedRabbit(t)
	stagetest.Play(t, files, run, []string{"55692", gateway, hub},
		"200 devices sent 2000 readings, all accepted by the broker",
		"RabbitMQ has 1 client",
		"sent another 2000 readings, all accepted, without connecting again",
		"it got all 4000 readings",
	)
}
