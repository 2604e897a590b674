package config

import (
	"errors"
	"os"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

var routerEntity = Entity{
	Name:    "router",
	Section: "router",
	Help:    "the router itself",
	Attributes: []Attribute{
		{Name: "id", Fixed: true, Type: TypeString, Computed: "the host's name", Help: "name of this router: no blanks, no control characters, no slash, at most 127 bytes",
			field: at(func(r *Router) *string { return &r.ID }), check: checkID},
		{Name: "mode", Fixed: true, Type: TypeEnum, Values: words(Standalone, Interior), Default: string(Standalone), Help: "how it takes part in a mesh: standalone is by itself; interior connects to other routers and carries what goes between them",
			RefusedValues: map[string]string{
				"edge": "edge routers are not built yet; use interior",
			},
			field: at(func(r *Router) *Mode { return &r.Mode })},
		{Name: "heartbeatMilliseconds", Fixed: true, Type: TypeInteger, Default: 100, Min: 10, Max: 10_000, Unit: "milliseconds", Help: "time between heartbeats to a neighbour; one that is silent for 3 of them, and some more for slow lines, is avoided; mode interior only",
			field: at(func(r *Router) *time.Duration { return &r.Heartbeat })},
		{Name: "defaultDistribution", Type: TypeEnum, Values: distributions, Default: string(Balanced), Help: "distribution of the addresses that no entry of addresses matches",
			field: at(func(r *Router) *Distribution { return &r.DefaultDistribution })},
		{Name: "metricsAddresses", Fixed: true, Type: TypeInteger, Default: 100, Max: 10_000, Unit: "addresses", Help: "most addresses that have metrics of their own, first come first served; what the others carry is summed",
			field: at(func(r *Router) *int { return &r.MetricsAddresses })},

		{Name: "workerThreads", Fixed: true, Type: TypeInteger, Computed: "as many as there are, or GOMAXPROCS of the environment", Min: 1, Max: 1024, Unit: "processors", Help: "most processors that the router uses at a time; it never uses more than without this",
			field: at(func(r *Router) *int { return &r.WorkerThreads })},
		{Name: "metadata", Type: TypeString, Help: "a text of your own, shown to whoever looks at the router",
			field: at(func(r *Router) *string { return &r.Metadata })},
		{Name: "helloIntervalSeconds", Old: "helloInterval", Refused: noHello, Harmless: true},
		{Name: "helloMaxAgeSeconds", Old: "helloMaxAge", Refused: noHello, Harmless: true},
		{Name: "raIntervalSeconds", Old: "raInterval", Refused: noHello, Harmless: true},
		{Name: "raIntervalFluxSeconds", Old: "raIntervalFlux", Refused: noHello, Harmless: true},
		{Name: "remoteLsMaxAgeSeconds", Old: "remoteLsMaxAge", Refused: noHello, Harmless: true},
		{Name: "debugDumpFile", Old: "debugDump", Refused: "there is no such dump; remove it", Harmless: true},
		{Name: "saslConfigDir", Old: "saslConfigPath", Refused: ownSASL, Harmless: true},
		{Name: "saslConfigName", Refused: ownSASL, Harmless: true},
		{Name: "allowResumableLinkRoute", Refused: "what a broker keeps of a link is its own matter; remove it", Harmless: true},
		{Name: "timestampsInUTC", Refused: ownLogLines, Harmless: true},
		{Name: "timestampFormat", Refused: ownLogLines, Harmless: true},
		{Name: "allowUnsettledMulticast", Refused: "unsettled multicast is always allowed; remove it", Harmless: true},
	},
}

// maxID is the most bytes of a router's id, the predecessors' bound.
const maxID = 127

func checkID(v any) error {
	id := v.(string)
	switch {
	case id == "":
		return errors.New("is empty; give a name, or remove the line to use the host's")
	case len(id) > maxID:
		return errors.New("is longer than 127 bytes")
	case strings.Contains(id, "/"):
		return errors.New("contains a slash, which separates parts of addresses; use another character")
	case strings.ContainsFunc(id, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }):
		return errors.New("contains a blank or a control character; use others")
	}
	return nil
}

// hostID is the default id: the host's name, with what an id must not contain
// replaced.
func hostID() string {
	name, err := os.Hostname()
	if err != nil || name == "" {
		return "router"
	}
	return cleanID(name)
}

func cleanID(name string) string {
	id := strings.Map(func(r rune) rune {
		if r == '/' || r == utf8.RuneError || unicode.IsSpace(r) || unicode.IsControl(r) {
			return '-'
		}
		return r
	}, name)
	for len(id) > maxID {
		_, last := utf8.DecodeLastRuneInString(id)
		id = id[:len(id)-last]
	}
	return id
}
