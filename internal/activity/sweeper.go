// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package activity

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	"golang.org/x/sync/errgroup"
	"golang.org/x/time/rate"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/internal/usage"
	"github.com/seatkeeper/seatkeeper/internal/witness"
)

const (
	// sweepEvery is how often it is looked what must be written.
	sweepEvery = time.Second
	// parallelWrites bounds the must writes under way at once, parallelFresh the others.
	parallelWrites, parallelFresh = 32, 4 // the former is the default of Sweeper.Parallel
	// maxSoon bounds the writes of one sweep for which nobody waits: some two seconds at the default rate.
	maxSoon = 2000
	// maxTries bounds how often one write is tried when others write the session too.
	maxTries = 5
	// writeTimeout bounds one write of a session, renewTimeout one of the replica's lease.
	writeTimeout, renewTimeout = 10 * time.Second, 5 * time.Second
	// drainTimeout is how long a replica that stops waits for the last calls of its clients.
	drainTimeout = 12 * time.Second
	// flushTimeout is how long a replica that stops writes down what it knows.
	flushTimeout = 10 * time.Second
)

// +kubebuilder:rbac:groups=licensing.seatkeeper.dev,resources=licensepools,verbs=get;list;watch
// +kubebuilder:rbac:groups=licensing.seatkeeper.dev,resources=usersessions,verbs=get;list;watch
// +kubebuilder:rbac:groups=licensing.seatkeeper.dev,resources=usersessions/status,verbs=patch

// Sweeper writes down what the Recorder knows: what must be written just in time, before a deadline on record, and with what is left of a budget what people like to see fresh. After
// each sweep that the leader waits for, and every ten seconds, it says so by the replica's Lease.
type Sweeper struct {
	Recorder *Recorder
	// Client writes; Live reads from the API server itself.
	Client client.Client
	Live   client.Reader
	// Lease is this replica's; Roster knows the others'.
	Lease  *witness.Lease
	Roster *witness.Roster
	Clock  clock.PassiveClock
	Log    logr.Logger
	// Settled says whether this replica can tell who is dead, and so which clients are its to claim; nil: it can. Until then it swears to nothing new.
	Settled func() bool
	// Freshness is how many writes a second may be made for people's sake; 0: none.
	Freshness float64
	// Denials are what this replica denied by itself, for its Lease to tell; nil: nothing.
	Denials func(now time.Time) map[string]usage.Tally
	// Parallel bounds the must writes of a sweep under way at once; 0: 32. With 1 all writes are made one after the other on the goroutine that sweeps, in an order that depends on nothing but
	// what is written.
	Parallel int

	// Drained is closed when no client is heard any more; nil: it is not waited for.
	Drained <-chan struct{}

	// sworn is when the last sweep began that the Lease tells of; next is when the next sweep begins.
	sworn, next time.Time
	said        witness.Report
	contact     atomic.Int64
	sworeOnce   atomic.Bool
	budget      *rate.Limiter
	// fresh says that the writes of the budget are still under way.
	fresh atomic.Bool
}

// NeedLeaderElection is false: every replica writes down what it hears.
func (s *Sweeper) NeedLeaderElection() bool { return false }

// Start sweeps until the context ends, then writes all that is known and takes the Lease away.
func (s *Sweeper) Start(ctx context.Context) error {
	var failing bool
	for {
		switch err := s.Sweep(ctx); {
		case err == nil && failing:
			s.Log.Info("What clients tell is written down again")
			failing = false
		case err != nil && ctx.Err() == nil && !failing:
			s.Log.Error(err, "What clients tell cannot be written down; it is kept in memory and tried again every second")
			failing = true
		}
		select {
		case <-ctx.Done():
			if s.Drained != nil {
				select {
				case <-s.Drained:
				case <-time.After(drainTimeout):
				}
			}
			s.Finish()
			return nil
		case <-time.After(s.next.Sub(s.Clock.Now())):
		}
	}
}

