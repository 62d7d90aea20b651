// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"errors"
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

// foldUpTo is how many accounts a pool may have for all of them to be looked through for another spelling of a user's name. Above it only the same spelling is looked for:
// one of a moment ago in another spelling is then seen a moment later.
const foldUpTo = 500

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
		if d.Reason.OfAccount() || b.ledger.Rules().Named != nil {
			note(d.Session) // where there are named seats, who finds no other might have one
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
	enrolled, err := r.enroll(ctx, b, enroll)
	return changed || enrolled, err
}

// readAccounts takes in the accounts of these users as the API server has them now.
func (r *LicensePoolReconciler) readAccounts(ctx context.Context, b *book, names map[string]string) (bool, error) {
	all := len(names) >= listAllFrom || (b.ledger.Rules().FoldCase && len(b.accounts) <= foldUpTo)
	changed := false
	take := func(accounts []*licensing.LicenseAccount, about func(*licensing.LicenseAccount) bool) {
		present := map[types.UID]bool{}
		for _, a := range accounts {
			present[a.UID] = true
			changed = b.putAccount(a) || changed
		}
		for uid, a := range b.accounts {
			if about(a) && !present[uid] {
				b.dropAccount(uid)
				changed = true
			}
		}
	}
	if all {
		accounts, _, err := listAll(ctx, r.Live, b.key.Namespace, &licensing.LicenseAccountList{}, accountsOf, client.MatchingFields{"spec.poolRef.name": b.key.Name})
		if err != nil {
			return false, fmt.Errorf("looking for users' accounts: %w", err)
		}
		take(accounts, func(*licensing.LicenseAccount) bool { return true })
		return changed, nil
	}
	for _, name := range slices.Sorted(maps.Values(names)) {
		accounts, _, err := listAll(ctx, r.Live, b.key.Namespace, &licensing.LicenseAccountList{}, accountsOf,
			client.MatchingFields{"spec.poolRef.name": b.key.Name, "spec.userName": name})
		if err != nil {
			return false, fmt.Errorf("looking for a user's accounts: %w", err)
		}
		take(accounts, func(a *licensing.LicenseAccount) bool { return a.Spec.UserName == name })
	}
	return changed, nil
}

// enroll makes unknown users concurrent accounts. An account's name follows from its user's, so that two enrollments at once make one. A login is not refused
// for an account that cannot be made: that is logged, and tried again at the user's next login. It says whether any account is new to the book.
func (r *LicensePoolReconciler) enroll(ctx context.Context, b *book, sessions map[string]*licensing.UserSession) (bool, error) {
	rules := b.ledger.Rules()
	var accounts []client.Object
	for _, s := range inOrder(sessions) {
		if b.ledger.KnowsUser(s.Spec.UserName) {
			continue
		}
		accounts = append(accounts, &licensing.LicenseAccount{
			ObjectMeta: metav1.ObjectMeta{
				Namespace: b.key.Namespace,
				Name:      rules.EnrolledName(b.key.Name, s.Spec.UserName),
				Labels:    map[string]string{licensing.LabelEnrolled: "true"},
			},
			Spec: licensing.LicenseAccountSpec{
				PoolRef:      s.Spec.PoolRef,
				UserName:     s.Spec.UserName,
				UserFullName: s.Spec.UserFullName,
				Type:         licensing.AccountConcurrent,
			},
		})
	}
	known := len(b.accounts)
	err := r.each(ctx, b, accounts, func(ctx context.Context, obj client.Object) (client.Object, error) {
		wanted := obj.(*licensing.LicenseAccount)
		account := wanted.DeepCopy()
		err := r.Client.Create(ctx, account)
		if apierrors.IsAlreadyExists(err) {
			err = r.Live.Get(ctx, client.ObjectKeyFromObject(wanted), account)
		}
		switch {
		case err == nil && (account.Spec.PoolRef != wanted.Spec.PoolRef || rules.UserKey(account.Spec.UserName) != rules.UserKey(wanted.Spec.UserName)):
			err = errors.New("its name is taken by an account of another user or pool")
		case err == nil:
			return account, nil
		case !apierrors.IsForbidden(err) && !apierrors.IsInvalid(err) && !apierrors.IsNotFound(err):
			return nil, fmt.Errorf("enrolling a user: %w", err)
		}
		log.FromContext(ctx).Error(err, "Could not enroll a user", "account", wanted.Name)
		return nil, errGone
	})
	return len(b.accounts) > known, err
}
