package telemetry

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/pprof"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.uber.org/zap"
)

// Pages are what a listener serves; what is nil is not there.
type Pages struct {
	// Metrics are gathered anew for each GET /metrics.
	Metrics prometheus.Gatherer
	// Alive says whether the data path answers, for GET /healthz. It returns when ctx ends at
	// the latest.
	Alive func(ctx context.Context) error
	// Missing is what the router still waits for before clients should be sent to it, for GET
	// /readyz: one text each, nothing once it is ready.
	Missing func() []string
	// Profiling serves /debug/pprof/.
	Profiling bool
}

const (
	// aliveTimeout bounds how long the data path may take to answer.
	aliveTimeout = 3 * time.Second
	// metricsAtOnce is how many may gather metrics at a time; others are told to come back.
	metricsAtOnce = 3
)

// NewHandler serves the pages, and at / a list of them.
func NewHandler(p Pages, log *zap.Logger) http.Handler {
	mux := http.NewServeMux()
	var paths []string
	page := func(path string, h http.Handler) {
		mux.Handle("GET "+path, h)
		paths = append(paths, path)
	}
	if p.Metrics != nil {
		page("/metrics", promhttp.HandlerFor(p.Metrics, promhttp.HandlerOpts{
			ErrorLog: zap.NewStdLog(log), ErrorHandling: promhttp.ContinueOnError,
			MaxRequestsInFlight: metricsAtOnce, EnableOpenMetrics: true,
		}))
	}
	if p.Alive != nil {
		page("/healthz", alive(p.Alive))
	}
	if p.Missing != nil {
		page("/readyz", ready(p.Missing))
	}
	if p.Profiling {
		page("/debug/pprof/", http.HandlerFunc(pprof.Index))
		mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
		mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
		mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
		mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	}
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, strings.Join(paths, "\n"))
	})
	return mux
}

// alive answers whether the data path does.
func alive(check func(context.Context) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), aliveTimeout)
		defer cancel()
		switch err := check(ctx); {
		case errors.Is(err, context.DeadlineExceeded):
			answer(w, http.StatusServiceUnavailable, fmt.Sprintf("the data path has not answered within %v", aliveTimeout))
		case err != nil:
			answer(w, http.StatusServiceUnavailable, err.Error())
		default:
			answer(w, http.StatusOK, "OK")
		}
	})
}

// ready answers what is missing.
func ready(missing func() []string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if list := missing(); len(list) > 0 {
			answer(w, http.StatusServiceUnavailable, strings.Join(list, "\n"))
			return
		}
		answer(w, http.StatusOK, "OK")
	})
}

func answer(w http.ResponseWriter, status int, text string) {
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = fmt.Fprintln(w, text) // who asked may have gone
}
