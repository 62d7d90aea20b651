// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package activity

import (
	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
)

var activityWrites = prometheus.NewCounter(prometheus.CounterOpts{
	Name: "seatkeeper_activity_writes_total",
	Help: "Writes of session records by which this replica noted what clients told it.",
})

func init() { metrics.Registry.MustRegister(activityWrites) }
