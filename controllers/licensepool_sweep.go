// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"cmp"
	"context"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/internal/facts"
	"github.com/seatkeeper/seatkeeper/internal/seating"
)

// maxSweep bounds the ends, the outlooks and the cleared records of one reconcile, each: some 100 ms of writes, for which a login may have to wait.
const maxSweep = 32

// sweepPlan decides on the sessions whose turn has come.
func (r *LicensePoolReconciler) sweepPlan(b *book) *seating.Sweep {
	m := seating.Moment{Now: r.Clock.Now(), Most: maxSweep, Adopted: b.adopted, Patient: b.patient, RulesRevision: b.rulesRevision, Brake: b.brake, LongestBrake: r.LongestHold,
		Last: func(id string) bool { return b.wasRefused(types.UID(id)) }}
	if r.Roster != nil {
		switch since, fresh := r.Roster.Since(); {
		case !fresh:
			m.Adopted = m.Now // what the replicas say is not heard: nobody is sentenced
		case since.After(m.Adopted):
			m.Adopted = since
			fallthrough
		default:
			b.ledger.SetWitnesses(r.Roster.Witnesses(b.key), since)
		}
	}
	m.Until = m.Adopted.Add(seating.Hearing(b.ledger.Rules().Lifetimes.Heartbeat))
	if b.pool != nil {
		if t, err := time.Parse(time.RFC3339, b.pool.Annotations[licensing.AnnotationReleaseExpiry]); err == nil && !t.After(m.Now) {
			m.Release = t
		}
	}
	return b.ledger.Sweep(m)
}

// sweep ends the sessions that are due, brings records up to date and clears old ones. Only the holder of the term calls it, so that one manager at a time
// convicts the silent.
func (r *LicensePoolReconciler) sweep(ctx context.Context, b *book) (*seating.Sweep, error) {
	plan, asOf := r.sweepPlan(b), r.Clock.Now()
	if len(plan.Ends) > 0 {
		// Nobody ends by rules that were changed a moment ago, or by who is not to decide any more: the watch may be behind, and this process may have slept.
		if err := r.reload(ctx, b); err != nil {
			return plan, err
		}
		plan = r.sweepPlan(b)
	}
	b.brake = plan.Brake
	r.noteAwaited(ctx, b, plan.Awaited)
	err := r.carryOutSweep(ctx, b, plan, asOf)
	b.sweepFull = !b.refused && len(plan.Ends) == maxSweep
	b.moreDue = b.sweepFull || !b.refused && (!b.retryAt.IsZero() || err != nil)
	return plan, err
}

// longAwaited is how long a witness is waited for before that is worth a line in the log, and how often it is.
const longAwaited = 10 * time.Second

// noteAwaited logs for whom sessions that are due have been waiting: it is not for ever, and an operator of the operator wants to know.
func (r *LicensePoolReconciler) noteAwaited(ctx context.Context, b *book, awaited []string) {
	now := r.Clock.Now()
	switch {
	case len(awaited) == 0:
		b.awaitedSince = time.Time{}
	case b.awaitedSince.IsZero():
		b.awaitedSince = now
	case now.Sub(b.awaitedSince) >= longAwaited:
		b.awaitedSince = now
		log.FromContext(ctx).Info("Sessions that are due have not ended yet: replicas that may have heard their clients have not said so, or fell silent a short time ago", "replicas", awaited)
	}
}

// carryOutSweep writes what was decided by what was last looked up at the time asOf.
func (r *LicensePoolReconciler) carryOutSweep(ctx context.Context, b *book, plan *seating.Sweep, asOf time.Time) error {
	now := r.Clock.Now()
	ends, shows, clear := map[types.UID]seating.End{}, map[types.UID]seating.Outlook{}, map[types.UID]bool{}
	var objects []client.Object
	add := func(id string) types.UID {
		uid := types.UID(id)
		if s, ok := b.sessions[uid]; ok {
			objects = append(objects, s)
		}
		return uid
	}
	for _, e := range plan.Ends {
		ends[add(e.Session)] = e
	}
	for _, s := range plan.Shows {
		shows[add(s.Session)] = s.Outlook
	}
	for _, id := range plan.Clear {
		clear[add(id)] = true
	}
	return r.each(ctx, b, objects, func(ctx context.Context, obj client.Object) (client.Object, error) {
		s := obj.(*licensing.UserSession)
		if clear[s.UID] {
			return r.clearRecord(ctx, s)
		}
		var written client.Object
		var err error
		if e, ends := ends[s.UID]; ends {
			written, err = r.endSession(ctx, b, s, e, asOf)
		} else {
			written, err = r.showOutlook(ctx, s, shows[s.UID], now)
		}
		return unlessChanged(written, err)
	})
}

