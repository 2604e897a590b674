package main

import (
	"testing"

	"github.com/meshway/meshway/examples/internal/stagetest"
	"github.com/meshway/meshway/internal/brokertest"
)

func TestTheExampleDoesWhatItSays(t *testing.T) {
	brokertest.NeedRabbit(t)
	stagetest.Play(t, files, run, []string{port},
		"readings straight from the sensor: 1000; alarms through RabbitMQ: 1",
		"readings straight from the sensor: 1000; alarms through RabbitMQ: 0",
		"readings straight from the sensor: 0; alarms through RabbitMQ: 1",
	)
}
