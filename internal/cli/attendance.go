// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/internal/facts"
	"github.com/seatkeeper/seatkeeper/internal/grid"
)

// attendance says what the records tell of each user: who is signed on, and when each last signed on.
type attendance struct {
	// sensitive are the pools that tell user names apart by case.
	sensitive map[types.NamespacedName]bool
	people    map[person]attended
	// refused is why sessions may not be read; nil: they may.
	refused error
}

// person is a user of a pool; the name is folded where its case does not matter.
type person struct {
	pool types.NamespacedName
	user string
}

type attended struct {
	lastLogin   time.Time
	connections map[string]struct{}
	sessions    int
}

// readAttendance reads the sessions of these pools, or of all, a page at a time.
func readAttendance(ctx context.Context, api client.Reader, namespace string, pools []string, chunk int64) (*attendance, error) {
	a := &attendance{sensitive: map[types.NamespacedName]bool{}, people: map[person]attended{}}
	list := &licensing.LicensePoolList{}
	if err := api.List(ctx, list, client.InNamespace(namespace)); err != nil && !apierrors.IsForbidden(err) {
		return nil, explain(err, subject{plural: "license pools", namespace: namespace})
	}
	for i := range list.Items {
		a.sensitive[client.ObjectKeyFromObject(&list.Items[i])] = list.Items[i].Spec.UserNameCase == licensing.UserNameCaseSensitive
	}
	s := &selection{namespace: namespace, chunk: chunk, labels: labels.Everything(), fields: fields.Everything(), filter: grid.Filter{Pools: pools}}
	_, err := s.pages(ctx, api, func(page []licensing.UserSession) error {
		for i := range page {
			a.take(&page[i])
		}
		return nil
	})
	if apierrors.IsForbidden(err) {
		a.refused = err
		return a, nil
	}
	return a, err
}

func (a *attendance) take(s *licensing.UserSession) {
	logon := facts.Time(s.Status.LogonTime)
	if logon.IsZero() {
		return // it was never granted
	}
	key := a.person(types.NamespacedName{Namespace: s.Namespace, Name: s.Spec.PoolRef.Name}, s.Spec.UserName)
	was := a.people[key]
	if logon.After(was.lastLogin) {
		was.lastLogin = logon
	}
	if s.Status.State == licensing.SessionActive {
		was.sessions++
		if s.Status.Connection != "" {
			if was.connections == nil {
				was.connections = map[string]struct{}{}
			}
			was.connections[s.Status.Connection] = struct{}{}
		}
	}
	a.people[key] = was
}

func (a *attendance) of(account *licensing.LicenseAccount) attended {
	return a.people[a.person(types.NamespacedName{Namespace: account.Namespace, Name: account.Spec.PoolRef.Name}, account.Spec.UserName)]
}

func (a *attendance) person(pool types.NamespacedName, user string) person {
	if !a.sensitive[pool] {
		user = grid.Fold(user)
	}
	return person{pool, user}
}