// Sweep writes what must be written and says so. An error says that something remains unwritten; if a deadline depends on it, the Lease is not renewed.
func (s *Sweeper) Sweep(ctx context.Context) error {
	began := s.Clock.Now()
	if s.contact.Load() == 0 {
		s.contact.Store(began.UnixNano())
	}
	pools, sessions := s.Recorder.seen()
	settled := s.Settled == nil || s.Settled()
	due := s.Recorder.Due(began, s.sworn, s.Freshness > 0 && !s.fresh.Load())
	s.next = due.Next
	if err := s.write(ctx, due.Must, cmp.Or(s.Parallel, parallelWrites)); err != nil {
		return err
	}
	settled = settled && (s.Settled == nil || s.Settled()) // after writes that took long it may not be able to tell any more, and have left out what it would have claimed
	report, wanted := witness.Report{Swept: began, Pools: pools, Sessions: sessions, Missing: due.Missing}, due.Passed || began.Sub(s.sworn) >= witness.RenewEvery
	if !settled && !s.sworn.IsZero() {
		// It lives, and no more: which clients are its to claim it does not know, since after a gap it takes nobody for dead.
		report.Swept, report.Pools, report.Sessions, wanted = s.sworn, s.said.Pools, s.said.Sessions, began.Sub(s.said.Renewed) >= witness.RenewEvery
	}
	if wanted {
		if err := s.swear(ctx, report); err != nil {
			return fmt.Errorf("renewing the replica's lease: %w", err)
		}
	}
	// A replica that takes over another's clients has thousands to write: those for which nobody waits must not keep it from being heard.
	err := s.write(ctx, due.Soon[:min(len(due.Soon), maxSoon)], cmp.Or(s.Parallel, parallelWrites))
	s.freshen(ctx, due.May)
	return err
}

// swear renews the Lease. That is not broken off when the replica is told to stop: the Lease must not come after its removal.
func (s *Sweeper) swear(ctx context.Context, report witness.Report) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), renewTimeout)
	defer cancel()
	report.Renewed = s.Clock.Now()
	if s.Denials != nil {
		report.Denials = s.Denials(report.Renewed)
	}
	if err := s.Lease.Renew(ctx, report); err != nil {
		return err
	}
	s.sworn, s.said = report.Swept, report
	s.contact.Store(s.Clock.Now().UnixNano())
	s.sworeOnce.Store(true)
	stale := s.Roster.Stale()
	for _, name := range slices.Sorted(maps.Keys(stale)) {
		revision := stale[name]
		if err := s.Lease.Clear(ctx, name, revision); err != nil {
			s.Log.V(1).Info("The lease of a replica that is long gone could not be removed", "lease", name, "error", err.Error())
		}
	}
	return nil
}

// Witness says whether this replica has a Lease: only then the leader waits for what it hears.
func (s *Sweeper) Witness() bool { return s.sworeOnce.Load() }

// CutOff says whether this replica has not been able to say that it wrote down what it heard for so long that its clients had better be heard by another.
func (s *Sweeper) CutOff() bool {
	last := s.contact.Load()
	return last != 0 && s.Clock.Now().Sub(time.Unix(0, last)) > witness.SilentAfter
}

// Finish writes down all that is known, and takes the Lease away if that went well: nobody has to wait for this replica then. It says whether all is written down; if not, it is as if the
// replica had crashed.
func (s *Sweeper) Finish() bool {
	ctx, cancel := context.WithTimeout(context.Background(), flushTimeout)
	defer cancel()
	uids := s.Recorder.Unwritten()
	if err := s.write(ctx, uids, cmp.Or(s.Parallel, parallelWrites)); err != nil {
		s.Log.Error(err, "Not all that clients told is written down; others wait for this replica's clients to be heard elsewhere", "sessions", len(uids))
		return false
	}
	s.tellDenials(ctx)
	if err := s.Lease.Remove(ctx); err != nil {
		s.Log.Error(err, "The replica's lease could not be removed")
	}
	return true
}

