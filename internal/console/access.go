// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package console

import (
	"context"
	"sync"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
)

// accessAge is how old an answer about a permission may be. It only decides what is offered: the API server itself judges whatever is done.
const accessAge = 10 * time.Second

const (
	// reviewTimeout bounds what a page waits for what only decides what it offers: without an answer it shows what is known.
	reviewTimeout = 5 * time.Second
	// reviewsAtOnce is how many such questions are under way at a time.
	reviewsAtOnce = 16
)

// act is something that a person may be allowed to do.
type act struct{ verb, resource, namespace string }

// access asks the API server what the person may do.
type access struct {
	api   client.Client
	clock clock.PassiveClock

	mu    sync.Mutex
	known map[act]answer
}

type answer struct {
	allowed bool
	at      time.Time
}

func newAccess(api client.Client, clock clock.PassiveClock) *access {
	return &access{api: api, clock: clock, known: map[act]answer{}}
}

// may says whether the person may do something now, give or take accessAge. An empty namespace stands for all of them.
func (a *access) may(ctx context.Context, what act) (bool, error) {
	now := a.clock.Now()
	a.mu.Lock()
	known, ok := a.known[what]
	a.mu.Unlock()
	if ok && now.Sub(known.at) < accessAge {
		return known.allowed, nil
	}
	review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{
		ResourceAttributes: &authorizationv1.ResourceAttributes{
			Verb: what.verb, Group: licensing.GroupVersion.Group, Resource: what.resource, Namespace: what.namespace,
		},
	}}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	if err := a.api.Create(ctx, review); err != nil {
		return false, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.known[what] = answer{review.Status.Allowed, now}
	return review.Status.Allowed, nil
}

// mayTerminate says in which of the namespaces the person may end sessions. What could not be asked is not offered.
func (a *access) mayTerminate(ctx context.Context, namespaces map[string]bool) map[string]bool {
	ctx, cancel := context.WithTimeout(ctx, reviewTimeout)
	defer cancel()
	allowed := make(map[string]bool, len(namespaces))
	if len(namespaces) > 1 {
		if everywhere, err := a.may(ctx, act{"patch", "usersessions", ""}); err == nil && everywhere {
			for namespace := range namespaces {
				allowed[namespace] = true
			}
			return allowed
		}
	}
	var mu sync.Mutex
	var all sync.WaitGroup
	places := make(chan struct{}, reviewsAtOnce)
	for namespace := range namespaces {
		places <- struct{}{}
		all.Go(func() {
			defer func() { <-places }()
			if ok, err := a.may(ctx, act{"patch", "usersessions", namespace}); err == nil && ok {
				mu.Lock()
				defer mu.Unlock()
				allowed[namespace] = true
			}
		})
	}
	all.Wait()
	return allowed
}
