// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"fmt"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/internal/chart"
	"github.com/seatkeeper/seatkeeper/internal/demand"
	"github.com/seatkeeper/seatkeeper/internal/usage"
)

// usageReport is what is known of a pool's use.
type usageReport struct {
	chart  *chart.Chart
	advice *usage.Advice
}

// report reads the pool and its history. A pool that was deleted still has one.
func (o *UsageOptions) report(ctx context.Context) (*usageReport, error) {
	about := subject{plural: "license pools", namespace: o.namespace, role: "seatkeeper-pool-viewer", list: "kubectl seats pools -A"}
	key := client.ObjectKey{Namespace: o.namespace, Name: o.pool}
	pool, record := &licensing.LicensePool{}, &licensing.LicenseUsage{}
	poolErr := o.client.Get(ctx, key, pool)
	if poolErr != nil && !apierrors.IsNotFound(poolErr) {
		return nil, explain(poolErr, about)
	}
	switch err := o.client.Get(ctx, key, record); {
	case apierrors.IsNotFound(err) && poolErr != nil:
		return nil, explain(poolErr, about)
	case apierrors.HasStatusCause(err, metav1.CauseTypeUnexpectedServerResponse), err != nil && !apierrors.IsNotFound(err):
		return nil, explain(err, about)
	case err != nil, record.Status.History == "":
		return nil, advise(fmt.Errorf("no usage of license pool %q is recorded yet", o.pool),
			"The operator records it within a minute or two: see whether it runs, `kubectl get pods -n seatkeeper-system`.")
	}
	history, err := demand.History(record)
	if err != nil {
		return nil, fmt.Errorf("license pool %q: %w", o.pool, err)
	}
	if poolErr != nil {
		pool = nil
	}
	now := o.Clock.Now()
	if o.period == "" {
		o.period = string(history.DefaultPeriod(now))
	}
	model, err := o.modelOf(pool, history)
	if err != nil {
		return nil, err
	}
	period := usage.Period(o.period)
	r := &usageReport{chart: chart.Of(o.namespace, o.pool, history, model, period, now)}
	r.chart.Zone = o.Reader.Zone
	r.chart.Empty = o.emptyText(history)
	r.advice = demand.Advise(pool, record, history, model, period, o.share, now)
	if r.advice.Covered > 0 || demand.Ahead(history, now) != "" {
		r.chart.Note = r.advice.Reasoning
	}
	return r, nil
}

// modelOf is the model that was asked for, or else the one that the pool has; of both, the concurrent. A pool may have had another in the past.
func (o *UsageOptions) modelOf(pool *licensing.LicensePool, history *usage.History) (usage.Model, error) {
	has := func(m usage.Model) bool {
		switch {
		case pool == nil:
			return o.had(history, m)
		case m == usage.Named:
			return pool.Spec.Named != nil
		default:
			return pool.Spec.Concurrent != nil
		}
	}
	model := usage.Model(o.model)
	switch {
	case model == "" && !has(usage.Concurrent) && has(usage.Named):
		return usage.Named, nil
	case model == "":
		return usage.Concurrent, nil
	case has(model) || o.had(history, model):
		return model, nil
	}
	other := usage.Named
	if model == usage.Named {
		other = usage.Concurrent
	}
	return "", advise(fmt.Errorf("license pool %q has no %s seats; it is %s", o.pool, lower(model), other),
		"Leave out --model, or give `--model "+lower(other)+"`.")
}

// had says whether the pool had seats of a model in the period.
func (o *UsageOptions) had(history *usage.History, model usage.Model) bool {
	for _, p := range history.Series(model, usage.Period(o.period), o.Clock.Now()).Points {
		if !p.Gap() && p.Licensed != usage.NotLicensed {
			return true
		}
	}
	return false
}

// emptyText is what the chart says if nothing is known of the period.
func (o *UsageOptions) emptyText(history *usage.History) string {
	if through := history.Through(); !through.IsZero() && through.Before(o.Clock.Now().Add(-usage.Period(o.period).Length())) {
		return "No data in this period: the record ends on " + o.Reader.Own(through) + ". See whether the operator runs, or choose a longer period."
	}
	return "No data yet: the operator has not recorded any use in this period."
}

func lower(model usage.Model) string { return strings.ToLower(string(model)) }
