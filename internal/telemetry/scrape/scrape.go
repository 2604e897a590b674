// Package scrape reads metrics as Prometheus does, for tests: it consumes the text of a page,
// and produces samples by name and labels, having checked the page against the conventions of
// Prometheus. It owns nothing.
package scrape

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"sort"
	"strings"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// Page is the metrics of one scrape.
type Page struct {
	samples  map[string]float64 // by series, labels in order
	families map[string]*dto.MetricFamily
}

// Parse reads a page in the text format. Its error says what cannot be read, or what a
// convention forbids.
func Parse(text string) (Page, error) {
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(text))
	if err != nil {
		return Page{}, err
	}
	problems, err := promlint.New(strings.NewReader(text)).Lint()
	for _, p := range problems {
		err = errors.Join(err, fmt.Errorf("%s: %s", p.Metric, p.Text))
	}
	p := Page{samples: make(map[string]float64), families: families}
	for name, f := range families {
		for _, m := range f.Metric {
			p.add(name, m)
		}
	}
	return p, err
}

func (p *Page) add(name string, m *dto.Metric) {
	labels := make(map[string]string)
	for _, l := range m.Label {
		labels[l.GetName()] = l.GetValue()
	}
	switch {
	case m.Counter != nil:
		p.samples[key(name, labels)] = m.Counter.GetValue()
	case m.Gauge != nil:
		p.samples[key(name, labels)] = m.Gauge.GetValue()
	case m.Histogram != nil:
		p.samples[key(name+"_count", labels)] = float64(m.Histogram.GetSampleCount())
		p.samples[key(name+"_sum", labels)] = m.Histogram.GetSampleSum()
		for _, b := range m.Histogram.Bucket {
			labels["le"] = fmt.Sprint(b.GetUpperBound())
			p.samples[key(name+"_bucket", labels)] = float64(b.GetCumulativeCount())
		}
	}
}

func key(name string, labels map[string]string) string {
	var pairs []string
	for k, v := range labels {
		pairs = append(pairs, fmt.Sprintf("%s=%q", k, v))
	}
	sort.Strings(pairs)
	return name + "{" + strings.Join(pairs, ",") + "}"
}

// Value is that of a series, written as name{label="value",...}, its labels in any order; ok is
// false if there is none.
func (p Page) Value(series string) (value float64, ok bool) {
	name, rest, _ := strings.Cut(series, "{")
	var pairs []string
	if rest = strings.TrimSuffix(rest, "}"); rest != "" {
		pairs = strings.Split(rest, ",")
	}
	sort.Strings(pairs)
	value, ok = p.samples[name+"{"+strings.Join(pairs, ",")+"}"]
	return value, ok
}

// Names are those of all metrics, in order; histograms by their own.
func (p Page) Names() []string { return slices.Sorted(maps.Keys(p.families)) }

// Labels are the values that a label of a metric has, in order.
func (p Page) Labels(metric, label string) []string {
	values := make(map[string]bool)
	for _, m := range p.families[metric].GetMetric() {
		for _, l := range m.Label {
			if l.GetName() == label {
				values[l.GetValue()] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(values))
}
