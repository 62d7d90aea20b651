// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
)

var (
	sessionsGranted = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "seatkeeper_sessions_granted_total",
		Help: "Sessions granted a seat, by the reason of their Granted condition.",
	}, []string{"namespace", "pool", "reason"})
	sessionsDenied = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "seatkeeper_sessions_denied_total",
		Help: "Sessions denied a seat, by the reason of their Granted condition.",
	}, []string{"namespace", "pool", "reason"})
	sessionsEnded = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "seatkeeper_sessions_ended_total",
		Help: "Sessions that ended, by termination action.",
	}, []string{"namespace", "pool", "action"})
	expiryHeld = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "seatkeeper_pool_expiry_held",
		Help: "1 while no session of the pool ends for a missing client, since most fell silent at once; else 0.",
	}, []string{"namespace", "pool"})
	poolWrites = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "seatkeeper_pool_writes_total",
		Help: "Writes of a pool's status; one serves many logins.",
	}, []string{"namespace", "pool"})
)

func init() {
	metrics.Registry.MustRegister(sessionsGranted, sessionsDenied, sessionsEnded, expiryHeld, poolWrites)
}

// dropPoolMetrics removes the series of a pool that is gone.
func dropPoolMetrics(key types.NamespacedName) {
	labels := prometheus.Labels{"namespace": key.Namespace, "pool": key.Name}
	for _, vec := range []*prometheus.CounterVec{sessionsGranted, sessionsDenied, sessionsEnded, poolWrites} {
		vec.DeletePartialMatch(labels)
	}
	expiryHeld.DeletePartialMatch(labels)
}

// showHold shows whether the pool's expiry is held; of a pool that is gone nothing is shown.
func (b *book) showHold() {
	switch {
	case b.pool == nil:
		expiryHeld.DeleteLabelValues(b.key.Namespace, b.key.Name)
	case b.brake.On():
		expiryHeld.WithLabelValues(b.key.Namespace, b.key.Name).Set(1)
	default:
		expiryHeld.WithLabelValues(b.key.Namespace, b.key.Name).Set(0)
	}
}

// ForgetHolds removes what only a leader knows: a replica that leads no more must not go on showing it.
func ForgetHolds() { expiryHeld.Reset() }
