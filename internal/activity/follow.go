// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package activity

import (
	"context"
	"fmt"

	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
)

// Follow feeds the recorder with what the watches see. It is called before anything else uses the recorder.
func (r *Recorder) Follow(ctx context.Context, from cache.Cache) error {
	pools, err := from.GetInformer(ctx, &licensing.LicensePool{})
	if err != nil {
		return fmt.Errorf("watching pools: %w", err)
	}
	sessions, err := from.GetInformer(ctx, &licensing.UserSession{})
	if err != nil {
		return fmt.Errorf("watching sessions: %w", err)
	}
	putPool := func(obj any) {
		if p, ok := obj.(*licensing.LicensePool); ok {
			r.SetPool(client.ObjectKeyFromObject(p), p)
		}
	}
	seenPools, err := pools.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
		AddFunc:    putPool,
		UpdateFunc: func(_, obj any) { putPool(obj) },
		DeleteFunc: func(obj any) {
			if p, ok := last[*licensing.LicensePool](obj); ok {
				r.SetPool(client.ObjectKeyFromObject(p), nil)
			}
		},
	})
	if err != nil {
		return fmt.Errorf("watching pools: %w", err)
	}
	putSession := func(obj any) {
		if s, ok := obj.(*licensing.UserSession); ok {
			r.learn(s, true)
		}
	}
	seen, err := sessions.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
		AddFunc: putSession,
		UpdateFunc: func(before, obj any) {
			if was, ok := before.(*licensing.UserSession); ok && was.UID != obj.(*licensing.UserSession).UID {
				r.Forget(was.UID) // deleted and made again while the watch was away
			}
			putSession(obj)
		},
		DeleteFunc: func(obj any) {
			if s, ok := last[*licensing.UserSession](obj); ok {
				r.learn(s, true) // it may have ended otherwise before it was deleted
				r.Forget(s.UID)
			}
		},
	})
	if err != nil {
		return fmt.Errorf("watching sessions: %w", err)
	}
	r.synced = func() bool { return seen.HasSynced() && seenPools.HasSynced() }
	return nil
}

// last is the last state seen of an object that was deleted.
func last[T client.Object](obj any) (T, bool) {
	if gone, ok := obj.(toolscache.DeletedFinalStateUnknown); ok {
		obj = gone.Obj
	}
	object, ok := obj.(T)
	return object, ok
}
