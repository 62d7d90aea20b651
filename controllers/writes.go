// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
)

// errGone says that the object was deleted by the write.
var errGone = errors.New("deleted")

// each writes many sessions and accounts at once and takes the outcomes into the book. Objects that have gone are dropped; one that fails does not keep
// the others from being written.
func (r *LicensePoolReconciler) each(ctx context.Context, b *book, objects []client.Object,
	write func(context.Context, client.Object) (client.Object, error),
) error {
	written := make([]client.Object, len(objects))
	errs := make([]error, len(objects))
	if r.Parallel == 1 {
		for i, obj := range objects {
			written[i], errs[i] = write(ctx, obj)
		}
	} else {
		var group errgroup.Group
		group.SetLimit(cmp.Or(r.Parallel, parallelWrites))
		for i, obj := range objects {
			group.Go(func() error {
				written[i], errs[i] = write(ctx, obj)
				return nil
			})
		}
		_ = group.Wait() // each error stands in errs
	}

	now := r.Clock.Now()
	for i, obj := range objects {
		switch {
		case apierrors.IsNotFound(errs[i]), errors.Is(errs[i], errGone):
			b.drop(obj)
			errs[i] = nil
		case errors.Is(errs[i], errChanged):
			b.retryAt = now.Add(soon)
			errs[i] = nil
		case apierrors.IsInvalid(errs[i]), apierrors.IsForbidden(errs[i]):
			log.FromContext(ctx).Error(errs[i], "The API server refuses a write", "object", obj.GetName())
			b.refused = true
			b.refusals[obj.GetUID()] = struct{}{}
			errs[i] = nil
		case errs[i] == nil:
			delete(b.refusals, obj.GetUID())
			b.take(written[i], now)
		}
	}
	return summary(errs)
}

// wasRefused says whether the API server refused the last write of a session or account.
func (b *book) wasRefused(uid types.UID) bool {
	_, refused := b.refusals[uid]
	return refused
}

// refusedLast visits the sessions in the order of their uids, those of which the last write was refused after all others.
func (b *book) refusedLast() iter.Seq2[types.UID, *licensing.UserSession] {
	return func(yield func(types.UID, *licensing.UserSession) bool) {
		for _, last := range []bool{false, true} {
			for uid, s := range inOrder(b.sessions) {
				if b.wasRefused(uid) == last && !yield(uid, s) {
					return
				}
			}
		}
	}
}

// lastIf orders two by whether each comes last.
func lastIf(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	default:
		return -1
	}
}

// inOrder visits what a map holds in the order of its keys, so that the same knowledge leads to the same writes in the same order.
func inOrder[K cmp.Ordered, V any](m map[K]V) iter.Seq2[K, V] {
	return func(yield func(K, V) bool) {
		for _, key := range slices.Sorted(maps.Keys(m)) {
			if value, ok := m[key]; ok && !yield(key, value) {
				return
			}
		}
	}
}

// summary joins the first few errors: an outage fails all writes alike.
func summary(errs []error) error {
	const few = 3
	failed := slices.DeleteFunc(errs, func(err error) bool { return err == nil })
	if len(failed) <= few {
		return errors.Join(failed...)
	}
	return errors.Join(append(failed[:few:few], fmt.Errorf("and %d more", len(failed)-few))...)
}

// errChanged says that somebody else wrote the object meanwhile. The newer one is on its way by watch, and it is decided on anew soon: the watch itself may not wake
// the reconcile, if all that was written is activity.
var errChanged = errors.New("changed meanwhile")

const (
	// soon is when to look again after somebody else wrote an object; later, and not before, after a write was refused, unless something happens.
	soon  = 250 * time.Millisecond
	later = 5 * time.Second
)

// unlessChanged turns a conflict into errChanged.
func unlessChanged(written client.Object, err error) (client.Object, error) {
	if apierrors.IsConflict(err) {
		return nil, errChanged
	}
	return written, err
}

// reread reads an object from the API server; a namesake made later is not it.
func (r *LicensePoolReconciler) reread(ctx context.Context, obj client.Object) (client.Object, error) {
	var newest client.Object
	var resource string
	switch obj.(type) {
	case *licensing.UserSession:
		newest, resource = &licensing.UserSession{}, "usersessions"
	case *licensing.LicenseAccount:
		newest, resource = &licensing.LicenseAccount{}, "licenseaccounts"
	}
	key := types.NamespacedName{Namespace: obj.GetNamespace(), Name: obj.GetName()}
	if err := r.Live.Get(ctx, key, newest); err != nil {
		return nil, err
	}
	if newest.GetUID() != obj.GetUID() {
		return nil, apierrors.NewNotFound(schema.GroupResource{Group: licensing.GroupVersion.Group, Resource: resource}, obj.GetName())
	}
	return newest, nil
}

// patchSession writes a session's status, on the condition that nobody wrote the session in between.
func (r *LicensePoolReconciler) patchSession(ctx context.Context, s *licensing.UserSession, change func(*licensing.UserSession)) (*licensing.UserSession, error) {
	changed := s.DeepCopy()
	change(changed)
	patch := client.MergeFromWithOptions(s, client.MergeFromWithOptimisticLock{})
	if err := r.Client.Status().Patch(ctx, changed, patch); err != nil {
		return nil, fmt.Errorf("writing session %s: %w", s.Name, err)
	}
	return changed, nil
}

// patchAccount writes an account's status, on the condition that nobody wrote the account in between.
func (r *LicensePoolReconciler) patchAccount(ctx context.Context, a *licensing.LicenseAccount, change func(*licensing.LicenseAccount)) (*licensing.LicenseAccount, error) {
	changed := a.DeepCopy()
	change(changed)
	patch := client.MergeFromWithOptions(a, client.MergeFromWithOptimisticLock{})
	if err := r.Client.Status().Patch(ctx, changed, patch); err != nil {
		return nil, fmt.Errorf("writing account %s: %w", a.Name, err)
	}
	return changed, nil
}
