// Package logging makes the router's logger: lines for people on a terminal,
// JSON elsewhere.
//
// It consumes the level and the format of the configuration and produces a
// [zap.Logger]; it owns nothing.
package logging

import (
	"fmt"
	"io"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// Options say what is logged and how.
type Options struct {
	Level    string // debug, info, warn or error
	Format   string // console, json, or auto: console on a terminal
	Terminal bool   // the writer is one
	Color    bool   // on a terminal, in the console format
}

// New returns a logger that writes to w, one line an entry, from any goroutine.
func New(w io.Writer, o Options) (*zap.Logger, error) {
	level, err := zapcore.ParseLevel(o.Level)
	if err != nil {
		return nil, fmt.Errorf("log level: %w", err)
	}
	var encoder zapcore.Encoder
	switch {
	case o.Format == "json" || o.Format == "auto" && !o.Terminal:
		encoder = jsonEncoder()
	case o.Format == "console" || o.Format == "auto":
		encoder = consoleEncoder(o.Color && o.Terminal)
	default:
		return nil, fmt.Errorf("log format %q: it must be console, json or auto", o.Format)
	}
	return zap.New(zapcore.NewCore(encoder, zapcore.Lock(zapcore.AddSync(w)), level)), nil
}

func jsonEncoder() zapcore.Encoder {
	c := zap.NewProductionEncoderConfig()
	c.TimeKey = "time"
	c.EncodeTime = zapcore.RFC3339NanoTimeEncoder
	c.EncodeDuration = zapcore.StringDurationEncoder
	return zapcore.NewJSONEncoder(c)
}

func consoleEncoder(color bool) zapcore.Encoder {
	c := zap.NewDevelopmentEncoderConfig()
	c.ConsoleSeparator = "  "
	c.EncodeTime = zapcore.TimeEncoderOfLayout("15:04:05.000")
	c.EncodeDuration = zapcore.StringDurationEncoder
	c.EncodeLevel = zapcore.LowercaseLevelEncoder
	if color {
		c.EncodeLevel = zapcore.LowercaseColorLevelEncoder
	}
	return zapcore.NewConsoleEncoder(c)
}
