// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"
	"maps"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/internal/seating"
)

// listAllFrom is how many users must be confirmed at once for one list of all accounts to be cheaper than a list for each.
const listAllFrom = 16

// confirmAccounts looks live at the accounts of users who are about to be enrolled, or denied for want of an account that lets them in: the watch may not have
// shown yet what an administrator wrote a moment ago, and neither can be undone. Users who are still unknown are enrolled. It says whether
// anything came to light that the plan did not know; the plan must then be made anew.
func (r *LicensePoolReconciler) confirmAccounts(ctx context.Context, b *book, plan *seating.Plan, confirmed map[string]bool) (bool, error) {
	names := map[string]string{} // by user key
	enroll := map[string]*licensing.UserSession{}
	note := func(session string) (string, *licensing.UserSession) {
		s := b.sessions[types.UID(session)]
		key := b.ledger.Rules().UserKey(s.Spec.UserName)
		if !confirmed[key] {
			names[key] = s.Spec.UserName
		}
		return key, s
	}
	for _, d := range plan.Denials {
		if d.Reason.OfAccount() {
			note(d.Session)
		}
	}
	for _, g := range plan.Grants {
		if g.Enroll {
			key, s := note(g.Session)
			if _, named := names[key]; named && enroll[key] == nil {
				enroll[key] = s
			}
		}
	}
	if len(names) == 0 {
		return false, nil
	}
	changed, err := r.readAccounts(ctx, b, names)
	if err != nil {
		return false, err
	}
	for key := range names {
		confirmed[key] = true
	}
	for _, s := range enroll {
		if b.ledger.KnowsUser(s.Spec.UserName) {
			continue
		}
		enrolled, err := r.enroll(ctx, b, s)
		if err != nil {
			return false, err
		}
		changed = changed || enrolled
	}
	return changed, nil
}

// readAccounts takes in the accounts of these users as the API server has them now.
func (r *LicensePoolReconciler) readAccounts(ctx context.Context, b *book, names map[string]string) (bool, error) {
	selectors := []client.MatchingFields{{"spec.poolRef.name": b.key.Name}}
	if len(names) < listAllFrom {
		selectors = nil
		for _, name := range slices.Sorted(maps.Values(names)) {
			selectors = append(selectors, client.MatchingFields{"spec.poolRef.name": b.key.Name, "spec.userName": name})
		}
	}
	changed := false
	for _, selector := range selectors {
		list := &licensing.LicenseAccountList{}
		if err := r.Live.List(ctx, list, client.InNamespace(b.key.Namespace), selector); err != nil {
			return false, fmt.Errorf("looking for users' accounts: %w", err)
		}
		for i := range list.Items {
			changed = b.putAccount(&list.Items[i]) || changed
		}
	}
	return changed, nil
}

// enroll makes an unknown user a concurrent account. Its name follows from the user's, so that two enrollments at once make one. A login is not refused
// for an account that cannot be made: that is logged, and tried again at the user's next login.
func (r *LicensePoolReconciler) enroll(ctx context.Context, b *book, s *licensing.UserSession) (bool, error) {
	account := &licensing.LicenseAccount{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: b.key.Namespace,
			Name:      b.ledger.Rules().EnrolledName(b.key.Name, s.Spec.UserName),
			Labels:    map[string]string{licensing.LabelEnrolled: "true"},
		},
		Spec: licensing.LicenseAccountSpec{
			PoolRef:      s.Spec.PoolRef,
			UserName:     s.Spec.UserName,
			UserFullName: s.Spec.UserFullName,
			Type:         licensing.AccountConcurrent,
		},
	}
	key := client.ObjectKeyFromObject(account)
	err := r.Client.Create(ctx, account)
	if apierrors.IsAlreadyExists(err) {
		err = r.Live.Get(ctx, key, account)
	}
	switch {
	case err == nil && b.ledger.Rules().UserKey(account.Spec.UserName) != b.ledger.Rules().UserKey(s.Spec.UserName):
		log.FromContext(ctx).Info("Could not enroll a user: the account's name is taken by another user's", "account", key.Name)
		return false, nil
	case err == nil:
		b.takeAccount(account)
		return true, nil
	case apierrors.IsForbidden(err), apierrors.IsInvalid(err), apierrors.IsNotFound(err):
		log.FromContext(ctx).Error(err, "Could not enroll a user", "account", key.Name)
		return false, nil
	default:
		return false, fmt.Errorf("enrolling a user: %w", err)
	}
}
