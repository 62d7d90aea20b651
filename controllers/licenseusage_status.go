// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"fmt"
	"maps"
	"math"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/internal/usage"
)

var usageWrites = prometheus.NewCounterVec(prometheus.CounterOpts{
	Name: "seatkeeper_usage_writes_total",
	Help: "Writes of the history of a pool's use.",
}, []string{"namespace", "pool"})

func init() { metrics.Registry.MustRegister(usageWrites) }

func dropUsageMetrics(key types.NamespacedName) {
	usageWrites.DeletePartialMatch(prometheus.Labels{"namespace": key.Namespace, "pool": key.Name})
}

// shownDays is how far back the numbers reach that are shown to people beside the history itself.
const shownDays = 30

// usageStatus is a history as it is stored, with what people like to see of it at a glance.
func usageStatus(h *usage.History, accounts map[types.UID]usage.Account) *licensing.LicenseUsageStatus {
	text := h.Encode()
	through := h.Through()
	today := through.Add(-time.Second).Truncate(24 * time.Hour)
	from := today.Add(-(shownDays - 1) * 24 * time.Hour)
	denied := usage.Denied(h.DenialsSince(from))
	status := &licensing.LicenseUsageStatus{
		SinceTime:     new(metav1.NewTime(h.Since())),
		ThroughTime:   new(metav1.NewTime(through)),
		Named:         modelUsage(h, usage.Named, today, from),
		Concurrent:    modelUsage(h, usage.Concurrent, today, from),
		Denials30Days: &licensing.DenialCounts{Denied: bounded(denied.Denied), TrueDenials: bounded(denied.True)},
		Peaks:         &licensing.PeakTable{Named: notApplicable, Concurrent: notApplicable},
		History:       text,
	}
	if h.Late() > 0 {
		status.LateTransitions = bounded(h.Late())
	}
	if m := status.Named; m != nil {
		if n := h.Dormant(maps.Values(accounts)); n != usage.Unknown {
			m.DormantAccounts = bounded(n)
		}
		status.Peaks.Named = fmt.Sprintf("%d of %d", *m.Peak30Days, *m.Licensed)
	}
	if m := status.Concurrent; m != nil {
		status.Peaks.Concurrent = fmt.Sprintf("%d of %d", *m.Peak30Days, *m.Licensed)
	}
	return status
}

// modelUsage is nil for a model that the pool lacks.
func modelUsage(h *usage.History, m usage.Model, today, from time.Time) *licensing.ModelUsage {
	if h.Licensed(m) == usage.NotLicensed {
		return nil
	}
	return &licensing.ModelUsage{
		Connected: bounded(h.Connected(m)), Licensed: bounded(h.Licensed(m)),
		PeakToday: bounded(h.PeakSince(m, today)), Peak30Days: bounded(h.PeakSince(m, from)),
	}
}

func bounded(n int) *int32 { return new(int32(min(n, math.MaxInt32))) } //nolint:gosec // it is bounded
