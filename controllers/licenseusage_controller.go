// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/internal/facts"
	"github.com/seatkeeper/seatkeeper/internal/usage"
)

const (
	// usageEvery is the least time between two writes of one pool's history.
	usageEvery = time.Minute
	// usageSteady is the longest time between two writes while somebody is signed on and nothing happens, usageQuiet while nobody is; less where records are kept for less than
	// twice that, since a new leader reads from them what was not written.
	usageSteady, usageQuiet = 5 * time.Minute, 15 * time.Minute
	// usageSettles is how long it may take until what happened is seen: a history ends so long before it is written.
	usageSettles = 15 * time.Second
	// usageLooks is how often it is looked whether there is something to tell. Who has not looked for as long as it takes to see what happened may have slept meanwhile.
	usageLooks = 10 * time.Second
	// usageTries bounds how often one reconcile writes anew after a conflict.
	usageTries = 4
	// usageTold is how often at the most it is told that clocks disagree, of one pool.
	usageTold = time.Hour
)

// LicenseUsageReconciler keeps the histories of pools' use, from what sessions' records say of themselves. It decides nothing, and nothing depends on it.
type LicenseUsageReconciler struct {
	// Client reads from the cache and writes.
	Client client.Client
	// Live reads from the API server itself.
	Live client.Reader
	// Recorder emits Events.
	Recorder events.EventRecorder
	// Clock is when records are seen.
	Clock clock.PassiveClock
	// Tallies are the denials that replicas counted by themselves, by replica; nil: there are none.
	Tallies func(pool types.NamespacedName) map[string]usage.Tally

	mu    sync.Mutex
	lines map[types.NamespacedName]*line
	// begun: all records that existed at the start were seen.
	begun bool
}

// line is what this manager knows of one pool's use. The watches' handlers write it as well, under the reconciler's lock.
type line struct {
	timeline *usage.Timeline
	// pool is the newest seen; nil: none exists.
	pool *licensing.LicensePool
	// accounts are the named ones that hold a seat.
	accounts map[types.UID]usage.Account
	// history is what was last stored, if this manager stored it or told it further since; revision is that of the object it came from.
	history  *usage.History
	revision string
	// looked is when this manager last looked, notBefore how long it waits since it slept, wrote when it last wrote.
	looked, notBefore, wrote time.Time
	// unreadable is the revision of an object that cannot be read, which was told. disagreed is when it was told that clocks disagree.
	unreadable string
	disagreed  time.Time
	// tried is up to when a write told whose answer is not known; zero: there is none.
	tried time.Time
	// queued: a reconcile is asked for, which asks for the next by itself.
	queued bool
}

// +kubebuilder:rbac:groups=licensing.seatkeeper.dev,resources=licenseusages,verbs=get;list;watch;create
// +kubebuilder:rbac:groups=licensing.seatkeeper.dev,resources=licenseusages/status,verbs=update

// SetupWithManager registers the reconciler.
func (r *LicenseUsageReconciler) SetupWithManager(mgr ctrl.Manager) error {
	r.lines = map[types.NamespacedName]*line{}
	return ctrl.NewControllerManagedBy(mgr).
		Named("licenseusage").
		Watches(&licensing.LicensePool{}, r.poolHandler()).
		Watches(&licensing.UserSession{}, r.sessionHandler()).
		Watches(&licensing.LicenseAccount{}, r.accountHandler()).
		WithOptions(controller.Options{
			MaxConcurrentReconciles: 2,
			RateLimiter:             workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](time.Second, usageLooks),
		}).
		Complete(r)
}

// line returns the pool's line, under the lock.
func (r *LicenseUsageReconciler) line(key types.NamespacedName) *line {
	l, ok := r.lines[key]
	if !ok {
		l = &line{timeline: usage.NewTimeline(r.Clock.Now()), accounts: map[types.UID]usage.Account{}}
		r.lines[key] = l
	}
	return l
}

// begin takes in that all records that existed were seen, before the first reconcile.
func (r *LicenseUsageReconciler) begin(now time.Time) {
	if r.begun {
		return
	}
	r.begun = true
	for _, l := range r.lines {
		l.timeline.SeenAt(now)
	}
}

