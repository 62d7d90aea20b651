// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/internal/facts"
	"github.com/seatkeeper/seatkeeper/internal/seating"
)

// answer tells all whom a plan gave no seat: sessions that are denied or wait, and accounts that stand otherwise than their condition says. None of
// that gives anything away, so each write needs no more than its own precondition.
func (r *LicensePoolReconciler) answer(ctx context.Context, b *book, plan *seating.Plan) error {
	now := r.Clock.Now()
	ending, crowded := map[types.UID]seating.End{}, map[string]bool{}
	denials, waits := map[types.UID]seating.Denial{}, map[types.UID]seating.Denial{}
	var objects []client.Object
	for _, d := range plan.Denials {
		denials[types.UID(d.Session)] = d
	}
	for _, d := range plan.Waits {
		waits[types.UID(d.Session)] = d
	}
	// Since the plan was made its grants were written, and a session that was gone by then is no longer in the book.
	tell := func(uid types.UID) {
		if s, there := b.sessions[uid]; there {
			objects = append(objects, s)
		}
	}
	for uid := range inOrder(denials) {
		delete(waits, uid)
		tell(uid)
	}
	for uid := range inOrder(waits) {
		tell(uid)
	}
	for _, e := range plan.Ends {
		s, there := b.sessions[types.UID(e.Session)]
		if !there {
			continue
		}
		if e.Action == seating.OldestSessionTerminated { // the others are of logins that somebody took back
			user := b.ledger.Rules().UserKey(s.Spec.UserName)
			if _, looked := crowded[user]; !looked {
				if len(crowded) > 0 && r.slow(b) {
					b.retryAt = now.Add(soon) // its turn comes: by more looks the ends that were looked at would be too old to be written
					continue
				}
				var err error
				if crowded[user], err = r.stillCrowded(ctx, b, user); err != nil {
					return err
				}
			}
			if !crowded[user] {
				b.retryAt = now.Add(soon)
				continue
			}
		}
		ending[s.UID] = e
		tell(s.UID)
	}
	standings := map[types.UID]seating.Standing{}
	b.noteDue()
	for uid := range inOrder(b.due) {
		if _, open := b.todo[uid]; open {
			continue
		}
		st := b.ledger.Standing(string(uid))
		if plan.MoreToLicense && st.Reason == seating.SeatsExhausted {
			continue // not before it is sure that no seat is left for it
		}
		standings[uid] = st
		objects = append(objects, b.accounts[uid])
	}
	return r.each(ctx, b, objects, func(ctx context.Context, obj client.Object) (client.Object, error) {
		var written client.Object
		var err error
		switch o := obj.(type) {
		case *licensing.LicenseAccount:
			if written, err = r.judgeAccount(ctx, o, standings[o.UID], now); err == nil {
				r.announceAccount(o, standings[o.UID])
			}
		case *licensing.UserSession:
			if e, ends := ending[o.UID]; ends {
				written, err = r.endSession(ctx, b, o, e, b.delivered)
			} else if d, denied := denials[o.UID]; denied {
				written, err = r.denySession(ctx, o, d, now)
			} else {
				written, err = r.queueSession(ctx, o, waits[o.UID], now)
			}
		}
		return unlessChanged(written, err)
	})
}

// spareDisplaced takes those ends out of a plan that are not to be written now: of the oldest sessions of users of whom another is about to end, so that there may be room without, or of whom a
// grant that was open when the plan was made is written now, so that another is the oldest; and all that are more than a sweep's, since each takes a look at who comes instead.
func (b *book) spareDisplaced(plan *seating.Plan, open map[types.UID]licensing.GrantIntent, now time.Time) {
	if len(plan.Ends) == 0 {
		return
	}
	displaced, unsettled := map[types.UID]bool{}, map[string]bool{}
	for _, e := range plan.Ends {
		displaced[types.UID(e.Session)] = e.Action == seating.OldestSessionTerminated
	}
	for uid, s := range b.sessions {
		if s.Status.State == licensing.SessionActive && !s.Spec.SystemLogin && !b.wasRefused(uid) && (facts.Session(s).Life.Termination != nil || !displaced[uid] && b.justTried(uid, now)) {
			unsettled[b.ledger.Rules().UserKey(s.Spec.UserName)] = true
		}
	}
	for uid := range open {
		if s, there := b.sessions[uid]; there && s.Status.State == licensing.SessionActive {
			unsettled[b.ledger.Rules().UserKey(s.Spec.UserName)] = true
		}
	}
	plan.Ends = slices.DeleteFunc(plan.Ends, func(e seating.End) bool {
		s, there := b.sessions[types.UID(e.Session)]
		return there && displaced[s.UID] && (b.sweepFull || unsettled[b.ledger.Rules().UserKey(s.Spec.UserName)])
	})
	slices.SortStableFunc(plan.Ends, func(x, y seating.End) int {
		return lastIf(b.wasRefused(types.UID(x.Session)), b.wasRefused(types.UID(y.Session)))
	})
	plan.Ends = plan.Ends[:min(len(plan.Ends), maxSweep)]
}

