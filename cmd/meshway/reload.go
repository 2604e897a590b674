package main

import (
	"bytes"
	"context"
	"os"
	"time"

	"go.uber.org/zap"

	"github.com/meshway/meshway/internal/config"
)

// A running router takes over its configuration file when that has changed, or when it is
// told to by SIGHUP.

// lookEvery is how often the file is looked at.
const lookEvery = time.Second

// reloader keeps a router at its configuration file. It is one goroutine's.
type reloader struct {
	file  string
	watch bool // the file is looked at too, not only at a hangup
	apply func(config.Config) ([]config.Change, error)
	log   *zap.Logger

	stamp stamp  // of the file when it was looked at last
	taken []byte // what was tried last, right or wrong
	seen  []byte // what is in the file since then, if nobody writes to it; nil if nothing new
}

// stamp tells cheaply that a file has not changed.
type stamp struct {
	size    int64
	changed time.Time
}

// run reloads until ctx ends. begin was called before the router got the file.
func (r *reloader) run(ctx context.Context, hangup <-chan os.Signal) {
	t := time.NewTicker(lookEvery)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-hangup:
			r.log.Info("told to reload", zap.String("file", r.file))
			r.reload()
		case <-t.C:
			if r.watch {
				r.look()
			}
		}
	}
}

// begin takes the file as it is for what the router has.
func (r *reloader) begin() {
	r.taken, _ = config.Read(r.file)
	r.stamp = stampOf(r.file)
}

func stampOf(file string) stamp {
	info, err := os.Stat(file)
	if err != nil {
		return stamp{}
	}
	return stamp{info.Size(), info.ModTime()}
}

// look reloads the file if it has changed, and nobody has written to it since the last
// look: what is half written is not the file.
func (r *reloader) look() {
	now := stampOf(r.file)
	if now == r.stamp && r.seen == nil {
		return
	}
	still := now == r.stamp
	r.stamp = now
	data, err := config.Read(r.file)
	switch {
	case err != nil, bytes.Equal(data, r.taken):
		r.seen = nil // gone for a moment, most likely, while it is replaced
		return
	case !still, r.seen == nil, !bytes.Equal(data, r.seen):
		r.seen = data
		return
	}
	r.log.Info("the configuration file has changed", zap.String("file", r.file))
	r.reload()
}

// reload takes the file over as it is.
func (r *reloader) reload() {
	r.seen = nil
	data, err := config.Read(r.file)
	if err != nil {
		r.log.Error("nothing is reloaded", zap.String("file", r.file), zap.Error(err))
		return
	}
	r.taken = data
	cfg, err := config.Parse(r.file, data)
	if err != nil {
		r.log.Error("nothing is reloaded: the configuration file is wrong", zap.Error(err))
		return
	}
	for _, w := range cfg.Warnings {
		r.log.Warn(w.String())
	}
	changes, err := r.apply(cfg)
	if err != nil {
		r.log.Error("nothing is reloaded", zap.Error(err))
		return
	}
	r.log.Info("reloaded", zap.Int("changes", len(changes)))
}