// Reconcile writes the history of one pool, if it is time and there is something to tell.
func (r *LicenseUsageReconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	key, now := req.NamespacedName, r.now()
	r.mu.Lock()
	r.begin(now)
	l, ok := r.lines[key]
	if !ok {
		r.mu.Unlock()
		return ctrl.Result{}, nil
	}
	if l.looked.After(now.Add(usage.Apart)) { // the clock was set back: what this manager knows by the old time it sees anew
		timeline := l.timeline.Restart(now)
		*l = line{timeline: timeline, pool: l.pool, accounts: l.accounts, queued: l.queued}
		r.license(l)
	}
	early := l.early(now)
	r.mu.Unlock()
	if early {
		return ctrl.Result{RequeueAfter: usageLooks}, nil
	}
	gone, err := r.write(ctx, key, l)
	if err != nil || gone {
		return ctrl.Result{}, err
	}
	return ctrl.Result{RequeueAfter: usageLooks}, nil
}

// now is the clock's time alone. How long it is since an earlier one then counts time in which the machine was suspended, and by which the clock was set.
func (r *LicenseUsageReconciler) now() time.Time { return r.Clock.Now().Round(0) }

// early says whether it is too early to write. A process that slept has not seen yet what others did meanwhile; and of what happened in a sleep that was longer than records are kept, nobody can be sure.
func (l *line) early(now time.Time) bool {
	if slept := now.Sub(l.looked); !l.looked.IsZero() && slept > usageSettles {
		l.notBefore = now.Add(usageSettles)
		if slept >= facts.Rules(l.pool).Lifetimes.Retention {
			l.timeline.SeenAt(now)
		}
	}
	l.looked = now
	return now.Before(l.notBefore) || now.Before(l.wrote.Add(usageEvery))
}

// write tells the history what happened and stores it. It says whether nothing is left of the pool.
func (r *LicenseUsageReconciler) write(ctx context.Context, key types.NamespacedName, l *line) (gone bool, err error) {
	live := false
	for range usageTries {
		object, reader := &licensing.LicenseUsage{}, client.Reader(r.Client)
		if live {
			reader = r.Live
		}
		err := reader.Get(ctx, key, object)
		switch {
		case apierrors.IsNotFound(err) && !live:
			live = true // the cache may not show yet what was just made
			continue
		case apierrors.IsNotFound(err):
			object = nil
		case err != nil:
			return false, fmt.Errorf("reading the history: %w", err)
		}
		told := r.tell(key, l, object)
		if told.unreadable != "" {
			r.tellUnreadable(ctx, l, object, told.unreadable)
			return told.dropped, nil
		}
		if told.status == nil {
			return told.dropped, nil
		}
		written, err := r.store(ctx, key, object, told.status)
		switch {
		case apierrors.IsConflict(err), apierrors.IsAlreadyExists(err), apierrors.IsNotFound(err) && object != nil:
			r.forgetHistory(l)
			live = true
			continue
		case err != nil:
			r.failed(l, told.status)
			return false, fmt.Errorf("writing the history: %w", err)
		}
		r.stored(l, written)
		r.tellDisagreed(ctx, l, written, told.ahead)
		return false, nil
	}
	return false, nil // others write it as well: a minute from now is early enough
}

// toldUsage is what became of telling a history what happened.
type toldUsage struct {
	// status is to be stored; nil: there is nothing to write now.
	status *licensing.LicenseUsageStatus
	// dropped: nothing is left of the pool.
	dropped bool
	// unreadable is why the history cannot be read; empty: it can.
	unreadable string
	// ahead is how far ahead of this manager's clock the history ended, so that it goes on from an earlier time.
	ahead time.Duration
}

