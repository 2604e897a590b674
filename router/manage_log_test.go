package router

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"go.uber.org/zap"

	"github.com/meshway/meshway/internal/config"
	"github.com/meshway/meshway/internal/logging"
	"github.com/meshway/meshway/internal/management"
	"github.com/meshway/meshway/internal/wire"
)

// withLog is a router whose log is kept.
func withLog(t *testing.T) (*Router, *zap.Logger) {
	t.Helper()
	log, err := logging.New(io.Discard, logging.Options{Level: "info", Format: "json"})
	if err != nil {
		t.Fatal(err)
	}
	r, err := New(config.Default(), log)
	if err != nil {
		t.Fatal(err)
	}
	return r, log
}

// Levels that management sets hold for the module that is named, from then on; a wrong one
// changes nothing; "default" takes a module's own away.
func TestManagementSetsTheLevelsOfTheLog(t *testing.T) {
	r, log := withLog(t)
	a := management.NewAgent(r.managed(), r.entities()...)
	log.Named("mesh").Warn("one")
	log.Named("mesh").Warn("two")
	for _, step := range []struct {
		module, enable string
		code           int
		levels         string
	}{
		{"MESH", "debug+", 200, "info map[mesh:debug]"},
		{"MESH", "loud+", 400, "info map[mesh:debug]"},
		{"HTTP", "error,warning", 200, "info map[http:warn mesh:debug]"},
		{"DEFAULT", "warning+", 200, "warn map[http:warn mesh:debug]"},
		{"MESH", "default", 200, "warn map[http:warn]"},
		{"DEFAULT", "default", 400, "warn map[http:warn]"},
	} {
		name := wire.Pair{Key: "name", Value: "log/" + step.module}
		answer := a.Handle(&management.Request{Client: management.Client{Access: management.Full}, Operation: "UPDATE", ReplyTo: "me",
			Properties: wire.Map{{Key: "type", Value: "log"}, name}, Body: wire.Map{{Key: "enable", Value: step.enable}}})
		general, own := logging.Of(log).Levels()
		if got := fmt.Sprint(general, " ", own); answer.Code != step.code || got != step.levels {
			t.Errorf("%s %s: %d %s, the levels are %s; want %d, %s", step.module, step.enable, answer.Code, answer.Text, got, step.code, step.levels)
		}
		if shown, _ := answer.Body.(wire.Map).Get("enable"); step.module == "HTTP" && shown != "warn+" {
			t.Errorf("%s shows %v, want warn+", step.module, shown)
		}
	}
	answer := a.Handle(&management.Request{Operation: "READ", ReplyTo: "me", Properties: wire.Map{{Key: "type", Value: "logStats"}, {Key: "name", Value: "MESH"}}})
	if n, _ := answer.Body.(wire.Map).Get("warningCount"); n != uint64(2) {
		t.Errorf("the module has logged %v warnings, want 2", n)
	}
}

// GET-LOG tells the newest lines, the oldest of them first, each with its module as the field's
// tools write it.
func TestManagementTellsTheNewestLinesOfTheLog(t *testing.T) {
	r, log := withLog(t)
	for i, module := range []string{"mesh", "http", "mesh"} {
		log.Named(module).Warn(fmt.Sprint("line ", i))
	}
	for limit, want := range map[int32]string{
		0: "MESH line 0, HTTP line 1, MESH line 2",
		2: "HTTP line 1, MESH line 2",
		9: "MESH line 0, HTTP line 1, MESH line 2",
	} {
		answer := management.NewAgent(r.managed(), r.entities()...).Handle(&management.Request{
			Operation: "GET-LOG", ReplyTo: "me", Properties: wire.Map{{Key: "limit", Value: limit}},
		})
		var got []string
		for _, line := range answer.Body.([]any) {
			fields := line.([]any)
			got = append(got, fmt.Sprint(fields[0], " ", fields[2]))
		}
		if s := strings.Join(got, ", "); s != want {
			t.Errorf("with the limit %d: %s, want %s", limit, s, want)
		}
	}
}
