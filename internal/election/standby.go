// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package election

import (
	"context"
	"fmt"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/watch"
	leasesclient "k8s.io/client-go/kubernetes/typed/coordination/v1"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	"k8s.io/utils/clock"
)

// standby watches the Lease of a leader, so that the lead is taken in the moment in which it is given up or its time is over. To ask every two seconds instead, as the library does, costs up to
// five seconds: one wait until a renewal is noticed, and one until its time-out is.
type standby struct {
	leases         leasesclient.LeaseInterface
	name, identity string
	clock          clock.Clock

	record  resourcelock.LeaderElectionRecord
	renewed time.Time // when a renewal was last seen, by this replica's clock
}

// free waits until the lead can be had, and returns the record that says so; the empty one if there is no Lease. An API server that is away is asked again as long as the context lasts.
func (s *standby) free(ctx context.Context) (resourcelock.LeaderElectionRecord, error) {
	for {
		// Read anew, not taken from the watch: one that hangs tells nothing of renewals.
		lease, err := s.get(ctx)
		switch {
		case ctx.Err() != nil:
			return s.record, ctx.Err()
		case apierrors.IsNotFound(err):
			return resourcelock.LeaderElectionRecord{}, nil
		case apierrors.IsForbidden(err):
			return s.record, fmt.Errorf("reading the leader's lease: %w", err)
		case err != nil:
			if err := s.pause(ctx); err != nil {
				return s.record, err
			}
			continue
		}
		if s.take(lease) {
			return s.record, nil
		}
		if err := s.watch(ctx, lease.ResourceVersion); err != nil {
			return s.record, err
		}
	}
}

func (s *standby) get(ctx context.Context) (*coordinationv1.Lease, error) {
	ctx, cancel := context.WithTimeout(ctx, retryPeriod)
	defer cancel()
	return s.leases.Get(ctx, s.name, metav1.GetOptions{})
}

// take takes in what the Lease says, and says whether the lead can be had.
func (s *standby) take(lease *coordinationv1.Lease) bool {
	record := *resourcelock.LeaseSpecToLeaderElectionRecord(&lease.Spec)
	if s.renewed.IsZero() || !same(record, s.record) {
		s.record, s.renewed = record, s.clock.Now()
	}
	return record.HolderIdentity == "" || record.HolderIdentity == s.identity || s.left() <= 0
}

// left is how long the leader has to renew.
func (s *standby) left() time.Duration {
	return s.renewed.Add(leaseDuration).Sub(s.clock.Now())
}

// watch follows the Lease until the lead seems to be had, or the watch breaks. It returns an error when the context ends.
func (s *standby) watch(ctx context.Context, revision string) error {
	watching, cancel := context.WithCancel(ctx)
	defer cancel()
	w, err := s.leases.Watch(watching, metav1.ListOptions{FieldSelector: fields.OneTermEqualSelector(metav1.ObjectNameField, s.name).String(), ResourceVersion: revision})
	if err != nil {
		return s.pause(ctx)
	}
	defer w.Stop()
	for {
		over := s.clock.NewTimer(s.left())
		select {
		case <-ctx.Done():
			over.Stop()
			return ctx.Err()
		case <-over.C():
			return nil
		case e, open := <-w.ResultChan():
			over.Stop()
			lease, ok := e.Object.(*coordinationv1.Lease)
			switch {
			case !open || e.Type == watch.Error || !ok:
				return s.pause(ctx)
			case e.Type == watch.Deleted || s.take(lease):
				return nil
			}
		}
	}
}

// pause waits before something is tried again.
func (s *standby) pause(ctx context.Context) error {
	timer := s.clock.NewTimer(again / 4)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C():
		return nil
	}
}

// same says whether two records are of one renewal.
func same(a, b resourcelock.LeaderElectionRecord) bool {
	return a.HolderIdentity == b.HolderIdentity && a.RenewTime.Equal(&b.RenewTime)
}
