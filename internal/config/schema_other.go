package config

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/meshway/meshway/internal/logging"
)

var usersEntity = Entity{
	Name:    "users",
	Section: "users",
	Help:    "who can log in with SASL PLAIN",
	Attributes: []Attribute{
		{Name: "file", Type: TypeString, Help: "users file, made with `meshway user add`; relative to the folder of the configuration file",
			field: at(func(u *Users) *string { return &u.File }), check: func(v any) error {
				if v.(string) == "" {
					return errors.New("is empty; name a file made with `meshway user add`")
				}
				return checkText(v.(string))
			}},
	},
}

var logEntity = Entity{
	Name:    "log",
	Section: "log",
	Help:    "what is logged, how, and where to",
	Attributes: []Attribute{
		{Name: "level", Type: TypeEnum, Values: levels, Default: string(LevelInfo), Help: "least severity that is logged",
			field: at(func(l *Log) *Level { return &l.Level })},
		{Name: "format", Fixed: true, Type: TypeEnum, Values: words(FormatConsole, FormatJSON, FormatAuto), Default: string(FormatAuto), Help: "auto is console on a terminal and JSON otherwise",
			field: at(func(l *Log) *Format { return &l.Format })},

		{Name: "modules", Type: TypeMap, Help: "levels of modules that differ from the level: a mapping of " + strings.Join(logging.Modules(), ", ") + " to levels",
			field: at(func(l *Log) *map[string]Level { return &l.Modules }), check: checkModules},

		{Name: "outputFile", Old: "output", Fixed: true, Type: TypeString, Default: outputStderr, Help: "where log lines go: stderr, stdout, or a file, which is appended to; relative to the folder of the configuration file",
			field: at(func(l *Log) *string { return &l.OutputFile }), check: checkOutput},
		{Name: "outputFileMegabytes", Fixed: true, Type: TypeInteger, Default: 100, Min: 1, Max: 100_000, Unit: "megabytes", Help: "size at which the log file gets the time into its name, and a new one is begun",
			field: at(func(l *Log) *int { return &l.OutputFileMegabytes })},
		{Name: "outputFileBackups", Fixed: true, Type: TypeInteger, Default: 5, Min: 1, Max: 10_000, Unit: "files", Help: "full log files that are kept, the newest",
			field: at(func(l *Log) *int { return &l.OutputFileBackups })},

		{Name: "module", Refused: "a mapping of modules to levels is log.modules"},
		{Name: "enable", Refused: "use log.level and log.modules"},
		{Name: "includeTimestamp", Old: "timestamp", Refused: ownLogLines, Harmless: true},
		{Name: "includeSource", Old: "source", Refused: ownLogLines, Harmless: true},
	},
}

// The outputs of log lines that are no files.
const (
	outputStderr = "stderr"
	outputStdout = "stdout"
	outputSyslog = "syslog"
)

// checkOutput refuses what would be taken for a file.
func checkOutput(v any) error {
	switch v.(string) {
	case "":
		return errors.New("is empty; give stderr, stdout or a file, or remove the line")
	case outputSyslog:
		return errors.New("is syslog, to which nothing is written; use stderr, which a service manager passes on")
	}
	return checkText(v.(string))
}

var levels = words(LevelDebug, LevelInfo, LevelWarn, LevelError)

func checkModules(v any) error {
	m := v.(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(m)) {
		module := Attribute{Values: logging.Modules()}
		if err := module.allowed(name); err != nil {
			return fmt.Errorf("has a module that %w", err)
		}
		level := Attribute{Values: levels}
		if err := level.allowed(fmt.Sprint(m[name])); err != nil {
			return fmt.Errorf("has a level of %s that %w", name, err)
		}
	}
	return nil
}

// refusedSections are the entities of the full model that this version does
// not have.
var refusedSections = []Entity{
	{Name: "sslProfile", Section: "sslProfiles", List: true, Refused: noTLS},
	{Name: "policy", Section: "policy", Refused: noPolicy},
	{Name: "vhost", Section: "vhosts", List: true, Refused: noPolicy},
	{Name: "authServicePlugin", Section: "authServicePlugins", List: true, Refused: noPlugin},
	{Name: "exchange", Section: "exchanges", List: true, Refused: "exchanges are not built; remove it"},
	{Name: "binding", Section: "bindings", List: true, Refused: "exchanges are not built; remove it"},
	{Name: "console", Section: "console", Refused: noConsole, Harmless: true},
}
