package logging

import (
	"fmt"
	"io"
	"runtime"
	"sync"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// Options say what is logged and how.
type Options struct {
	Level    string            // debug, info, warn or error
	Modules  map[string]string // levels of modules that have one of their own
	Format   string            // console, json, or auto: console on a terminal
	Terminal bool              // the writer is one
	Color    bool              // on a terminal, in the console format
}

// Log is what stands behind a logger: the levels of its modules, and its newest lines. All of
// its methods may be called from any goroutine.
type Log struct {
	levels  levels
	recent  ring
	repeats repeats
	stats   map[string]*counts // by module; immutable

	out     sync.Mutex // guards w
	w       io.Writer
	encoder zapcore.Encoder // immutable: it is cloned for each line
	text    zapcore.Encoder // of lines in recent; immutable
}

// New returns a logger that writes to w, one line an entry, from any goroutine. An error
// names the option that is wrong.
func New(w io.Writer, o Options) (*zap.Logger, error) {
	l := &Log{w: w, text: textEncoder(), stats: make(map[string]*counts)}
	for _, m := range modules {
		l.stats[m] = new(counts)
	}
	if err := l.levels.set(o.Level, o.Modules); err != nil {
		return nil, err
	}
	switch {
	case o.Format == "json" || o.Format == "auto" && !o.Terminal:
		l.encoder = jsonEncoder()
	case o.Format == "console" || o.Format == "auto":
		l.encoder = consoleEncoder(o.Color && o.Terminal)
	default:
		return nil, fmt.Errorf("log format %q: it must be console, json or auto", o.Format)
	}
	l.repeats.report = l.reportRepeats
	return zap.New(&core{log: l, encoder: l.encoder, text: l.text}), nil
}

// Of is the Log of a logger that [New] made, or of one derived from it; nil for others.
func Of(logger *zap.Logger) *Log {
	if c, ok := logger.Core().(*core); ok {
		return c.log
	}
	return nil
}

// core is what zap hands entries to: that of a logger, with the fields that it was given.
type core struct {
	log     *Log
	encoder zapcore.Encoder
	text    zapcore.Encoder
	always  bool // whatever the levels are
}

// Always is a logger that writes whatever it is given, at levels that its module does not log, too:
// for what somebody has asked for in another way.
func Always(logger *zap.Logger) *zap.Logger {
	return logger.WithOptions(zap.WrapCore(func(k zapcore.Core) zapcore.Core {
		c, ok := k.(*core)
		if !ok {
			return k
		}
		n := *c
		n.always = true
		return &n
	}))
}

// Enabled says whether any module logs at the level.
func (c *core) Enabled(l zapcore.Level) bool { return c.always || c.log.levels.any(l) }

// With adds fields.
func (c *core) With(fields []zapcore.Field) zapcore.Core {
	n := &core{log: c.log, encoder: c.encoder.Clone(), text: c.text.Clone(), always: c.always}
	for i := range fields {
		fields[i].AddTo(n.encoder)
		fields[i].AddTo(n.text)
	}
	return n
}

// Check takes the entry if its module logs at its level, unless too many like it have been. What
// is left out is counted here, and costs no more than this.
func (c *core) Check(e zapcore.Entry, ce *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	module := moduleOf(e.LoggerName)
	if !c.always && !c.log.levels.enabled(module, e.Level) {
		return ce
	}
	c.log.stats[module].add(e.Level)
	if !c.log.repeats.allow(module, &e) {
		return ce
	}
	e.Caller.PC = callerOf(calledByLogger)
	return ce.AddCore(e, c)
}

// calledByLogger is how many calls lie between Check and who logs: one inside of the logger, and
// its method that was called.
const calledByLogger = 2

// callerOf is where the function was called that calls this one, so many calls further up. What
// file and line that is takes longer to find out than all else here: it waits until somebody
// wants to know, see [Log.Recent].
func callerOf(above int) uintptr {
	var pc [1]uintptr
	runtime.Callers(above+3, pc[:])
	return pc[0]
}

// Write writes the entry.
func (c *core) Write(e zapcore.Entry, fields []zapcore.Field) error {
	return c.write(moduleOf(e.LoggerName), e, fields)
}

func (c *core) write(module string, e zapcore.Entry, fields []zapcore.Field) error {
	text := e.Message
	if b, err := c.text.EncodeEntry(zapcore.Entry{Message: e.Message}, fields); err == nil {
		text = b.String()
		b.Free()
	}
	c.log.recent.add(module, &e, text)
	b, err := c.encoder.EncodeEntry(e, fields)
	if err != nil {
		return err
	}
	defer b.Free()
	c.log.out.Lock()
	defer c.log.out.Unlock()
	_, err = c.log.w.Write(b.Bytes())
	return err
}

// Sync has nothing to do: every line is written at once.
func (c *core) Sync() error { return nil }

func jsonEncoder() zapcore.Encoder {
	c := zap.NewProductionEncoderConfig()
	c.TimeKey = "time"
	c.NameKey = "module"
	c.CallerKey = zapcore.OmitKey
	c.EncodeTime = zapcore.RFC3339NanoTimeEncoder
	c.EncodeDuration = zapcore.StringDurationEncoder
	return zapcore.NewJSONEncoder(c)
}

func consoleEncoder(color bool) zapcore.Encoder {
	c := zap.NewDevelopmentEncoderConfig()
	c.ConsoleSeparator = "  "
	c.CallerKey = zapcore.OmitKey
	c.EncodeTime = zapcore.TimeEncoderOfLayout("15:04:05.000")
	c.EncodeDuration = zapcore.StringDurationEncoder
	c.EncodeLevel = zapcore.LowercaseLevelEncoder
	if color {
		c.EncodeLevel = zapcore.LowercaseColorLevelEncoder
	}
	return zapcore.NewConsoleEncoder(c)
}

// textEncoder makes the text of a line as [Log.Recent] gives it: message and fields.
func textEncoder() zapcore.Encoder {
	return zapcore.NewConsoleEncoder(zapcore.EncoderConfig{
		MessageKey: "msg", ConsoleSeparator: "  ", SkipLineEnding: true,
		EncodeDuration: zapcore.StringDurationEncoder, EncodeTime: zapcore.RFC3339NanoTimeEncoder,
	})
}

// reportRepeats writes how many lines were left out, and like which.
func (l *Log) reportRepeats(k repeatKey, left int) {
	c := &core{log: l, encoder: l.encoder, text: l.text}
	name := k.module
	if name == modules[0] {
		name = ""
	}
	_ = c.write(k.module, zapcore.Entry{Level: k.level, Time: time.Now(), LoggerName: name, Message: "lines like this were left out: " + k.message},
		[]zapcore.Field{zap.Int("lines", left)})
}