// tellDenials tells the last denials before the Lease goes: who watches it sees how it was at its end.
func (s *Sweeper) tellDenials(ctx context.Context) {
	if s.Denials == nil || s.sworn.IsZero() {
		return
	}
	denials := s.Denials(s.Clock.Now())
	if len(denials) == 0 {
		return
	}
	if err := s.Lease.Renew(ctx, witness.Report{Renewed: s.Clock.Now(), Swept: s.sworn, Denials: denials}); err != nil {
		s.Log.V(1).Info("The last denials could not be told", "error", err.Error())
	}
}

// freshen writes what may be written, within the budget and beside the sweeps.
func (s *Sweeper) freshen(ctx context.Context, uids []types.UID) {
	if s.Freshness <= 0 || len(uids) == 0 || !s.fresh.CompareAndSwap(false, true) {
		return
	}
	if s.budget == nil {
		s.budget = rate.NewLimiter(rate.Limit(s.Freshness), max(1, int(s.Freshness)))
	}
	most := 0
	for most < len(uids) && s.budget.Allow() {
		most++
	}
	write := func() {
		defer s.fresh.Store(false)
		if err := s.write(ctx, uids[:most], parallelFresh); err != nil && ctx.Err() == nil {
			s.Log.V(1).Info("What people like to see fresh could not be written", "error", err.Error())
		}
	}
	if s.Parallel == 1 {
		write()
		return
	}
	go write()
}

// maxFailures is how many writes of a sweep may fail before the rest is left for the next one: the API server is away then, and each would wait for its time-out.
const maxFailures = 3

// write writes sessions, many at once. The first few errors are returned.
func (s *Sweeper) write(ctx context.Context, uids []types.UID, parallel int) error {
	var group errgroup.Group
	group.SetLimit(parallel)
	begin := group.Go
	if s.Parallel == 1 {
		begin = func(write func() error) { _ = write() }
	}
	var mu sync.Mutex
	var errs []error
	for _, uid := range uids {
		begin(func() error {
			mu.Lock()
			hopeless := len(errs) >= maxFailures
			mu.Unlock()
			if hopeless {
				return nil
			}
			if err := s.writeOne(ctx, uid); err != nil {
				mu.Lock()
				defer mu.Unlock()
				errs = append(errs, err)
			}
			return nil
		})
	}
	_ = group.Wait() // each error stands in errs
	return errors.Join(errs[:min(len(errs), maxFailures)]...)
}

// writeOne writes one session, on the condition that nobody wrote it in between; if somebody did, it is read and decided on anew.
func (s *Sweeper) writeOne(ctx context.Context, uid types.UID) error {
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	var err error
	for range maxTries {
		now := s.Clock.Now()
		before, after, ok := s.Recorder.change(uid, now)
		if !ok {
			return nil
		}
		patch := client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})
		switch err = s.Client.Status().Patch(ctx, after, patch); {
		case err == nil:
			activityWrites.Inc()
			s.Recorder.wrote(after, now)
			return nil
		case apierrors.IsNotFound(err):
			s.Recorder.Forget(uid)
			return nil
		case apierrors.IsInvalid(err), apierrors.IsForbidden(err), apierrors.IsBadRequest(err), apierrors.IsRequestEntityTooLargeError(err):
			if !s.Recorder.refused(uid, now) {
				return fmt.Errorf("writing session %s: %w", before.Name, err)
			}
			s.Log.Error(err, "The API server refuses what a client told; the session is left alone for a while", "namespace", before.Namespace, "session", before.Name)
			return nil
		case !apierrors.IsConflict(err):
			return fmt.Errorf("writing session %s: %w", before.Name, err)
		}
		newest := &licensing.UserSession{}
		switch err = s.Live.Get(ctx, client.ObjectKeyFromObject(before), newest); {
		case apierrors.IsNotFound(err), err == nil && newest.UID != uid:
			s.Recorder.Forget(uid)
			return nil
		case err != nil:
			return fmt.Errorf("reading session %s: %w", before.Name, err)
		}
		s.Recorder.Learn(newest)
	}
	return err
}
