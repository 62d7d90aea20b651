// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"context"
	"net/http"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/pkg/gatewayapi"
)

// GetPool answers with the A4 table of a pool.
func (g calls) GetPool(w http.ResponseWriter, r *http.Request, namespace gatewayapi.Namespace, name gatewayapi.Pool) {
	c := callOf(w, opPool)
	_, p := g.caller(r, namespace, name)
	var pool *licensing.LicensePool
	if p == nil {
		pool, p = g.findPool(r.Context(), types.NamespacedName{Namespace: namespace, Name: name})
	}
	if p != nil {
		c.refuse(p)
		return
	}
	c.sendJSON(usageOf(pool))
}

// findPool is the pool as the watch shows it, or else as the API server has it: it may have been made a moment ago.
func (g *Gateway) findPool(ctx context.Context, key types.NamespacedName) (*licensing.LicensePool, *problem) {
	if pool := g.view.pool(key); pool != nil {
		return pool, nil
	}
	ctx, cancel := context.WithTimeout(ctx, lookupTime)
	defer cancel()
	pool := &licensing.LicensePool{}
	switch err := g.Live.Get(ctx, key, pool); {
	case err == nil:
		return pool, nil
	case apierrors.IsNotFound(err):
		return nil, poolNotFound(key)
	case apierrors.IsForbidden(err): // the operator serves other namespaces only
		return nil, refused(gatewayapi.ReasonPoolNotFound, "Seatkeeper does not serve namespace %s.", key.Namespace)
	default:
		return nil, apiAway()
	}
}

func poolNotFound(key types.NamespacedName) *problem {
	return refused(gatewayapi.ReasonPoolNotFound, "Namespace %s has no LicensePool %s.", key.Namespace, key.Name)
}

func usageOf(pool *licensing.LicensePool) *gatewayapi.PoolUsage {
	usage := &gatewayapi.PoolUsage{Name: pool.Name, DisplayName: pool.Spec.DisplayName, Model: gatewayapi.LicensingModel(modelOf(pool)),
		Named: rowOf(pool.Status.Named), Concurrent: rowOf(pool.Status.Concurrent)}
	for _, kind := range []string{licensing.ConditionReady, licensing.ConditionSeatsAvailable, licensing.ConditionInForce} {
		if c := meta.FindStatusCondition(pool.Status.Conditions, kind); c != nil {
			usage.Conditions = append(usage.Conditions, gatewayapi.Condition{Type: c.Type, Status: gatewayapi.ConditionStatus(c.Status), Reason: c.Reason,
				Message: c.Message, LastTransitionTime: c.LastTransitionTime.UTC()})
		}
	}
	return usage
}

// modelOf is the pool's model, which follows from its spec (A3): a pool that the leader has not seen yet has one, too.
func modelOf(pool *licensing.LicensePool) licensing.LicensingModel {
	switch {
	case pool.Spec.Named != nil && pool.Spec.Concurrent != nil:
		return licensing.ModelCombined
	case pool.Spec.Named != nil:
		return licensing.ModelNamed
	default:
		return licensing.ModelConcurrent
	}
}

func rowOf(counts *licensing.SeatCounts) *gatewayapi.ModelUsage {
	if counts == nil {
		return nil
	}
	return &gatewayapi.ModelUsage{Licensed: number(counts.Licensed), Used: number(counts.Used), Available: number(counts.Available),
		Accounts: number(counts.Accounts), Connected: number(counts.Connected)}
}

func number(n *int32) int32 {
	if n == nil {
		return 0
	}
	return *n
}
