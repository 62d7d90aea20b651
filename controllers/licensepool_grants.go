// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/internal/facts"
	"github.com/seatkeeper/seatkeeper/internal/seating"
)

// What an intent gives a seat to.
const (
	kindSession = "UserSession"
	kindAccount = "LicenseAccount"
)

// allocate decides on all who wait and carries it out: seats are recorded on the pool in one write (a), then each is written to its holder (b), and the
// intents that are done leave the pool with its next write (c). Only the holder of the term calls it.
func (r *LicensePoolReconciler) allocate(ctx context.Context, b *book) (*seating.Plan, error) {
	late := r.carryOut(ctx, b) // what an earlier reconcile recorded and could not finish; it counts as taken, so others need not wait for it
	plan, err := r.recordPlan(ctx, b)
	if err != nil {
		return nil, errors.Join(late, err)
	}
	counted, open := len(b.sessions), maps.Clone(b.todo)
	late = r.carryOut(ctx, b)
	planned := len(plan.Ends)
	if old, fewer := r.Clock.Now().Sub(b.delivered) > staleAfter, len(b.sessions) < counted; old || fewer {
		plan.Ends = nil // who is displaced is decided anew: an intent's session may be gone, and the user have one fewer
	} else {
		b.spareDisplaced(plan, open, r.Clock.Now())
	}
	if len(plan.Ends) < planned {
		b.retryAt = r.Clock.Now().Add(soon)
	}
	// One whose write is refused must not keep the others from their answer.
	if err := errors.Join(late, r.answer(ctx, b, plan)); err != nil {
		return nil, err
	}
	if b.retryAt.After(plan.Next) && !plan.Next.IsZero() && !b.sweepFull && !b.moved(plan) {
		plan.Next = b.retryAt // made anew at once it would be the same
	}
	return plan, r.tidy(ctx, b)
}

// moved says whether anything came of a plan by which the next one may differ from it.
func (b *book) moved(plan *seating.Plan) bool {
	for _, e := range plan.Ends {
		if s, there := b.sessions[types.UID(e.Session)]; !there || facts.Session(s).State == seating.Ended {
			return true
		}
	}
	return len(plan.License)+len(plan.Grants)+len(plan.Denials) > 0
}

// recordPlan decides and records the seats on the pool. A conflict means that the pool is another than was decided on, in its spec, its term or its
// intents: then all who wait are decided on anew.
func (r *LicensePoolReconciler) recordPlan(ctx context.Context, b *book) (*seating.Plan, error) {
	confirmed := map[string]bool{}
	for range maxTries {
		decided := r.Clock.Now()
		plan := b.ledger.Decide(decided, max(0, min(maxIntents, maxOpenIntents-len(b.todo))))
		if b.moreDue {
			plan.SpareWhileDue(decided)
		}
		changed, err := r.confirmAccounts(ctx, b, plan, confirmed)
		if err != nil {
			return nil, err
		}
		if changed {
			continue
		}
		switch err := r.record(ctx, b, plan); {
		case err == nil && len(plan.Ends) > 0 && r.Clock.Now().Sub(decided) > staleAfter:
			continue // it slept: what was recorded stands, who is displaced is decided anew
		case err == nil:
			return plan, nil
		case !apierrors.IsConflict(err):
			return nil, err
		}
		if err := r.reload(ctx, b); err != nil {
			return nil, err
		}
	}
	return nil, apierrors.NewConflict(licensing.GroupVersion.WithResource("licensepools").GroupResource(), b.key.Name,
		fmt.Errorf("the pool changed %d times while seats were decided on", maxTries))
}

// record is step (a): the term, the counts and the intents in one update, with the pool's revision as its precondition.
// A plan that denies without granting has no such write to show that it was decided on the newest pool, so the pool is read instead: a denial is final.
func (r *LicensePoolReconciler) record(ctx context.Context, b *book, plan *seating.Plan) error {
	now := r.Clock.Now()
	status := r.poolStatus(b, plan.Table(), now)
	intents := b.intentsWith(plan)
	if len(plan.Grants)+len(plan.License) == 0 && shows(b.pool, status) && b.pool.Status.Grants.SessionsFenced {
		if len(plan.Denials)+len(plan.Ends) == 0 {
			return nil
		}
		newest := &licensing.LicensePool{}
		if err := r.Live.Get(ctx, b.key, newest); err != nil {
			return fmt.Errorf("reading the pool before a denial or an end: %w", err)
		}
		if newest.ResourceVersion != b.pool.ResourceVersion {
			return apierrors.NewConflict(licensing.GroupVersion.WithResource("licensepools").GroupResource(), b.key.Name, errors.New("the pool has changed"))
		}
		return nil
	}

	before := b.pool
	pool := b.pool.DeepCopy()
	pool.Status = *status
	pool.Status.Grants = &licensing.GrantLog{Term: b.term, SessionsFenced: true, Intents: intents}
	if err := r.writePool(ctx, pool); err != nil {
		return fmt.Errorf("recording seats on the pool: %w", err)
	}
	b.pool = pool
	b.learn(plan, intents)
	b.tidyAt = time.Time{}
	if len(intents) > 0 {
		b.tidyAt = now.Add(tidyAfter)
	}
	r.announcePool(before, pool)
	return nil
}

// writePool writes a pool's status, on the condition that nobody wrote the pool since it was read.
func (r *LicensePoolReconciler) writePool(ctx context.Context, pool *licensing.LicensePool) error {
	if err := r.Client.Status().Update(ctx, pool); err != nil {
		return err
	}
	poolWrites.WithLabelValues(pool.Namespace, pool.Name).Inc()
	return nil
}

