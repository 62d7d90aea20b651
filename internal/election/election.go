// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

// Package election lets one replica at a time lead, in a process that goes on when it no longer does: the gateway in it still hears clients.
package election

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
)

const (
	// leaseDuration is how long others wait for a leader that no longer renews; renewDeadline is how long a leader tries to renew before it stops to lead; retryPeriod is how often either tries.
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
		if err := term(ctx); err != nil && ctx.Err() == nil {
			e.Log.Error(err, "This replica could not lead, and tries again", "after", again.String())
		}
		select {
		case <-ctx.Done():
		case <-time.After(again):
		}
	}
	return nil
}

// term waits for the lead, leads until it is lost or the context ends, and returns when leading has stopped.
func (e *Election) term(ctx context.Context) error {
	lock, err := resourcelock.NewFromKubeconfig(resourcelock.LeasesResourceLock, e.Namespace, e.Name,
		resourcelock.ResourceLockConfig{Identity: e.Identity}, rest.CopyConfig(e.Config), renewDeadline)
	if err != nil {
		return fmt.Errorf("preparing the election: %w", err)
	}
	// A replica that is told to stop gives the Lease back after leading has stopped, not before: so it does not end with ctx.
	electing, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	var started atomic.Bool
	ended := make(chan error, 1)
	elector, err := leaderelection.NewLeaderElector(leaderelection.LeaderElectionConfig{
		Lock: &ownLock{Interface: lock, lost: func() {
			if started.Load() {
				stop()
			}
		}}, LeaseDuration: leaseDuration, RenewDeadline: renewDeadline, RetryPeriod: retryPeriod, ReleaseOnCancel: true, Name: e.Name,
		Callbacks: leaderelection.LeaderCallbacks{
			OnStartedLeading: func(held context.Context) {
				started.Store(true)
				ended <- e.leadWhile(ctx, held)
				stop()
			},
			OnStoppedLeading: func() {},
		},
	})
	if err != nil {
		return fmt.Errorf("preparing the election: %w", err)
	}
	defer context.AfterFunc(ctx, func() {
		if !started.Load() {
			stop() // told to stop before it ever led
		}
	})()
	elector.Run(electing)
	if !started.Load() {
		return nil
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

// ownLock is the election's Lease. A leader that slept, and finds it held by another or given up when it wakes, has lost the lead: the library would let it lead on for another renewDeadline, or take
// the lead back as if nothing had been.
type ownLock struct {
	resourcelock.Interface

	lost func()
}

// Get reads the Lease.
func (l *ownLock) Get(ctx context.Context) (*resourcelock.LeaderElectionRecord, []byte, error) {
	record, raw, err := l.Interface.Get(ctx)
	if err == nil && record.HolderIdentity != l.Identity() {
		l.lost()
	}
	return record, raw, err
}
