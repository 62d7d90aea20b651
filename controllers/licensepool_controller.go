// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

// Package controllers brings pools, accounts and sessions to where the seating package decides they should be.
package controllers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/internal/facts"
	"github.com/seatkeeper/seatkeeper/internal/seating"
	"github.com/seatkeeper/seatkeeper/internal/witness"
)

const (
	// maxIntents bounds what one write of a pool records, and so the pool's size: some 250 bytes an intent.
	maxIntents = 500
	// maxOpenIntents bounds the intents on a pool, those whose writes fail again and again included; the schema allows 2,000.
	maxOpenIntents = 1500
	// maxTries bounds how often one reconcile decides anew after a conflict before it lets others have their turn.
	maxTries = 8
	// parallelWrites is the default of Parallel.
	parallelWrites = 32
	// rosterLook is how often it is looked whether a replica has fallen silent.
	rosterLook = 15 * time.Second
	// tidyAfter is how long carried-out intents stay on a pool that nothing else writes.
	tidyAfter = 10 * time.Second
)

// LicensePoolReconciler gives the seats of pools to sessions and accounts, and shows what is used. All that concerns one pool's seats is decided in
// one place, one reconcile at a time, many waiters at once.
type LicensePoolReconciler struct {
	// Client reads from the cache and writes.
	Client client.Client
	// Live reads from the API server itself.
	Live client.Reader
	// Recorder emits Events.
	Recorder events.EventRecorder
	// Clock is the only one that deadlines go by (invariant 8).
	Clock clock.PassiveClock
	// Roster knows the replicas that hear clients; nil: there are none to be heard before a session ends.
	Roster *witness.Roster
	// LongestHold is how long the end of missing clients' sessions is held at the most when most fell silent at once.
	LongestHold time.Duration
	// PoolRemovalGrace is how long the sessions of a pool that was deleted stay: it may be back.
	PoolRemovalGrace time.Duration
	// Parallel bounds the writes of one pool's reconcile under way at once; 0: 32. With 1 they are made one after the other, in an order that depends on nothing but what
	// is written, on the goroutine that reconciles.
	Parallel int
	// Chance is what terms and jitter are drawn from; nil: crypto/rand. Two managers that draw the same term break the promise that no pool is oversold.
	Chance io.Reader

	inbox *inbox
	mu    sync.Mutex
	books map[types.NamespacedName]*book
}

// +kubebuilder:rbac:groups=licensing.seatkeeper.dev,resources=licensepools,verbs=get;list;watch
// +kubebuilder:rbac:groups=licensing.seatkeeper.dev,resources=licensepools/status,verbs=update
// +kubebuilder:rbac:groups=licensing.seatkeeper.dev,resources=licenseaccounts,verbs=get;list;watch;create
// +kubebuilder:rbac:groups=licensing.seatkeeper.dev,resources=licenseaccounts/status,verbs=patch
// +kubebuilder:rbac:groups=licensing.seatkeeper.dev,resources=usersessions,verbs=get;list;watch;delete
// +kubebuilder:rbac:groups=licensing.seatkeeper.dev,resources=usersessions/status,verbs=patch
// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create;patch

// SetupWithManager registers the reconciler.
func (r *LicensePoolReconciler) SetupWithManager(mgr ctrl.Manager) error {
	holders := r.Holders()
	return ctrl.NewControllerManagedBy(mgr).
		For(&licensing.LicensePool{}).
		Watches(&licensing.UserSession{}, holders).
		Watches(&licensing.LicenseAccount{}, holders).
		WithOptions(controller.Options{
			MaxConcurrentReconciles: 4,
			// A pool whose writes fail is tried again within seconds for as long as that lasts: people wait at the other end.
			RateLimiter: workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](20*time.Millisecond, 5*time.Second),
		}).
		Complete(r)
}

// Holders takes in what the watches see of sessions and accounts, and asks for a reconcile of their pool when that matters to it. It makes the reconciler ready, and begins anew when it is
// called again; whoever does without SetupWithManager calls it once and has each pool reconciled when the watch shows a change of it.
func (r *LicensePoolReconciler) Holders() handler.EventHandler {
	r.inbox = newInbox()
	r.books = map[types.NamespacedName]*book{}
	return r.inbox.handler()
}

// book returns the pool's book; only the reconcile of that pool uses it.
func (r *LicensePoolReconciler) book(key types.NamespacedName) *book {
	r.mu.Lock()
	defer r.mu.Unlock()
	b, ok := r.books[key]
	if !ok {
		b = newBook(key)
		b.adopted = r.Clock.Now().Truncate(time.Second) // records keep whole seconds
		r.books[key] = b
	}
	return b
}

