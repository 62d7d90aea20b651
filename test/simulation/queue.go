// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"time"

	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// queue is the work queue of a lead, by the time of the simulation: a pool is reconciled by one task at a time, and once for all that asked meanwhile.
type queue struct {
	workqueue.TypedRateLimitingInterface[reconcile.Request] // what nobody calls

	of      *lead
	waiting map[reconcile.Request]bool
	running map[reconcile.Request]bool
	failed  map[reconcile.Request]int
	due     map[reconcile.Request]time.Time
}

func newQueue(of *lead) *queue {
	return &queue{of: of, waiting: map[reconcile.Request]bool{}, running: map[reconcile.Request]bool{}, failed: map[reconcile.Request]int{}, due: map[reconcile.Request]time.Time{}}
}

const (
	firstRetry = 20 * time.Millisecond
	lastRetry  = 5 * time.Second
)

// Add is workqueue.TypedInterface's.
func (q *queue) Add(r reconcile.Request) {
	if q.waiting[r] || q.of.stopped {
		return
	}
	q.waiting[r] = true
	q.begin(r)
}

// AddAfter is workqueue.TypedDelayingInterface's. Of several times the earliest counts.
func (q *queue) AddAfter(r reconcile.Request, d time.Duration) {
	w := q.of.of.w
	at := w.now.Add(d)
	if before, waits := q.due[r]; waits && !at.Before(before) {
		return
	}
	q.due[r] = at
	w.after(d, q.of.of, func() {
		if q.due[r].Equal(at) {
			delete(q.due, r)
			q.Add(r)
		}
	})
}

// AddRateLimited is workqueue.TypedRateLimitingInterface's.
func (q *queue) AddRateLimited(r reconcile.Request) {
	d := min(lastRetry, firstRetry<<min(q.failed[r], 10))
	q.failed[r]++
	q.AddAfter(r, d)
}

// begin reconciles a pool, unless that is under way.
func (q *queue) begin(r reconcile.Request) {
	if q.running[r] || !q.waiting[r] || q.of.stopped || !q.of.began {
		return
	}
	delete(q.waiting, r)
	q.running[r] = true
	q.of.of.spawn(q.of.name, func(*task) {
		result, err := q.of.reconciler.Reconcile(q.of.context, r)
		delete(q.running, r)
		switch {
		case q.of.stopped:
			return
		case err != nil:
			q.of.of.w.note("%s: %s failed: %v", q.of.name, r.Name, err)
			q.AddRateLimited(r)
		default:
			delete(q.failed, r)
			if result.RequeueAfter > 0 {
				q.AddAfter(r, result.RequeueAfter)
			}
		}
		q.begin(r)
	})
}