// intentsWith lists the intents still open and those of the plan.
func (b *book) intentsWith(plan *seating.Plan) []licensing.GrantIntent {
	var intents []licensing.GrantIntent
	for _, intent := range inOrder(b.todo) {
		intents = append(intents, intent)
	}
	for _, id := range plan.License {
		a := b.accounts[types.UID(id)]
		intents = append(intents, licensing.GrantIntent{Kind: kindAccount, Name: a.Name, UID: a.UID, Seat: licensing.SeatNamed})
	}
	for _, g := range plan.Grants {
		s := b.sessions[types.UID(g.Session)]
		intents = append(intents, licensing.GrantIntent{Kind: kindSession, Name: s.Name, UID: s.UID, Seat: licensing.SeatType(g.Seat), Connection: g.Connection})
	}
	return intents
}

// learn takes a recorded plan into the ledger.
func (b *book) learn(plan *seating.Plan, intents []licensing.GrantIntent) {
	b.recorded = map[types.UID]struct{}{}
	for _, intent := range intents {
		b.recorded[intent.UID] = struct{}{}
		b.todo[intent.UID] = intent
	}
	for _, g := range plan.Grants {
		b.ledger.Grant(g)
		delete(b.firstSeen, types.UID(g.Session))
	}
	for _, id := range plan.License {
		if a, ok := b.ledger.Account(id); ok {
			a.Licensed = true
			b.ledger.PutAccount(a)
		}
	}
}

// carryOut is step (b): each open intent is written to its session or account, whose revision is the precondition. An intent that cannot be carried out
// because its holder ended or went away is dropped; one whose write failed stays open, and counts.
func (r *LicensePoolReconciler) carryOut(ctx context.Context, b *book) error {
	var holders []client.Object
	for uid := range inOrder(b.todo) {
		if s, ok := b.sessions[uid]; ok {
			holders = append(holders, s)
		} else if a, ok := b.accounts[uid]; ok {
			holders = append(holders, a)
		} else {
			delete(b.todo, uid)
		}
	}
	now, todo, rules := r.Clock.Now(), b.todo, b.ledger.Rules()
	confirmed, err := r.confirmedIntents(ctx, b)
	if err != nil {
		return err
	}
	var mu sync.Mutex
	var void []client.Object
	err = r.each(ctx, b, holders, func(ctx context.Context, obj client.Object) (client.Object, error) {
		intent, confirmed := todo[obj.GetUID()], confirmed
		for {
			if !awaitsGrant(obj) {
				return obj, nil
			}
			var written client.Object
			var err error
			switch o := obj.(type) {
			case *licensing.UserSession:
				if takenOver(o, b.pool) {
					return obj, nil
				}
				written, err = r.grantSession(ctx, o, intent, rules, r.Clock.Now()) // it is on from now, however long it was on the way
			case *licensing.LicenseAccount:
				if !confirmed.intents[intent] {
					mu.Lock()
					defer mu.Unlock()
					void = append(void, obj)
					return obj, nil
				}
				written, err = r.licenseAccount(ctx, o, confirmed.by, now)
			}
			if !apierrors.IsConflict(err) {
				return written, err
			}
			if obj, err = r.reread(ctx, obj); err != nil {
				return nil, err
			}
			if confirmed, err = r.confirmedIntents(ctx, b); err != nil {
				return nil, err
			}
		}
	})
	for _, obj := range void {
		delete(b.todo, obj.GetUID())
		b.take(obj, now)
	}
	return err
}

// confirmedIntents are those of accounts that are on the pool now; none when this manager has none to carry out.
//
// A session that ends never comes back, but an account can give its seat up and want it again. So that a manager that slept since it recorded an account's intent
// does not carry it out a second time, the intent must still be on the pool after the account was read: whoever takes it off
// writes the account first, and then the account's write fails.
func (r *LicensePoolReconciler) confirmedIntents(ctx context.Context, b *book) (confirmed confirmedIntents, err error) {
	wanted := false
	for _, intent := range b.todo {
		wanted = wanted || intent.Kind == kindAccount
	}
	if !wanted {
		return confirmed, nil
	}
	pool := &licensing.LicensePool{}
	if err := r.Live.Get(ctx, b.key, pool); client.IgnoreNotFound(err) != nil {
		return confirmed, fmt.Errorf("confirming the seats of accounts: %w", err)
	}
	confirmed.by, confirmed.intents = pool.UID, map[licensing.GrantIntent]bool{}
	if pool.Status.Grants != nil {
		for _, intent := range pool.Status.Grants.Intents {
			confirmed.intents[intent] = true
		}
	}
	return confirmed, nil
}

// confirmedIntents are the intents on a pool, by the pool's uid.
type confirmedIntents struct {
	by      types.UID
	intents map[licensing.GrantIntent]bool
}

// tidy clears carried-out intents off a pool that has been left alone for a while, for the sake of those who read it.
func (r *LicensePoolReconciler) tidy(ctx context.Context, b *book) error {
	now := r.Clock.Now()
	if b.tidyAt.IsZero() || now.Before(b.tidyAt) {
		return nil
	}
	if len(b.todo) > 0 {
		b.tidyAt = now.Add(tidyAfter)
		return nil
	}
	pool := b.pool.DeepCopy()
	pool.Status.Grants.Intents = nil
	if err := r.writePool(ctx, pool); err != nil {
		return fmt.Errorf("clearing intents off the pool: %w", err)
	}
	b.pool, b.tidyAt = pool, time.Time{}
	b.recorded = map[types.UID]struct{}{}
	return nil
}
