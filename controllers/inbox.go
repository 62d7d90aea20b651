// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"sync"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/internal/facts"
)

// inbox holds what the watches saw of each pool's sessions and accounts until the pool's reconcile takes it in. So a reconcile costs as much as
// has changed, not as much as there is.
type inbox struct {
	mu    sync.Mutex
	pools map[types.NamespacedName]map[types.UID]letter
}

// letter is the newest seen of one object.
type letter struct {
	object client.Object
	gone   bool
	// at is a revision at which an object that is gone was so; empty: none is known, since a list that lacks it does not tell.
	at string
}

func newInbox() *inbox {
	return &inbox{pools: map[types.NamespacedName]map[types.UID]letter{}}
}

func (in *inbox) put(pool types.NamespacedName, l letter) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.pools[pool] == nil {
		in.pools[pool] = map[types.UID]letter{}
	}
	in.pools[pool][l.object.GetUID()] = l
}

func (in *inbox) take(pool types.NamespacedName) map[types.UID]letter {
	in.mu.Lock()
	defer in.mu.Unlock()
	letters := in.pools[pool]
	delete(in.pools, pool)
	return letters
}

// poolOf names the pool that a session or an account belongs to.
func poolOf(obj client.Object) types.NamespacedName {
	switch o := obj.(type) {
	case *licensing.UserSession:
		return types.NamespacedName{Namespace: o.Namespace, Name: o.Spec.PoolRef.Name}
	case *licensing.LicenseAccount:
		return types.NamespacedName{Namespace: o.Namespace, Name: o.Spec.PoolRef.Name}
	default:
		return client.ObjectKeyFromObject(obj)
	}
}

// handler puts each event into the inbox. It wakes the pool's reconcile if the event matters to it: activity and freshness writes do not.
func (in *inbox) handler() handler.EventHandler {
	type queue = workqueue.TypedRateLimitingInterface[reconcile.Request]
	deliver := func(l letter, q queue) {
		pool := poolOf(l.object)
		in.put(pool, l)
		q.Add(reconcile.Request{NamespacedName: pool})
	}
	return handler.Funcs{
		CreateFunc: func(_ context.Context, e event.CreateEvent, q queue) { deliver(letter{object: e.Object}, q) },
		UpdateFunc: func(_ context.Context, e event.UpdateEvent, q queue) {
			if e.ObjectOld.GetUID() != e.ObjectNew.GetUID() { // deleted and made again while the watch was away
				deliver(letter{object: e.ObjectOld, gone: true, at: e.ObjectNew.GetResourceVersion()}, q)
				deliver(letter{object: e.ObjectNew}, q)
				return
			}
			if matters(e.ObjectOld, e.ObjectNew) {
				deliver(letter{object: e.ObjectNew}, q)
				return
			}
			in.put(poolOf(e.ObjectNew), letter{object: e.ObjectNew})
		},
		DeleteFunc: func(_ context.Context, e event.DeleteEvent, q queue) {
			gone := letter{object: e.Object, gone: true}
			if !e.DeleteStateUnknown { // else it is as it was last seen
				gone.at = e.Object.GetResourceVersion()
			}
			deliver(gone, q)
		},
	}
}

// matters says whether an update may change what is to be done before the time comes that was reckoned with. Of a session that holds a seat, its facts being
// immutable, its end does, and what brings its deadline nearer or answers a prompt. Activity and heartbeats as they go on do not: they only put deadlines off.
func matters(before, after client.Object) bool {
	was, ok := before.(*licensing.UserSession)
	if !ok {
		return true
	}
	is := after.(*licensing.UserSession)
	wasLife, isLife := facts.Life(was), facts.Life(is)
	return is.Status.State != licensing.SessionActive || was.Status.State != is.Status.State || was.Generation != is.Generation ||
		was.DeletionTimestamp.IsZero() != is.DeletionTimestamp.IsZero() || wasLife.Shown.Prompt || wasLife.UnsavedWork != isLife.UnsavedWork ||
		isLife.LastActivity.Before(wasLife.LastActivity) || isLife.LastHeartbeat.Before(wasLife.LastHeartbeat) ||
		(wasLife.HeardBy != "" && isLife.HeardBy == "") || wasLife.LastHeartbeat.IsZero() != isLife.LastHeartbeat.IsZero()
}