// stillCrowded says whether a login of the user waits and all who were on still are, as the API server has them now: nobody is to end for a login that was withdrawn, or where there is room
// by a session that has gone. Where there are very many sessions, or answers are slow, only some of those who are on are looked at.
func (r *LicensePoolReconciler) stillCrowded(ctx context.Context, b *book, user string) (bool, error) {
	comes, looks := false, 0
	for uid, s := range inOrder(b.sessions) {
		before := facts.Session(s)
		_, granted := b.todo[uid]
		if user != b.ledger.Rules().UserKey(s.Spec.UserName) || before.System || granted || before.State == seating.Ended {
			continue
		}
		if before.State == seating.Pending && comes || before.State == seating.Held && (looks == maxSweep || r.slow(b)) {
			continue
		}
		newest, err := r.reread(ctx, s)
		switch {
		case apierrors.IsNotFound(err):
			if b.dropSession(uid, ""); before.State == seating.Held {
				return false, nil
			}
			continue
		case err != nil:
			return false, fmt.Errorf("looking whether another session is still to end for a login: %w", err)
		}
		b.take(newest, r.Clock.Now())
		now := facts.Session(b.sessions[uid])
		stays := now.State == before.State && (now.Life.Termination == nil || b.wasRefused(uid))
		if before.State == seating.Pending {
			comes = stays
		} else if looks++; !stays {
			return false, nil
		}
	}
	return comes, nil
}

// slow says whether half the time has passed for which what the watches showed is good for an end.
func (r *LicensePoolReconciler) slow(b *book) bool {
	return r.Clock.Now().Sub(b.delivered) > staleAfter/2
}

// tellPoolMissing tells sessions and accounts that their pool does not exist. A session stays Pending and is decided on when the pool appears; an account
// that already has a condition keeps it, and a named one its seat: the pool may be back in a moment.
func (r *LicensePoolReconciler) tellPoolMissing(ctx context.Context, b *book) error {
	now := r.Clock.Now()
	var objects []client.Object
	for _, s := range inOrder(b.sessions) {
		c := meta.FindStatusCondition(s.Status.Conditions, licensing.ConditionGranted)
		if facts.Session(s).State == seating.Pending && (c == nil || c.Reason != licensing.ReasonPoolNotFound) {
			objects = append(objects, s)
		}
	}
	for _, a := range inOrder(b.accounts) {
		if meta.FindStatusCondition(a.Status.Conditions, licensing.ConditionLicensed) == nil {
			objects = append(objects, a)
		}
	}
	return r.each(ctx, b, objects, func(ctx context.Context, obj client.Object) (client.Object, error) {
		var written client.Object
		var err error
		switch o := obj.(type) {
		case *licensing.UserSession:
			written, err = r.patchSession(ctx, o, func(s *licensing.UserSession) {
				setGranted(s, metav1.ConditionFalse, licensing.ReasonPoolNotFound,
					"The pool "+s.Spec.PoolRef.Name+" does not exist in this namespace; the session waits for it to be created.", now)
				s.Status.WaitUntilTime = nil // it begins to wait anew when the pool is back
				rememberArrival(s, &s.Status.ArrivalRevision)
			})
		case *licensing.LicenseAccount:
			written, err = r.patchAccount(ctx, o, func(a *licensing.LicenseAccount) {
				setLicensed(a, seating.Standing{Reason: licensing.ReasonPoolNotFound,
					Message: "The pool " + a.Spec.PoolRef.Name + " does not exist in this namespace."}, now)
			})
		}
		return unlessChanged(written, err)
	})
}

// stamp writes to an object that this pool has taken it over from an earlier one of the same name.
func (r *LicensePoolReconciler) stamp(ctx context.Context, obj client.Object, poolUID types.UID) (client.Object, error) {
	if s, ok := obj.(*licensing.UserSession); ok {
		return r.patchSession(ctx, s, func(s *licensing.UserSession) {
			s.Status.PoolUID = string(poolUID)
			rememberArrival(s, &s.Status.ArrivalRevision)
		})
	}
	return r.patchAccount(ctx, obj.(*licensing.LicenseAccount), func(a *licensing.LicenseAccount) {
		a.Status.PoolUID = string(poolUID)
		rememberArrival(a, &a.Status.ArrivalRevision)
	})
}
