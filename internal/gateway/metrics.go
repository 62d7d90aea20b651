// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"net/http"
	"strconv"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
)

var (
	requestsTotal = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "seatkeeper_gateway_requests_total",
		Help: "Requests answered by the gateway, by call and HTTP status.",
	}, []string{"call", "code"})
	requestSeconds = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "seatkeeper_gateway_request_duration_seconds",
		Help:    "How long the gateway took to answer, the wait for a seat included; event streams aside.",
		Buckets: []float64{.0001, .001, .005, .025, .1, .5, 1, 2.5, 5, 10, 30, 120},
	}, []string{"call"})
	waitingLogins = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "seatkeeper_gateway_waiting",
		Help: "Logins that wait for their decision.",
	})
	openStreams = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "seatkeeper_gateway_streams",
		Help: "Open event streams.",
	})
	denialsTotal = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "seatkeeper_gateway_denials_total",
		Help: "Logins that the gateway denied by itself, without a session, by reason; those denied by the operator are in seatkeeper_sessions_denied_total.",
	}, []string{"namespace", "pool", "reason"})
)

func init() {
	metrics.Registry.MustRegister(requestsTotal, requestSeconds, waitingLogins, openStreams, denialsTotal)
}

// operation is one call of the API, as metrics know it.
type operation struct {
	name    string
	seconds prometheus.Observer
	codes   [600]atomic.Pointer[prometheus.Counter]
}

var (
	opOther         = newOperation("other")
	opLogin         = newOperation("login")
	opHeartbeat     = newOperation("heartbeat")
	opHeartbeats    = newOperation("heartbeats")
	opPool          = newOperation("pool")
	opSession       = newOperation("session")
	opExit          = newOperation("exit")
	opSignOut       = newOperation("signOut")
	opSessionEvents = newOperation("events")
	opActivity      = newOperation("activity")
	opDocument      = newOperation("openapi")
)

func newOperation(name string) *operation {
	return &operation{name: name, seconds: requestSeconds.WithLabelValues(name)}
}

// count counts a request. The counters are remembered: looking one up by its labels costs more than the rest of a heartbeat's accounting.
func (o *operation) count(status int) {
	if status < 100 || status >= len(o.codes) {
		status = http.StatusInternalServerError
	}
	if c := o.codes[status].Load(); c != nil {
		(*c).Inc()
		return
	}
	c := requestsTotal.WithLabelValues(o.name, strconv.Itoa(status))
	o.codes[status].Store(&c)
	c.Inc()
}