// forget drops the book of a pool that has nothing in it.
func (r *LicensePoolReconciler) forget(key types.NamespacedName) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.books, key)
	dropPoolMetrics(key)
}

// Reconcile decides on all that waits at one pool.
func (r *LicensePoolReconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	b := r.book(req.NamespacedName)
	now := r.Clock.Now()
	if err := r.observePool(ctx, b); err != nil {
		return ctrl.Result{}, err
	}
	b.deliver(r.inbox.take(req.NamespacedName), now)
	if b.pool == nil {
		b.brake = seating.Brake{}
		r.sendOff(b)
		return r.awaitPool(ctx, b)
	}
	r.sendOff(b)
	b.goneSince, b.goneSeen, b.retryAt, b.refused = time.Time{}, time.Time{}, time.Time{}, false

	if b.term == "" {
		work, spared, since, plan, sweep := r.undone(b, now)
		if !work {
			return r.lookAgain(b, plan, sweep), nil
		}
		if wait := b.rivalry.wait(now, since, spared); wait > 0 {
			if told := b.untold(); !told.IsZero() {
				wait = min(wait, max(time.Millisecond, told.Sub(now)))
			}
			return ctrl.Result{RequeueAfter: wait}, nil
		}
		if err := r.takeTerm(ctx, b); err != nil {
			return r.afterConflict(b, err)
		}
	}
	swept, late := r.sweep(ctx, b)
	if errors.Is(late, errFenced) {
		return r.afterConflict(b, late)
	}
	plan, err := r.allocate(ctx, b) // whatever became of those who are to go, others wait to come
	if err = errors.Join(late, err); err != nil {
		return r.afterConflict(b, err)
	}
	r.sendOff(b)
	return r.lookAgain(b, plan, swept), nil
}

// observePool takes in the pool as the cache has it, unless what is known is newer.
func (r *LicensePoolReconciler) observePool(ctx context.Context, b *book) error {
	pool := &licensing.LicensePool{}
	err := r.Client.Get(ctx, b.key, pool)
	if apierrors.IsNotFound(err) && b.pool == nil {
		return nil
	}
	if apierrors.IsNotFound(err) || (err == nil && b.pool != nil && b.pool.UID != pool.UID) {
		// The cache may be behind what was just created, or what was just written: look live before anybody is told that the pool is gone.
		pool = &licensing.LicensePool{}
		err = r.Live.Get(ctx, b.key, pool)
	}
	switch {
	case apierrors.IsNotFound(err):
		b.pool = nil
		b.loseTerm(r.Clock.Now())
		return nil
	case err != nil:
		return fmt.Errorf("reading the pool: %w", err)
	}
	return r.meetPool(ctx, b, pool)
}

// errFenced says that another manager took the term, or that the pool is gone or is another one of the same name: the ledger is no longer the truth.
var errFenced = errors.New("the pool is not this manager's to grant from any more")

// meetPool takes in a pool that was read. The term is given up when it is no longer this manager's; when it is, the intents on the pool are the truth, also
// those of a write whose answer was lost.
func (r *LicensePoolReconciler) meetPool(ctx context.Context, b *book, pool *licensing.LicensePool) error {
	replaced := b.pool != nil && b.pool.UID != pool.UID
	if b.pool != nil && !replaced && notNewer(pool, b.pool.ResourceVersion) {
		return nil
	}
	before, term := b.pool, termOf(pool)
	if before != nil && !replaced && term != "" && !slices.Contains(b.drawn, term) && !equality.Semantic.DeepEqual(before.Status, pool.Status) {
		b.rivalry.wrote = facts.Revision(pool.ResourceVersion)
	}
	b.putPool(pool, r.Clock.Now())
	switch {
	case b.term == "":
		if before != nil && !replaced && term != termOf(before) && !slices.Contains(b.drawn, term) {
			b.rivalry.met(r.Clock.Now(), r.chance())
		}
		b.brake = brakeOf(pool)
		return nil
	case replaced:
		b.loseTerm(r.Clock.Now())
		return nil
	case term != b.term:
		b.loseTerm(r.Clock.Now())
		b.rivalry.lost(r.Clock.Now(), r.chance())
		b.rivalry.lostAt = facts.Revision(pool.ResourceVersion)
		log.FromContext(ctx).Info("Another manager grants from the pool now", "losses", b.rivalry.losses, "patience", b.rivalry.patience.String())
		return nil
	}
	for _, intent := range pool.Status.Grants.Intents {
		if _, known := b.recorded[intent.UID]; known {
			continue
		}
		if err := r.adopt(ctx, b, intent); err != nil {
			b.loseTerm(r.Clock.Now()) // a ledger that lacks an intent is not the truth: begin anew
			return err
		}
	}
	return nil
}

