package main

import (
	"context"
	"sync"

	"go.uber.org/zap"

	"github.com/meshway/meshway/internal/config"
	"github.com/meshway/meshway/router"
)

// runner is what `meshway run` needs of a router.
type runner interface {
	// Start binds every listener; its error names the listener and the address.
	Start() error
	// Listening returns where, once started.
	Listening() []endpoint
	// Reload makes it one of another configuration, or changes nothing.
	Reload(config.Config) ([]config.Change, error)
	// Preview says what Reload would change.
	Preview(config.Config) ([]config.Change, error)
	// Config is the configuration that is in effect.
	Config() config.Config
	// KeptBy says who has the configuration file.
	KeptBy(router.Keeper)
	// Alive says whether the data path answers, by the end of ctx at the latest.
	Alive(ctx context.Context) error
	// Asked is told when management wants the router to end.
	Asked() <-chan struct{}
	// Failed gives why the router cannot go on, should that happen.
	Failed() <-chan error
	// Shutdown lets what is in flight settle and closes every connection, by
	// the end of ctx at the latest.
	Shutdown(ctx context.Context) error
}

// endpoint is a listener that is bound.
type endpoint = router.Endpoint

type routerMaker func(config.Config, *zap.Logger) (runner, error)

// sayVersion tells routers which version they are: once, since those that run read it.
var sayVersion = sync.OnceFunc(func() { router.Version = versionName() })

func newRouter(cfg config.Config, log *zap.Logger) (runner, error) {
	sayVersion()
	r, err := router.New(cfg, log)
	if err != nil {
		return nil, err
	}
	return r, nil
}
