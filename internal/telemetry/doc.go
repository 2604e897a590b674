// Package telemetry is what the router shows of itself over HTTP: metrics for Prometheus,
// health, and profiles.
//
// It consumes numbers that a [Source] reads off the router when somebody asks, and questions
// that the router answers: is the data path alive, what is missing before it is ready. It
// produces an [net/http.Server] that bounds what clients can cost. It owns the names, help texts
// and labels of all metrics (see [All]), and knows nothing of the router.
package telemetry
