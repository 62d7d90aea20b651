// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/internal/facts"
	"github.com/seatkeeper/seatkeeper/internal/usage"
)

type usageQueue = workqueue.TypedRateLimitingInterface[reconcile.Request]

// sessionHandler takes in what the watch shows of sessions. It wakes no reconcile but the first of a pool: each looks again by itself.
func (r *LicenseUsageReconciler) sessionHandler() handler.EventHandler {
	put := func(s *licensing.UserSession, q usageQueue) {
		if r.putSession(s) {
			q.Add(reconcile.Request{NamespacedName: poolOf(s)})
		}
	}
	return handler.Funcs{
		CreateFunc: func(_ context.Context, e event.CreateEvent, q usageQueue) { put(e.Object.(*licensing.UserSession), q) },
		UpdateFunc: func(_ context.Context, e event.UpdateEvent, q usageQueue) {
			if e.ObjectOld.GetUID() != e.ObjectNew.GetUID() { // deleted and made again while the watch was away
				r.dropSession(e.ObjectOld.(*licensing.UserSession), false)
			}
			put(e.ObjectNew.(*licensing.UserSession), q)
		},
		DeleteFunc: func(_ context.Context, e event.DeleteEvent, _ usageQueue) {
			r.dropSession(e.Object.(*licensing.UserSession), !e.DeleteStateUnknown)
		},
	}
}

// putSession takes in a session; it says whether its pool's reconcile is to be asked for.
func (r *LicenseUsageReconciler) putSession(s *licensing.UserSession) bool {
	told := usageSession(s, r.now())
	if told == nil {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	l := r.line(poolOf(s))
	l.timeline.Put(*told)
	asked := l.queued
	l.queued = true
	return !asked
}

// dropSession takes in that a session's record is gone. A live one that nobody saw go may have ended any time before.
func (r *LicenseUsageReconciler) dropSession(s *licensing.UserSession, seen bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	l, ok := r.lines[poolOf(s)]
	if !ok {
		return
	}
	now := r.now()
	if told := usageSession(s, now); told != nil {
		l.timeline.Put(*told)
	}
	if !seen && s.Status.State == licensing.SessionActive {
		l.timeline.Lost(now)
		l.history = nil // what it was told and is not stored may be wrong
	}
	l.timeline.Gone(string(s.UID), now)
}

// usageSession is what a record says of its part in the pool's use, as it is seen now; nil: nothing yet.
func usageSession(s *licensing.UserSession, now time.Time) *usage.Session {
	status := &s.Status
	u := usage.Session{
		ID: string(s.UID), User: usage.FoldUser(s.Spec.UserName), Model: usage.Model(status.Seat), Connection: status.Connection,
		Logon: facts.Time(status.LogonTime), Ended: facts.Time(status.TerminatedTime),
	}.SeenAt(now)
	if status.Seat == licensing.SeatUncounted {
		u.Connection = ""
	}
	switch status.State {
	case licensing.SessionActive, licensing.SessionTerminated:
		return &u
	case licensing.SessionDenied:
		u.Connection, u.Denied = "", "Unknown"
		if granted := meta.FindStatusCondition(status.Conditions, licensing.ConditionGranted); granted != nil && granted.Reason != "" {
			u.Denied = granted.Reason
		}
		return &u
	default:
		return nil
	}
}

// poolHandler takes in what the watch shows of pools.
func (r *LicenseUsageReconciler) poolHandler() handler.EventHandler {
	return handler.Funcs{
		CreateFunc: func(_ context.Context, e event.CreateEvent, q usageQueue) {
			r.putPool(e.Object.(*licensing.LicensePool))
			q.Add(reconcile.Request{NamespacedName: client.ObjectKeyFromObject(e.Object)})
		},
		UpdateFunc: func(_ context.Context, e event.UpdateEvent, _ usageQueue) {
			r.putPool(e.ObjectNew.(*licensing.LicensePool))
		},
		DeleteFunc: func(_ context.Context, e event.DeleteEvent, _ usageQueue) {
			r.dropPool(e.Object.(*licensing.LicensePool))
		},
	}
}

func (r *LicenseUsageReconciler) putPool(pool *licensing.LicensePool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	l := r.line(client.ObjectKeyFromObject(pool))
	changed := l.pool == nil || l.pool.UID != pool.UID || l.pool.Generation != pool.Generation
	l.pool, l.queued = pool, true
	if changed {
		r.license(l)
	}
}

func (r *LicenseUsageReconciler) dropPool(pool *licensing.LicensePool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if l, ok := r.lines[client.ObjectKeyFromObject(pool)]; ok && l.pool != nil && l.pool.UID == pool.UID {
		l.pool = nil
		r.license(l)
		dropUsageMetrics(client.ObjectKeyFromObject(pool))
	}
}

// license takes in how many seats there are from now on. A pool's spec does not say when it was changed; the operator goes by it from when it sees it.
func (r *LicenseUsageReconciler) license(l *line) {
	rules := facts.Rules(l.pool)
	seats := func(n *int) int {
		if n == nil {
			return usage.NotLicensed
		}
		return *n
	}
	l.timeline.License(r.Clock.Now().Truncate(time.Second), seats(rules.Named), seats(rules.Concurrent))
}

// accountHandler takes in what the watch shows of named accounts. It wakes no reconcile.
func (r *LicenseUsageReconciler) accountHandler() handler.EventHandler {
	return handler.Funcs{
		CreateFunc: func(_ context.Context, e event.CreateEvent, _ usageQueue) {
			r.putAccount(e.Object.(*licensing.LicenseAccount))
		},
		UpdateFunc: func(_ context.Context, e event.UpdateEvent, _ usageQueue) {
			if e.ObjectOld.GetUID() != e.ObjectNew.GetUID() {
				r.dropAccount(e.ObjectOld.(*licensing.LicenseAccount))
			}
			r.putAccount(e.ObjectNew.(*licensing.LicenseAccount))
		},
		DeleteFunc: func(_ context.Context, e event.DeleteEvent, _ usageQueue) {
			r.dropAccount(e.Object.(*licensing.LicenseAccount))
		},
	}
}

func (r *LicenseUsageReconciler) putAccount(a *licensing.LicenseAccount) {
	if !facts.HoldsSeat(a) {
		r.dropAccount(a)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.line(poolOf(a)).accounts[a.UID] = usage.Account{User: usage.FoldUser(a.Spec.UserName), Created: a.CreationTimestamp.Time}
}

func (r *LicenseUsageReconciler) dropAccount(a *licensing.LicenseAccount) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if l, ok := r.lines[poolOf(a)]; ok {
		delete(l.accounts, a.UID)
		if !l.queued { // of a pool that never was: otherwise its reconcile drops it, when all is told
			r.drop(poolOf(a), l)
		}
	}
}
