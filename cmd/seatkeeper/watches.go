// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/apimachinery/pkg/watch"
	toolscache "k8s.io/client-go/tools/cache"
)

// watchAgain is the least pause before an API server that is away is asked again for a list or a watch, and half of the longest.
const watchAgain = time.Second

// newInformer makes an informer that sees an API server that is back within two seconds. The library's own pauses grow to a minute, in which a replica would not see what it can write already.
func newInformer(from toolscache.ListerWatcher, object runtime.Object, resync time.Duration, indexers toolscache.Indexers) toolscache.SharedIndexInformer {
	source := toolscache.ToListerWatcherWithContext(from)
	return toolscache.NewSharedIndexInformer(&toolscache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
			return whileAway(ctx, func() (runtime.Object, error) { return source.ListWithContext(ctx, options) })
		},
		WatchFuncWithContext: func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
			return whileAway(ctx, func() (watch.Interface, error) { return source.WatchWithContext(ctx, options) })
		},
	}, object, resync, indexers)
}

// whileAway tries again as long as the API server is away and the context lasts.
func whileAway[T any](ctx context.Context, try func() (T, error)) (T, error) {
	for {
		result, err := try()
		if err == nil || !away(err) || ctx.Err() != nil {
			return result, err
		}
		select {
		case <-ctx.Done():
			return result, err
		case <-time.After(watchAgain + rand.N(watchAgain)): //nolint:gosec // spread, not secret
		}
	}
}

// mayPass says whether what keeps a replica from starting may pass by itself: the API server is away, or refuses. One that has just started refuses those whose permissions it has not read yet.
func mayPass(err error) bool {
	var answer apierrors.APIStatus
	return away(err) || errors.As(err, &answer)
}

// away says whether an error is for want of an API server, rather than its answer.
func away(err error) bool {
	return utilnet.IsConnectionRefused(err) || utilnet.IsConnectionReset(err) || utilnet.IsProbableEOF(err) || utilnet.IsTimeout(err) || apierrors.IsServiceUnavailable(err)
}