// termOf is the term that a pool bears; empty: none.
func termOf(pool *licensing.LicensePool) string {
	if pool.Status.Grants == nil {
		return ""
	}
	return pool.Status.Grants.Term
}

// undone says whether there is anything to write, for how long a manager that has just taken the pool leaves that alone, and since when undecided sessions are known; zero: there are none. It returns what
// would be done as well.
func (r *LicensePoolReconciler) undone(b *book, now time.Time) (work bool, spared time.Duration, since time.Time, plan *seating.Plan, sweep *seating.Sweep) {
	plan, sweep = b.ledger.Decide(now, maxIntents), r.sweepPlan(b)
	note := func(id string) {
		if seen := b.firstSeen[types.UID(id)]; since.IsZero() || seen.Before(since) {
			since = seen
		}
	}
	for _, g := range plan.Grants {
		note(g.Session)
	}
	for _, denials := range [][]seating.Denial{plan.Denials, plan.Waits} {
		for _, d := range denials {
			note(d.Session)
		}
	}
	b.noteDue()
	atOnce := !plan.Empty() || len(b.due) > 0 || !onlySpares(sweep) || !shows(b.pool, r.poolStatus(b, plan.Table(), now))
	work = atOnce || len(sweep.Ends) > 0 || sweep.Brake != b.brake
	if !atOnce {
		spared = seating.Hearing(b.ledger.Rules().Lifetimes.Heartbeat)
	}
	if !work {
		b.rivalry.idleSince = time.Time{}
	}
	return work, spared, since, plan, sweep
}

// lookAgain asks to be woken when time alone changes what is to be done.
func (r *LicensePoolReconciler) lookAgain(b *book, plan *seating.Plan, sweep *seating.Sweep) ctrl.Result {
	now := r.Clock.Now()
	times := []time.Time{plan.Next, sweep.Next, b.ledger.NextTurn(now), b.tidyAt, b.retryAt, b.untold()}
	if r.Roster != nil && b.ledger.Live() > 0 {
		times = append(times, now.Add(rosterLook))
	}
	if b.refused { // what is refused now is refused a moment later: only what lies ahead counts
		times = append(slices.DeleteFunc(times, func(t time.Time) bool { return !t.After(now) }), now.Add(later))
	}
	var next time.Time
	for _, t := range times {
		if !t.IsZero() && (next.IsZero() || t.Before(next)) {
			next = t
		}
	}
	if next.IsZero() {
		return ctrl.Result{}
	}
	return ctrl.Result{RequeueAfter: max(time.Millisecond, next.Sub(now))}
}

// afterConflict turns losing a race into trying again; it is no error.
func (r *LicensePoolReconciler) afterConflict(b *book, err error) (ctrl.Result, error) {
	switch {
	case errors.Is(err, errFenced):
		return ctrl.Result{RequeueAfter: max(10*time.Millisecond, b.rivalry.patience)}, nil
	case apierrors.IsConflict(err):
		return ctrl.Result{RequeueAfter: 10 * time.Millisecond}, nil
	default:
		return ctrl.Result{}, err
	}
}

// awaitPool tells sessions and accounts of a pool that does not exist what they wait for, and ends those that were on when it has been gone for good.
func (r *LicensePoolReconciler) awaitPool(ctx context.Context, b *book) (ctrl.Result, error) {
	if len(b.sessions) == 0 && len(b.accounts) == 0 {
		r.forget(b.key)
		return ctrl.Result{}, nil
	}
	looked := r.Clock.Now()
	if err := r.Live.Get(ctx, b.key, &licensing.LicensePool{}); !apierrors.IsNotFound(err) {
		return ctrl.Result{}, err // it is there after all: its own event comes next
	}
	// Those who are to end come first: by then what was looked up is not too old, however long it takes to tell the others.
	again, err := r.endOfPool(ctx, b, looked)
	if err = errors.Join(err, r.tellPoolMissing(ctx, b)); err != nil {
		return ctrl.Result{}, err
	}
	return ctrl.Result{RequeueAfter: again}, nil
}
