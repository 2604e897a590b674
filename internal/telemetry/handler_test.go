package telemetry

import (
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"go.uber.org/zap"
)

// To gather metrics costs something: of many who ask at once most are told to come back, and
// once the others are done they get their page.
func TestFewGatherMetricsAtATime(t *testing.T) {
	entered, enough := make(chan struct{}), make(chan struct{})
	h := NewHandler(Pages{Metrics: prometheus.GathererFunc(func() ([]*dto.MetricFamily, error) {
		entered <- struct{}{}
		<-enough
		return nil, nil
	})}, zap.NewNop())
	ask := func() int {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
		return w.Code
	}
	var all sync.WaitGroup
	for range metricsAtOnce {
		all.Go(func() {
			if code := ask(); code != http.StatusOK {
				t.Errorf("one of the first %d got %d", metricsAtOnce, code)
			}
		})
		<-entered
	}
	refused := make(chan int)
	go func() { refused <- ask() }()
	select {
	case code := <-refused:
		if code != http.StatusServiceUnavailable {
			t.Errorf("one more got %d, want %d", code, http.StatusServiceUnavailable)
		}
	case <-entered:
		t.Errorf("%d gather metrics at a time, want %d", metricsAtOnce+1, metricsAtOnce)
		go func() { <-refused }()
	}
	close(enough)
	all.Wait()
	go func() { <-entered }()
	if code := ask(); code != http.StatusOK {
		t.Errorf("afterwards one got %d", code)
	}
}
