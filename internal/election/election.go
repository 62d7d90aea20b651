// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

// Package election lets one replica at a time lead, in a process that goes on when it no longer does: the gateway in it still hears clients.
package election

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-logr/logr"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	leasesclient "k8s.io/client-go/kubernetes/typed/coordination/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	"k8s.io/utils/clock"
)

const (
	// leaseDuration is how long others wait for a leader that no longer renews; renewDeadline is how long a leader tries to renew before it stops to lead; retryPeriod is how often it renews.
	leaseDuration = 15 * time.Second
	renewDeadline = 10 * time.Second
	retryPeriod   = 2 * time.Second
	// again is how long a replica waits that could not lead.
	again = 2 * time.Second
)

// Election is for the lead, held by a Lease. That two lead for a moment does no harm: what must not happen twice is fenced (docs/design.md).
type Election struct {
	// Config is the API server's; the election has a client and a rate limit of its own.
	Config *rest.Config
	// Namespace and Name are the Lease's, Identity is this replica's. An empty Name: there is no election, and this replica leads.
	Namespace, Name, Identity string
	// Lead leads until its context ends, and then returns soon.
	Lead func(context.Context) error
	Log  logr.Logger
}

// NeedLeaderElection is false: this is the election.
func (e *Election) NeedLeaderElection() bool { return false }

// Start takes part until the context ends; the lead is given up in order then.
func (e *Election) Start(ctx context.Context) error {
	for ctx.Err() == nil {
		term := e.term
		if e.Name == "" {
			term = e.Lead
		}
		switch err := term(ctx); {
		case errors.Is(err, errTaken):
			continue
		case err != nil && ctx.Err() == nil:
			e.Log.Error(err, "This replica could not lead, and tries again", "after", again.String())
		}
		select {
		case <-ctx.Done():
		case <-time.After(again):
		}
	}
	return nil
}

// errTaken says that another was quicker, or that this replica was told to stop before it led.
var errTaken = errors.New("the lead was not to be had")

// term waits for the lead, leads until it is lost or the context ends, and returns when leading has stopped.
func (e *Election) term(ctx context.Context) error {
	lock, err := resourcelock.NewFromKubeconfig(resourcelock.LeasesResourceLock, e.Namespace, e.Name,
		resourcelock.ResourceLockConfig{Identity: e.Identity}, rest.CopyConfig(e.Config), renewDeadline)
	if err != nil {
		return fmt.Errorf("preparing the election: %w", err)
	}
	client, err := leasesclient.NewForConfig(e.Config)
	if err != nil {
		return fmt.Errorf("preparing the election: %w", err)
	}
	waiting := &standby{leases: client.Leases(e.Namespace), name: e.Name, identity: e.Identity, clock: clock.RealClock{}}
	free, err := waiting.free(ctx)
	if err != nil {
		return err
	}
	// A replica that is told to stop gives the Lease back at once, and not when the last of its work is done: another grants meanwhile, which is safe since grants are fenced.
	electing, stop := context.WithCancel(ctx)
	defer stop()
	own := &ownLock{Interface: lock, free: free, lost: stop}
	ended := make(chan error, 1)
	elector, err := leaderelection.NewLeaderElector(leaderelection.LeaderElectionConfig{
		Lock: own, LeaseDuration: leaseDuration, RenewDeadline: renewDeadline, RetryPeriod: retryPeriod, ReleaseOnCancel: true, Name: e.Name,
		Callbacks: leaderelection.LeaderCallbacks{
			OnStartedLeading: func(held context.Context) {
				ended <- e.leadWhile(ctx, held)
				stop()
			},
			OnStoppedLeading: func() {},
		},
	})
	if err != nil {
		return fmt.Errorf("preparing the election: %w", err)
	}
	elector.Run(electing)
	if !own.taken {
		return errTaken
	}
	return <-ended
}

// leadWhile leads as long as the lease is held.
func (e *Election) leadWhile(ctx, held context.Context) error {
	e.Log.Info("This replica leads")
	leading, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(held, cancel)()
	err := e.Lead(leading)
	if ctx.Err() == nil && held.Err() != nil {
		e.Log.Info("This replica no longer leads: it could not renew its lease")
		return nil
	}
	return err
}

// ownLock is the election's Lease.
//
// A leader that slept, and finds it held by another or given up when it wakes, has lost the lead: the library would let it lead on for another renewDeadline, or take the lead back as if nothing had
// been. And a record whose time is over by what the standby saw is shown as nobody's: the library would watch it for another leaseDuration of its own.
type ownLock struct {
	resourcelock.Interface

	// free is the record that the lead can be taken from, lost says that it cannot be taken, or kept.
	free resourcelock.LeaderElectionRecord
	lost func()
	// taken says that this replica has got the lead.
	taken bool
}

// Get reads the Lease.
func (l *ownLock) Get(ctx context.Context) (*resourcelock.LeaderElectionRecord, []byte, error) {
	record, raw, err := l.Interface.Get(ctx)
	switch {
	case err != nil || record.HolderIdentity == l.Identity():
	case !l.taken && same(*record, l.free):
		nobodys := *record
		nobodys.HolderIdentity = ""
		return &nobodys, raw, nil
	default:
		l.lost()
	}
	return record, raw, err
}

// Create makes the Lease, with this replica as the leader.
func (l *ownLock) Create(ctx context.Context, record resourcelock.LeaderElectionRecord) error {
	return l.wrote(l.Interface.Create(ctx, record))
}

// Update takes the lead, renews it or gives it up. It fails if anybody wrote the Lease since it was read.
func (l *ownLock) Update(ctx context.Context, record resourcelock.LeaderElectionRecord) error {
	return l.wrote(l.Interface.Update(ctx, record))
}

func (l *ownLock) wrote(err error) error {
	switch {
	case err == nil:
		l.taken = true
	case !l.taken && (apierrors.IsConflict(err) || apierrors.IsAlreadyExists(err)):
		l.lost() // another was quicker: its lease is to be watched
	}
	return err
}
