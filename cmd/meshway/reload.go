package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/meshway/meshway/internal/config"
)

// A running router takes over its configuration file when that has changed, or when it is
// told to by SIGHUP or by management, which can also have it written.

// lookEvery is how often the file is looked at.
const lookEvery = time.Second

// reloader keeps a router at its configuration file.
type reloader struct {
	// Immutable once the router runs.
	file    string
	watch   bool // the file is looked at too, not only at a hangup
	apply   func(config.Config) ([]config.Change, error)
	preview func(config.Config) ([]config.Change, error) // apply without any effect
	current func() config.Config
	log     *zap.Logger

	mu    sync.Mutex // guards all below
	stamp stamp      // of the file when it was looked at last
	taken []byte     // what was tried last, right or wrong
	seen  []byte     // what is in the file since then, if nobody writes to it; nil if nothing new
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
			r.mu.Lock()
			_, _ = r.reload()
			r.mu.Unlock()
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
	r.mu.Lock()
	defer r.mu.Unlock()
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
	_, _ = r.reload()
}

// reload takes the file over as it is, and logs what came of that. The caller holds mu.
func (r *reloader) reload() ([]config.Change, error) {
	r.seen = nil
	changes, err := r.take(r.apply)
	if err != nil {
		r.log.Error("nothing is reloaded", zap.String("file", r.file), zap.Error(err))
		return nil, err
	}
	r.log.Info("reloaded", zap.Int("changes", len(changes)))
	return changes, nil
}

// take reads the file, and hands it to apply.
func (r *reloader) take(apply func(config.Config) ([]config.Change, error)) ([]config.Change, error) {
	data, err := config.Read(r.file)
	if err != nil {
		return nil, err
	}
	r.taken = data
	cfg, err := config.Parse(r.file, data)
	if err != nil {
		return nil, err
	}
	for _, w := range cfg.Warnings {
		r.log.Warn(w.String())
	}
	return apply(cfg)
}

// Reload takes the file over because management says so, or says what that would change.
func (r *reloader) Reload(dryRun bool) ([]config.Change, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if dryRun {
		taken := r.taken
		defer func() { r.taken = taken }()
		return r.take(r.preview)
	}
	r.log.Info("told to reload, by management", zap.String("file", r.file))
	return r.reload()
}

// Save writes the running configuration to the file, and what was there beside it, with
// ".old" behind the name.
func (r *reloader) Save() (file string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	old, err := config.Read(r.file)
	switch {
	case err != nil:
		return "", err
	case config.IsLegacy(old):
		return "", fmt.Errorf("%s is in the predecessor's form, which is not written: convert it (meshway config convert), and start the router with that", r.file)
	}
	mode := os.FileMode(0o600)
	if info, err := os.Stat(r.file); err == nil {
		mode = info.Mode().Perm()
	}
	data := config.Save(r.current())
	err = replaceFile(r.file+".old", string(old), mode)
	if err == nil {
		err = replaceFile(r.file, string(data), mode)
	}
	if err != nil {
		return "", fmt.Errorf("the configuration cannot be written: %w", err)
	}
	r.taken, r.seen, r.stamp = data, nil, stampOf(r.file)
	r.log.Info("the running configuration is saved, by management", zap.String("file", r.file))
	return r.file, nil
}
