// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/internal/facts"
	"github.com/seatkeeper/seatkeeper/internal/seating"
)

// listPage is how many objects a live list takes at once.
const listPage = 2000

// drawnKept is how many of its own terms a manager remembers: more than it draws while a watch is late.
const drawnKept = 16

// takeTerm makes this manager the pool's allocator. Writing a fresh term makes every older allocator's next write of the pool fail; the lists that
// follow come from the API server itself, so they show all that any of them has granted, and the intents found on the pool are what they may still be
// granting. All of that counts as taken.
func (r *LicensePoolReconciler) takeTerm(ctx context.Context, b *book) error {
	pool := &licensing.LicensePool{}
	if err := r.Live.Get(ctx, b.key, pool); apierrors.IsNotFound(err) {
		return errFenced
	} else if err != nil {
		return fmt.Errorf("reading the pool: %w", err)
	}
	term, err := newTerm(r.chance())
	if err != nil {
		return fmt.Errorf("drawing a term: %w", err)
	}
	b.drawn = append(b.drawn[max(0, len(b.drawn)-(drawnKept-1)):], term)
	if pool.Status.Grants == nil {
		pool.Status.Grants = &licensing.GrantLog{}
	}
	pool.Status.Grants.Term = term
	if err := r.writePool(ctx, pool); err != nil {
		return fmt.Errorf("taking the term: %w", err)
	}

	ofPool := client.MatchingFields{"spec.poolRef.name": b.key.Name}
	sessions, sessionsListed, err := listAll(ctx, r.Live, b.key.Namespace, &licensing.UserSessionList{}, sessionsOf, ofPool)
	if err != nil {
		return fmt.Errorf("listing the pool's sessions: %w", err)
	}
	accounts, accountsListed, err := listAll(ctx, r.Live, b.key.Namespace, &licensing.LicenseAccountList{}, accountsOf, ofPool)
	if err != nil {
		return fmt.Errorf("listing the pool's accounts: %w", err)
	}

	seen := b.firstSeen
	listed := map[types.UID]bool{}
	for _, s := range sessions {
		listed[s.UID] = true
	}
	for uid := range inOrder(b.sessions) {
		if !listed[uid] {
			b.dropSession(uid, sessionsListed) // deleted, though the watch has not told so yet
		}
	}
	b.meetRules(pool, r.Clock.Now())
	for _, s := range sessions {
		if known, ok := b.sessions[s.UID]; !ok || known.ResourceVersion != s.ResourceVersion {
			b.nearer[s.UID] = facts.Revision(s.ResourceVersion) // this record may have brought the session's deadline nearer, unseen
		}
	}
	b.pool = pool
	b.clear()
	for _, intent := range pool.Status.Grants.Intents {
		b.todo[intent.UID] = intent
	}
	b.sessionsListed, b.accountsListed = "", ""
	b.found = map[types.UID]struct{}{}
	for _, s := range sessions {
		if s.Status.State == licensing.SessionActive {
			b.found[s.UID] = struct{}{}
		}
	}
	present := map[types.UID]bool{}
	for _, s := range sessions {
		present[s.UID] = true
		b.putSession(s, r.Clock.Now())
		if first, ok := seen[s.UID]; ok && b.firstSeen[s.UID] != (time.Time{}) {
			b.firstSeen[s.UID] = first
		}
	}
	for _, a := range accounts {
		present[a.UID] = true
		b.putAccount(a)
	}
	b.sessionsListed, b.accountsListed = sessionsListed, accountsListed
	for uid := range b.todo {
		if !present[uid] {
			delete(b.todo, uid) // its session or account is gone
		}
	}
	for _, intent := range pool.Status.Grants.Intents {
		b.recorded[intent.UID] = struct{}{}
	}
	if !pool.Status.Grants.SessionsFenced {
		if err := r.fence(ctx, b); err != nil {
			return err
		}
	}
	if len(pool.Status.Grants.Intents) > 0 {
		b.tidyAt = r.Clock.Now().Add(tidyAfter) // whoever recorded them may not be there any more to clear them
	}
	b.term, b.brake = term, brakeOf(pool)
	log.FromContext(ctx).Info("Took the pool's term", "sessions", len(sessions), "accounts", len(accounts), "openIntents", len(b.todo))
	return nil
}

// listAll lists, page by page, the objects that have these fields, and the revision they were listed at.
func listAll[L client.ObjectList, T any](ctx context.Context, from client.Reader, namespace string, list L, items func(L) []T, fields client.MatchingFields) ([]*T, string, error) {
	var all []*T
	for {
		err := from.List(ctx, list, client.InNamespace(namespace), fields,
			client.Limit(listPage), client.Continue(list.GetContinue()))
		if err != nil {
			return nil, "", err
		}
		page := items(list)
		for i := range page {
			all = append(all, &page[i])
		}
		if list.GetContinue() == "" {
			return all, list.GetResourceVersion(), nil
		}
	}
}