// expiryHold is what the pool's status says of the brake.
func expiryHold(b seating.Brake) *licensing.ExpiryHold {
	if b.Since.IsZero() {
		return nil
	}
	h := &licensing.ExpiryHold{SinceTime: new(metav1.NewTime(b.Since.Truncate(time.Second)))}
	if !b.Released.IsZero() {
		h.ReleasedTime = new(metav1.NewTime(b.Released.Truncate(time.Second)))
	}
	return h
}

// brakeOf is the brake as the pool's status says.
func brakeOf(pool *licensing.LicensePool) seating.Brake {
	h := pool.Status.ExpiryHold
	if h == nil {
		return seating.Brake{}
	}
	return seating.Brake{Since: facts.Time(h.SinceTime), Released: facts.Time(h.ReleasedTime)}
}

func expiryHeldCondition(b seating.Brake, longest time.Duration) metav1.Condition {
	c := metav1.Condition{Type: licensing.ConditionExpiryHeld, Status: metav1.ConditionFalse, Reason: licensing.ReasonClientsHeard,
		Message: "Sessions end as they are due."}
	switch {
	case b.On():
		c.Status, c.Reason = metav1.ConditionTrue, licensing.ReasonClientsSilent
		c.Message = "Most clients fell silent at once, so no session ends for a missing client until they are heard again, at the latest at " +
			b.Since.Add(longest).UTC().Format(time.RFC3339) + ". To release it now, annotate the pool with " + licensing.AnnotationReleaseExpiry + "=<the time>."
	case !b.Released.IsZero():
		c.Reason = licensing.ReasonReleased
		c.Message = "Sessions end as they are due again, since " + b.Released.UTC().Format(time.RFC3339) + "."
	}
	return c
}

// seriesKept is how long the metrics of a pool are kept once it is gone for good: how many sessions have ended by that is to be seen.
const seriesKept = 2 * time.Minute

// goneLook is how often it is looked, within its grace period, whether a pool that is gone has come back.
const goneLook = 5 * time.Second

// endOfPool ends the sessions of a pool that has been gone for longer than the grace period, as it was when it was looked for, now, and says when to look again.
func (r *LicensePoolReconciler) endOfPool(ctx context.Context, b *book, now time.Time) (time.Duration, error) {
	b.refused = false
	if b.goneSince.IsZero() || now.Sub(b.goneSeen) > 2*goneLook {
		b.goneSince = now // while this manager did not look, the pool may have been there
	}
	b.goneSeen = now
	if r.Roster != nil {
		since, fresh := r.Roster.Since()
		if !fresh {
			since = now
		}
		if since.After(b.goneSince) {
			b.goneSince = since // while this manager saw nothing, the pool may have been there
		}
	}
	for _, s := range b.sessions {
		if logon := facts.Time(s.Status.LogonTime); s.Status.State == licensing.SessionActive && logon.After(b.goneSince) {
			b.goneSince = logon // the pool was back for a moment, unseen, and gave this session its seat
		}
	}
	asked := &seating.Sweep{}
	for uid, s := range b.refusedLast() {
		if facts := facts.Session(s); facts.Life.Termination != nil && facts.State != seating.Ended && len(asked.Ends) < maxSweep {
			e := b.ledger.Rules().Asked(facts)
			e.Session = string(uid)
			asked.Ends = append(asked.Ends, e)
		}
	}
	if err := r.carryOutSweep(ctx, b, asked, now); err != nil {
		return 0, err
	}
	if wait := b.goneSince.Add(r.PoolRemovalGrace).Sub(now); wait > 0 {
		return min(wait, goneLook), nil
	}
	plan := r.sweepPlan(b) // of its rules none is left but the retention of records
	plan.Ends, plan.Shows = nil, nil
	more := time.Duration(0)
	for uid, s := range b.refusedLast() {
		if s.Status.State != licensing.SessionActive {
			continue
		}
		if len(plan.Ends) == maxSweep {
			more = time.Millisecond
			break
		}
		plan.Ends = append(plan.Ends, seating.End{Session: string(uid), Action: seating.TerminatedBySystem, Message: "Its pool was removed."})
	}
	if !plan.Next.IsZero() && more == 0 {
		more = max(time.Millisecond, plan.Next.Sub(now))
	}
	if now.Sub(b.goneSince) < r.PoolRemovalGrace+seriesKept {
		more = min(cmp.Or(more, goneLook), goneLook)
	} else if len(plan.Ends) == 0 {
		dropPoolMetrics(b.key) // accounts outlive their pool for as long as nobody deletes them
	}
	err := r.carryOutSweep(ctx, b, plan, now)
	if b.refused { // what is refused now is refused a moment later
		more = max(more, later)
	} else if len(plan.Ends) > 0 && more == 0 {
		more = goneLook
	}
	return more, err
}
