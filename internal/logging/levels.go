package logging

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"go.uber.org/zap/zapcore"
)

// modules are the parts of the router whose levels can differ, the first for what has no name.
var modules = []string{"router", "connection", "protocol", "mesh", "broker", "management", "users", "http", "config"}

// Modules are the parts of the router whose levels can differ.
func Modules() []string { return slices.Clone(modules) }

// legacyModules are the predecessor's modules, and which of ours writes what they wrote.
var legacyModules = map[string]string{
	"ROUTER": "router", "ROUTER_CORE": "router", "MESSAGE": "router", "ERROR": "router", "PYTHON": "router",
	"ROUTER_HELLO": "mesh", "ROUTER_LS": "mesh", "ROUTER_MA": "mesh",
	"SERVER": "connection", "CONN_MGR": "connection", "CONTAINER": "connection", "POLICY": "connection",
	"PROTOCOL": "protocol", "AGENT": "management", "AUTHSERVICE": "users", "HTTP": "http",
}

// ModuleOf is the module that writes what the predecessor's module of that name did; "" for
// DEFAULT, and false for what was no module.
func ModuleOf(legacy string) (module string, ok bool) {
	legacy = strings.ToUpper(legacy)
	if legacy == "DEFAULT" {
		return "", true
	}
	module, ok = legacyModules[legacy]
	return module, ok
}

// LevelOf is the level that does what the predecessor's "enable" says, as far as it can be
// said by one: a comma-separated list of severities, each alone or with "+" for those above
// too. The lowest of them counts. "none" is error, since errors are never hidden, and "default"
// is "".
func LevelOf(enable string) (level string, err error) {
	lowest := zapcore.ErrorLevel
	for _, word := range strings.Split(enable, ",") {
		word = strings.ToLower(strings.TrimSpace(word))
		l, ok := severities[strings.TrimSuffix(word, "+")]
		switch {
		case word == "default":
			return "", nil
		case word == "none":
		case !ok:
			return "", fmt.Errorf("%q is no level: there are trace, debug, info, notice, warning, error and critical, each also with a + for those above it", word)
		default:
			lowest = min(lowest, l)
		}
	}
	return lowest.String(), nil
}

// severities are the predecessor's, by the level nearest to each.
var severities = map[string]zapcore.Level{
	"trace": zapcore.DebugLevel, "debug": zapcore.DebugLevel,
	"info": zapcore.InfoLevel, "notice": zapcore.InfoLevel,
	"warning": zapcore.WarnLevel, "warn": zapcore.WarnLevel,
	"error": zapcore.ErrorLevel, "critical": zapcore.ErrorLevel,
}

// moduleOf is the module of a logger's name.
func moduleOf(logger string) string {
	name, _, _ := strings.Cut(logger, ".")
	if i := slices.Index(modules, name); i >= 0 {
		return modules[i]
	}
	return modules[0]
}

// levels are what modules log from. The set is replaced as a whole.
type levels struct {
	changing sync.Mutex
	now      atomic.Pointer[levelSet]
}

// levelSet is immutable.
type levelSet struct {
	general zapcore.Level
	own     map[string]zapcore.Level // of modules that have one
	lowest  zapcore.Level
}

func (s *levelSet) of(module string) zapcore.Level {
	if l, ok := s.own[module]; ok {
		return l
	}
	return s.general
}

func (l *levels) any(level zapcore.Level) bool { return level >= l.now.Load().lowest }

func (l *levels) enabled(module string, level zapcore.Level) bool {
	return level >= l.now.Load().of(module)
}

// set replaces all levels; on an error nothing changes.
func (l *levels) set(general string, own map[string]string) error {
	level, err := parseLevel(general)
	if err != nil {
		return err
	}
	s := &levelSet{general: level, own: make(map[string]zapcore.Level)}
	for _, module := range slices.Sorted(maps.Keys(own)) {
		if err := s.put(module, own[module]); err != nil {
			return err
		}
	}
	l.publish(s)
	return nil
}

func (l *levels) publish(s *levelSet) {
	s.lowest = s.general
	for _, level := range s.own {
		s.lowest = min(s.lowest, level)
	}
	l.now.Store(s)
}

func (s *levelSet) put(module, level string) error {
	if !slices.Contains(modules, module) {
		return fmt.Errorf("log module %q is not known; there are %s", module, strings.Join(modules, ", "))
	}
	n, err := parseLevel(level)
	if err != nil {
		return fmt.Errorf("log module %s: %w", module, err)
	}
	s.own[module] = n
	return nil
}

func parseLevel(level string) (zapcore.Level, error) {
	n, err := zapcore.ParseLevel(level)
	if err != nil || level == "" || n < zapcore.DebugLevel || n > zapcore.ErrorLevel {
		return 0, fmt.Errorf("log level %q: it must be debug, info, warn or error", level)
	}
	return n, nil
}

// SetLevels replaces the level of all modules, and of those that have one of their own. On an
// error nothing changes.
func (l *Log) SetLevels(general string, own map[string]string) error {
	l.levels.changing.Lock()
	defer l.levels.changing.Unlock()
	return l.levels.set(general, own)
}

// SetLevel changes the level of one module, or that of all which have none of their own if
// module is "". A module with the level "" has none of its own any more.
func (l *Log) SetLevel(module, level string) error {
	l.levels.changing.Lock()
	defer l.levels.changing.Unlock()
	old := l.levels.now.Load()
	s := &levelSet{general: old.general, own: maps.Clone(old.own)}
	switch {
	case module == "":
		n, err := parseLevel(level)
		if err != nil {
			return err
		}
		s.general = n
	case level == "":
		delete(s.own, module)
	default:
		if err := s.put(module, level); err != nil {
			return err
		}
	}
	l.levels.publish(s)
	return nil
}

// Levels are the general level, and those of the modules that have one of their own.
func (l *Log) Levels() (general string, own map[string]string) {
	s := l.levels.now.Load()
	own = make(map[string]string)
	for m, level := range s.own {
		own[m] = level.String()
	}
	return s.general.String(), own
}

// Level is what a module logs from.
func (l *Log) Level(module string) string { return l.levels.now.Load().of(module).String() }
