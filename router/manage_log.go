package router

import (
	"strings"

	"github.com/meshway/meshway/internal/logging"
	"github.com/meshway/meshway/internal/management"
	"github.com/meshway/meshway/internal/wire"
)

// logModule is a module of the log, by the name that the field's tools know: in capitals;
// DEFAULT is all that have no level of their own.
type logModule struct {
	log    *logging.Log
	module string // "" is all
}

func (m logModule) name() string {
	if m.module == "" {
		return "DEFAULT"
	}
	return strings.ToUpper(m.module)
}

// level is what the module logs from; empty if it has no level of its own.
func (m logModule) level() string {
	general, own := m.log.Levels()
	if m.module == "" {
		return general
	}
	return own[m.module]
}

func (r *Router) logModules() (list []logModule) {
	log := logging.Of(r.log)
	if log == nil {
		return nil
	}
	list = append(list, logModule{log, ""})
	for _, m := range logging.Modules() {
		list = append(list, logModule{log, m})
	}
	return list
}

func (r *Router) logTable() management.Entities {
	name := func(m logModule) string { return "log/" + m.name() }
	enable := text("enable", "the least level that is logged, with + behind it; default is that of DEFAULT", func(m logModule) string {
		if l := m.level(); l != "" {
			return l + "+"
		}
		return "default"
	})
	enable.Update = true
	columns := append(identified(name, name), text("module", "in capitals", logModule.name), enable,
		always[logModule](typeTruth, "includeTimestamp", "lines begin with the time", true),
		always[logModule](typeTruth, "includeSource", "lines say where in the program they come from", false),
		always[logModule](typeText, "outputFile", "where lines go", nil))
	t := management.NewTable(management.Type{
		Name: "log", Base: management.BaseConfiguration, Help: "what a module logs", Operations: []string{"READ", "UPDATE"},
	}, columns, func(management.Client) []logModule { return r.logModules() })
	return &logEntities{t}
}

// logEntities are modules whose levels can be changed.
type logEntities struct{ *management.Table[logModule] }

// Update changes the level.
func (*logEntities) Update(_ management.Client, entity any, values wire.Map) (any, error) {
	m := entity.(logModule)
	v, there := values.Get("enable")
	if !there {
		return m, nil
	}
	enable, _ := v.(string)
	level, err := logging.LevelOf(enable)
	if err == nil {
		err = m.log.SetLevel(m.module, level)
	}
	if err != nil {
		return nil, management.BadRequest("enable: %v", err)
	}
	return m, nil
}

func (r *Router) logStatsTable() management.Entities {
	identity := func(m logModule) string { return "logStats/" + m.name() }
	columns := identified(logModule.name, identity)
	for _, c := range [...][2]string{{"trace", ""}, {"debug", "debug"}, {"info", "info"}, {"notice", ""}, {"warning", "warn"}, {"error", "error"}, {"critical", ""}} {
		level := c[1]
		columns = append(columns, counter(c[0]+"Count", "lines of that level", func(m logModule) uint64 { return m.count(level) }))
	}
	return management.NewTable(management.Type{
		Name: "logStats", Base: management.BaseOperational, Help: "how much a module has logged", Operations: []string{"READ"},
	}, columns, func(management.Client) []logModule { return r.logModules() })
}

// count is how many lines of a level the module has logged; of DEFAULT all modules have.
func (m logModule) count(level string) (n uint64) {
	if m.module != "" {
		return m.log.Counts(m.module)[level]
	}
	for _, module := range logging.Modules() {
		n += m.log.Counts(module)[level]
	}
	return n
}

// recentLog is the newest lines of the log.
func (r *Router) recentLog(limit int) (list []management.LogEntry) {
	log := logging.Of(r.log)
	if log == nil {
		return nil
	}
	for _, e := range log.Recent(limit, 0) {
		list = append(list, management.LogEntry{Module: strings.ToUpper(e.Module), Level: e.Level, Text: e.Text, File: e.File, Line: e.Line, Time: e.Time})
	}
	return list
}
