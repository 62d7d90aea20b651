// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/internal/grid"
)

// models says which pools are combined, where a session's seat tells something (A7).
type models struct {
	pools map[types.NamespacedName]bool
	// unknown: the pools may not be read.
	unknown bool
}

func readModels(ctx context.Context, api client.Reader, namespace string) (models, error) {
	list := &licensing.LicensePoolList{}
	err := api.List(ctx, list, client.InNamespace(namespace))
	if apierrors.IsForbidden(err) {
		return models{unknown: true}, nil
	}
	if err != nil {
		return models{}, explain(err, subject{plural: "license pools", namespace: namespace})
	}
	m := models{pools: map[types.NamespacedName]bool{}}
	for i := range list.Items {
		pool := &list.Items[i]
		m.pools[client.ObjectKeyFromObject(pool)] = pool.Spec.Named != nil && pool.Spec.Concurrent != nil
	}
	return m, nil
}

// combined says whether a session's pool is, as far as is known.
func (m models) combined(s *licensing.UserSession) bool {
	return m.unknown || m.pools[types.NamespacedName{Namespace: s.Namespace, Name: s.Spec.PoolRef.Name}]
}

// anyCombined says whether any pool of these names is; no names: any at all.
func (m models) anyCombined(names []string) bool {
	filter := grid.Filter{Pools: names}
	for key, combined := range m.pools {
		if combined && filter.MatchFacts(&grid.Row{Namespace: key.Namespace, Pool: key.Name}) {
			return true
		}
	}
	return m.unknown
}

// missing says which of these names stand for no pool, as far as is known; empty: each stands for one.
func (m models) missing(names []string) string {
	var lines []string
	for _, name := range names {
		filter := grid.Filter{Pools: []string{name}}
		there := m.unknown
		for key := range m.pools {
			there = there || filter.MatchFacts(&grid.Row{Namespace: key.Namespace, Pool: key.Name})
		}
		if !there {
			lines = append(lines, "There is no license pool "+printable(name)+" here. `kubectl seats pools -A` lists those there are.")
		}
	}
	return strings.Join(lines, "\n")
}
