package telemetry

import (
	"slices"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// Metric is one thing that is counted or measured.
type Metric struct {
	Name   string
	Help   string
	Type   prometheus.ValueType // Untyped is a histogram
	Labels []string

	desc *prometheus.Desc
}

// IsHistogram says whether it has buckets, a sum and a count.
func (m *Metric) IsHistogram() bool { return m.Type == histogram }

const histogram = prometheus.UntypedValue

// What the deliveries of a listener or connector have in common: its name, the role of the
// peers, and the way that the deliveries go, in to the router or out of it.
var (
	place    = []string{"place", "role"}
	way      = []string{"place", "role", "direction"}
	outcomes = []string{"place", "role", "direction", "outcome"}
)

// The metrics of the router itself.
var (
	Info = gauge("meshway_info", "What this router is; always 1.", "router", "mode", "version")

	Deliveries  = counter("meshway_deliveries_total", "Deliveries that began on links.", way...)
	Presettled  = counter("meshway_deliveries_presettled_total", "Deliveries that were settled by their sender when they began.", way...)
	Outcomes    = counter("meshway_delivery_outcomes_total", "Unsettled deliveries that came to an outcome.", outcomes...)
	Dropped     = counter("meshway_deliveries_dropped_total", "Presettled deliveries that were dropped because nobody took them.", way...)
	Delayed     = counter("meshway_deliveries_delayed_total", "Deliveries that were unsettled for more than one second and up to ten (1s), or for more than ten (10s).", append(slices.Clone(way), "over")...)
	Delay       = Metric{Name: "meshway_delivery_delay_seconds", Help: "From the arrival of an unsettled delivery to the settlement that its sender is told. A sample: at most one delivery a second of each connection.", Type: histogram, Labels: []string{"role"}}
	Unsettled   = gauge("meshway_deliveries_unsettled", "Deliveries that are not settled yet.", way...)
	Waiting     = gauge("meshway_deliveries_waiting", "Deliveries that wait in this router: in, those that came from there, for a consumer to take them; out, copies of multicast ones for a consumer there.", way...)
	NoCredit    = gauge("meshway_links_without_credit", "Links whose sender has no credit: in, those from which credit is withheld; out, those whose consumer takes nothing.", way...)
	Links       = gauge("meshway_links", "Links that are attached.", way...)
	Connections = gauge("meshway_connections", "Connections that are open.", place...)
	Opened      = counter("meshway_connections_opened_total", "Connections that were accepted or dialled.", place...)
	Addresses   = gauge("meshway_addresses", "Addresses that are in use in this router, the two of its management agent among them.")
	HeldBytes   = gauge("meshway_waiting_bytes", "Payload bytes of messages that wait in this router.")
	HeldLimit   = gauge("meshway_waiting_bytes_limit", "Payload bytes of waiting messages from which on no more may be sent to this router.")
	OutputBytes = gauge("meshway_output_bytes", "Bytes that are encoded and wait for sockets to take them.", place...)
	Draining    = gauge("meshway_draining", "1 while the router shuts down and takes no more messages, else 0.")
	ListenersUp = gauge("meshway_listener_up", "1 while the listener accepts connections, else 0.", "place")
)

// The metrics of addresses. The address "other" is the sum of those that have none of their
// own.
var (
	AddressDeliveries = counter("meshway_address_deliveries_total", "Deliveries of an address: in from senders and out to consumers of this router, and transit to other routers.", "address", "direction")
	AddressOutcomes   = counter("meshway_address_delivery_outcomes_total", "Unsettled deliveries of an address that came to an outcome, on the links of its senders (in) and consumers (out) of this router. Those of senders without a target count with the address other.", "address", "direction", "outcome")
	AddressRedirected = counter("meshway_address_deliveries_redirected_total", "Deliveries for which an address had no consumer, and that this router sent to its fallback instead. Only of addresses that have one.", "address")
	AddressConsumers  = gauge("meshway_address_consumers", "Consumers of an address: those of this router (here), and routers that have some (elsewhere).", "address", "at")
	AddressProducers  = gauge("meshway_address_producers", "Senders of an address on this router.", "address")
	AddressWaiting    = gauge("meshway_address_deliveries_waiting", "Deliveries of an address that wait in this router for a consumer to take them.", "address")
)

// The metrics of the mesh.
var (
	Routers        = gauge("meshway_mesh_routers", "Routers of the mesh that this one knows a way to, itself among them.")
	Adjacencies    = gauge("meshway_adjacencies", "Connections to neighbours by state: setup, up, suspect, which is silent, or standby, beside another to the same neighbour.", "state")
	AdjacencyRTT   = gauge("meshway_adjacency_round_trip_seconds", "Smoothed time of a heartbeat to a neighbour and back.", "neighbour")
	LinkStateEvent = counter("meshway_link_state_events_total", "What happened to neighbours and routers, by kind.", "event")
	SPF            = Metric{Name: "meshway_spf_seconds", Help: "How long computations of routes took.", Type: histogram}
	Control        = counter("meshway_control_messages_total", "Messages between this router and its neighbours by subject.", "subject", "direction")
	ControlBytes   = counter("meshway_control_message_bytes_total", "Bytes of messages between this router and its neighbours by subject.", "subject", "direction")
)

// The metrics of brokers.
var (
	AutoLinks       = gauge("meshway_auto_links", "Auto-links by their state.", "state")
	BrokerConnected = gauge("meshway_broker_connected", "1 while the connector to a broker or another container is connected, else 0.", "place")
)

func counter(name, help string, labels ...string) Metric {
	return Metric{Name: name, Help: help, Type: prometheus.CounterValue, Labels: labels}
}

func gauge(name, help string, labels ...string) Metric {
	return Metric{Name: name, Help: help, Type: prometheus.GaugeValue, Labels: labels}
}

// all are the metrics above.
var all = []*Metric{
	&Info, &Deliveries, &Presettled, &Outcomes, &Dropped, &Delayed, &Delay, &Unsettled, &Waiting, &NoCredit, &Links, &Connections,
	&Opened, &Addresses, &HeldBytes, &HeldLimit, &OutputBytes, &Draining, &ListenersUp,
	&AddressDeliveries, &AddressOutcomes, &AddressRedirected, &AddressConsumers, &AddressProducers, &AddressWaiting,
	&Routers, &Adjacencies, &AdjacencyRTT, &LinkStateEvent, &SPF, &Control, &ControlBytes,
	&AutoLinks, &BrokerConnected,
}

func init() {
	for _, m := range all {
		m.desc = prometheus.NewDesc(m.Name, m.Help, m.Labels, nil)
	}
}

// All are the metrics that a router may have, besides those of the Go runtime and of the
// process.
func All() []*Metric { return all }

// Source reads the numbers off the router.
type Source interface {
	Collect(to *Sink)
}

// Sink takes them.
type Sink struct{ to chan<- prometheus.Metric }

// Set says what a metric is now; labels are in the order of its Labels.
func (s *Sink) Set(m *Metric, value float64, labels ...string) {
	s.to <- prometheus.MustNewConstMetric(m.desc, m.Type, value, labels...)
}

// observed says how many values were at most as large as each bound, how many there were in
// all, and their sum.
func (s *Sink) observed(m *Metric, count uint64, sum float64, buckets map[float64]uint64, labels ...string) {
	s.to <- prometheus.MustNewConstHistogram(m.desc, count, sum, buckets, labels...)
}

// NewGatherer gathers the router's metrics, and those of the Go runtime and the process.
func NewGatherer(s Source) prometheus.Gatherer {
	r := prometheus.NewRegistry()
	r.MustRegister(collector{s}, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return r
}

type collector struct{ source Source }

func (c collector) Describe(to chan<- *prometheus.Desc) {
	for _, m := range all {
		to <- m.desc
	}
}

func (c collector) Collect(to chan<- prometheus.Metric) { c.source.Collect(&Sink{to}) }