// tell tells the history what this manager knows since.
func (r *LicenseUsageReconciler) tell(key types.NamespacedName, l *line, object *licensing.LicenseUsage) (told toldUsage) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	to := now.Add(-usageSettles)
	switch {
	case object == nil && l.pool == nil:
		return toldUsage{dropped: r.drop(key, l)}
	case object == nil:
		l.history, l.revision = usage.NewHistory(), ""
	case l.history == nil || l.revision != object.ResourceVersion:
		h, err := usage.Decode(object.Status.History)
		if err != nil {
			l.timeline.Settle(to) // what cannot be told must not pile up
			return toldUsage{unreadable: err.Error(), dropped: r.drop(key, l)}
		}
		told.ahead = h.Resume(to)
		l.history, l.revision = h, object.ResourceVersion
	}
	if !l.tried.IsZero() && !l.history.Through().Before(l.tried) && told.ahead == 0 { // it arrived after all; the rest may be seen late
		l.tried = time.Time{}
		return toldUsage{}
	}
	// What is tried again after an answer that did not come tells no more than before: what was seen since may not be all that happened.
	if !l.tried.IsZero() && l.tried.Before(to) {
		to = l.tried
	}
	retention := facts.Rules(l.pool).Lifetimes.Retention
	happened := l.timeline.Tell(l.history, to, retention) || told.ahead > 0
	if r.Tallies != nil {
		happened = l.history.Fold(r.Tallies(key), now) || happened
	}
	switch {
	case l.history.Through().IsZero():
		return toldUsage{}
	case happened:
	case l.pool == nil:
		return toldUsage{dropped: r.drop(key, l)}
	case object != nil && now.Sub(facts.Time(object.Status.ThroughTime)) < quietTime(l.history, retention):
		return toldUsage{}
	}
	told.status = usageStatus(l.history, l.accounts)
	return told
}

// quietTime is how long a history may end before now when nothing happens.
func quietTime(h *usage.History, retention time.Duration) time.Duration {
	longest := usageSteady
	if h.Connected(usage.Named)+h.Connected(usage.Concurrent) == 0 {
		longest = usageQuiet
	}
	return max(usageEvery, min(longest, retention/2))
}

// drop forgets a pool that is gone, once its last records and accounts are: no watch would show those anew when the pool is applied again.
func (r *LicenseUsageReconciler) drop(key types.NamespacedName, l *line) bool {
	if l.pool != nil || l.timeline.Sessions() > 0 || len(l.accounts) > 0 {
		return false
	}
	delete(r.lines, key)
	dropUsageMetrics(key)
	return true
}

// store writes the history, on the condition that nobody wrote it since it was read.
func (r *LicenseUsageReconciler) store(ctx context.Context, key types.NamespacedName, object *licensing.LicenseUsage, status *licensing.LicenseUsageStatus) (*licensing.LicenseUsage, error) {
	if object == nil {
		object = &licensing.LicenseUsage{
			ObjectMeta: metav1.ObjectMeta{Namespace: key.Namespace, Name: key.Name},
			Spec:       licensing.LicenseUsageSpec{PoolRef: licensing.PoolReference{Name: key.Name}},
		}
		if err := r.Client.Create(ctx, object); err != nil {
			return nil, err
		}
	}
	object = object.DeepCopy()
	object.Status = *status
	if err := r.Client.Status().Update(ctx, object); err != nil {
		return nil, err
	}
	return object, nil
}

// stored takes in that a write arrived.
func (r *LicenseUsageReconciler) stored(l *line, object *licensing.LicenseUsage) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if l.history != nil { // the watch may have been lost meanwhile: then it is read anew
		l.timeline.Forget(l.history)
	}
	l.revision, l.wrote, l.tried = object.ResourceVersion, r.Clock.Now(), time.Time{}
	if l.pool != nil { // the series of a pool that is gone have gone with it
		usageWrites.WithLabelValues(object.Namespace, object.Name).Inc()
	}
}

// failed takes in that a write did not, as far as can be told.
func (r *LicenseUsageReconciler) failed(l *line, status *licensing.LicenseUsageStatus) {
	r.mu.Lock()
	defer r.mu.Unlock()
	l.history, l.tried = nil, facts.Time(status.ThroughTime)
}

// forgetHistory takes in that somebody else wrote it.
func (r *LicenseUsageReconciler) forgetHistory(l *line) {
	r.mu.Lock()
	defer r.mu.Unlock()
	l.history = nil
}