func sessionsOf(l *licensing.UserSessionList) []licensing.UserSession { return l.Items }

func accountsOf(l *licensing.LicenseAccountList) []licensing.LicenseAccount { return l.Items }

// reload reads the pool after a conflict. It fails with errFenced when the term is no longer this manager's.
func (r *LicensePoolReconciler) reload(ctx context.Context, b *book) error {
	pool := &licensing.LicensePool{}
	err := r.Live.Get(ctx, b.key, pool)
	if apierrors.IsNotFound(err) {
		b.pool = nil
		b.loseTerm(r.Clock.Now())
		return errFenced
	}
	if err != nil {
		return fmt.Errorf("reading the pool anew: %w", err)
	}
	if err := r.meetPool(ctx, b, pool); err != nil {
		return err
	}
	if b.term == "" {
		return errFenced
	}
	return nil
}

// adopt takes over an intent that is on the pool though this manager never heard that it was written.
func (r *LicensePoolReconciler) adopt(ctx context.Context, b *book, intent licensing.GrantIntent) error {
	b.recorded[intent.UID] = struct{}{}
	b.todo[intent.UID] = intent
	key := types.NamespacedName{Namespace: b.key.Namespace, Name: intent.Name}
	switch intent.Kind {
	case kindSession:
		session := &licensing.UserSession{}
		if err := r.Live.Get(ctx, key, session); client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("reading a session that has an intent: %w", err)
		}
		if session.UID != intent.UID {
			b.dropSession(intent.UID, b.pool.ResourceVersion)
			return nil
		}
		b.takeSession(session, r.Clock.Now())
	case kindAccount:
		account := &licensing.LicenseAccount{}
		if err := r.Live.Get(ctx, key, account); client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("reading an account that has an intent: %w", err)
		}
		if account.UID != intent.UID {
			b.dropAccount(intent.UID)
			return nil
		}
		b.takeAccount(account)
	}
	return nil
}

// fence writes anew each session and account that an earlier pool of this name may have intended to grant. The intents of a deleted pool are lost with
// it, yet a manager that is late may still be carrying them out: its patches carry the revision they were decided on, which now fails, and
// what it reads then bears this pool's uid.
func (r *LicensePoolReconciler) fence(ctx context.Context, b *book) error {
	var late []client.Object
	for _, s := range inOrder(b.sessions) {
		if facts.Session(s).State == seating.Pending && s.Status.PoolUID != string(b.pool.UID) {
			late = append(late, s)
		}
	}
	for _, a := range inOrder(b.accounts) {
		if a.Spec.Type == licensing.AccountNamed && !facts.HoldsSeat(a) && a.Status.PoolUID != string(b.pool.UID) {
			late = append(late, a)
		}
	}
	if len(late) == 0 {
		return nil
	}
	// A manager that slept before it listed them may have found those of a later pool: nobody takes over for one that is gone.
	if err := r.stillThere(ctx, b.pool); err != nil {
		return err
	}
	return r.each(ctx, b, late, func(ctx context.Context, obj client.Object) (client.Object, error) {
		for {
			fenced, err := r.stamp(ctx, obj, b.pool.UID)
			if apierrors.IsInvalid(err) || apierrors.IsForbidden(err) {
				log.FromContext(ctx).Error(err, "Left out of the pool until it is changed", "object", obj.GetName())
				return nil, errGone // it alone gets no seat; the others must not wait for it
			}
			if !apierrors.IsConflict(err) {
				return fenced, err
			}
			if obj, err = r.reread(ctx, obj); err != nil {
				return nil, err
			}
			if !awaitsGrant(obj) {
				return obj, nil
			}
			// What changed it may have been the fence of a still newer pool, which goes round once: that one's mark must stay.
			if err := r.stillThere(ctx, b.pool); err != nil {
				return nil, err
			}
		}
	})
}

// stillThere fails with errFenced if a pool is gone, or another one of the same name is in its place.
func (r *LicensePoolReconciler) stillThere(ctx context.Context, pool *licensing.LicensePool) error {
	now := &licensing.LicensePool{}
	if err := r.Live.Get(ctx, client.ObjectKeyFromObject(pool), now); client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("reading the pool before a session is taken over: %w", err)
	}
	if now.UID != pool.UID {
		return errFenced
	}
	return nil
}

// awaitsGrant says whether a grant could still be written to the object.
func awaitsGrant(obj client.Object) bool {
	switch o := obj.(type) {
	case *licensing.UserSession:
		return facts.Session(o).State == seating.Pending
	case *licensing.LicenseAccount:
		return !facts.HoldsSeat(o)
	default:
		return false
	}
}
