package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/meshway/meshway/internal/client"
)

// frameLease is for how long a router is told to log frames: it is told anew with each look, and
// stops by itself when nobody looks any more.
const frameLease = 10 * time.Second

// watchedFrames is a connection whose frames are shown.
type watchedFrames struct {
	mesh    agents
	router  string
	id      string
	already bool // they were logged before, and go on to be
}

// frames shows the frames of a connection until ctx ends, or until the time is over.
func (a *app) frames(ctx context.Context, mesh agents, o logOptions) error {
	k, err := findKind("connection")
	if err != nil {
		return err
	}
	e, err := findOne(ctx, mesh, o.router, k, o.frames)
	if err != nil {
		return err
	}
	w := watchedFrames{mesh: mesh, router: o.router, id: e.Text("identity"), already: e.Text("enableProtocolTrace") == "true" && !e.Has("protocolTraceSeconds")}
	had, err := mesh.Log(ctx, o.router, 0)
	if err != nil {
		return err
	}
	if o.lasting > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, o.lasting)
		defer cancel()
	}
	defer w.end(context.WithoutCancel(ctx), o.timeout)
	for {
		ended := w.renew(ctx)
		if ended != nil && !client.HasStatus(ended, client.StatusNotFound) {
			return orNothing(ctx, ended)
		}
		lines, err := mesh.Log(ctx, o.router, 0)
		if err != nil {
			return orNothing(ctx, err)
		}
		for _, l := range after(had, lines) {
			if w.mine(l) {
				if err := a.print("%s", logged{o.router, l}.text(false)); err != nil {
					return err
				}
			}
		}
		had = lines
		if ended != nil {
			return a.print("connection %s has ended", w.id)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(followEvery):
		}
	}
}

// orNothing is err, unless that only says that it is time to end.
func orNothing(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// renew has the frames logged for a while.
func (w *watchedFrames) renew(ctx context.Context) error {
	if w.already {
		_, err := w.mesh.Read(ctx, w.router, "connection", client.Key{Identity: w.id})
		return err
	}
	return w.update(ctx, map[string]any{"protocolTraceSeconds": int64(frameLease / time.Second)})
}

// end has them logged no more. If that fails the lease ends it.
func (w *watchedFrames) end(ctx context.Context, timeout time.Duration) {
	if w.already {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	_ = w.update(ctx, map[string]any{"enableProtocolTrace": false})
}

func (w *watchedFrames) update(ctx context.Context, attributes map[string]any) error {
	_, err := w.mesh.Update(ctx, w.router, "connection", client.Key{Identity: w.id}, attributes)
	return err
}

// mine says whether a line is about a frame of the connection. What stands behind the text are the
// fields of the line; nothing in front of them has a quotation mark that is not escaped.
func (w *watchedFrames) mine(l client.LogLine) bool {
	i := strings.LastIndex(l.Text, `  {"connection": `)
	return i >= 0 && strings.EqualFold(l.Module, "protocol") && strings.EqualFold(l.Level, "debug") &&
		strings.HasPrefix(l.Text[i:], fmt.Sprintf(`  {"connection": %s, "container": `, w.id))
}
