// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	build "github.com/seatkeeper/seatkeeper/test/make"
)

// plants are promises that an administrator's own hands break, so that it shows whether what looks for broken promises finds them.
var plants = map[string]func(context.Context, *scene) error{
	// A seat is given to somebody, past the operator, in a pool that is full or not: nobody but the operator may.
	"oversold": func(ctx context.Context, s *scene) error {
		session := build.MakeUserSession("planted").Namespace(namespace).Pool("scarce").User("eve").MaxWait(time.Hour).Obj()
		if err := s.API.Create(ctx, session); err != nil {
			return err
		}
		// Whichever of the two writes first: the other may have to look again.
		for {
			if err := s.API.Get(ctx, client.ObjectKeyFromObject(session), session); err != nil {
				return err
			}
			if session.Status.State == licensing.SessionActive {
				return errors.New("the pool had a free seat: nothing was planted")
			}
			before := session.DeepCopy()
			session.Status = build.MakeUserSession("").Active(licensing.SeatConcurrent, string(session.UID), time.Now()).Obj().Status
			if s.API.Status().Patch(ctx, session, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})) == nil {
				return nil
			}
		}
	},
	// Somebody who works is signed off as if for idleness.
	"expired": func(ctx context.Context, s *scene) error {
		for _, victim := range s.history.some(s.o.random(4), 1, func(u *licensing.UserSession) bool { return u.Spec.PoolRef.Name == "desk" }) {
			for {
				session := &licensing.UserSession{}
				if err := s.API.Get(ctx, client.ObjectKeyFromObject(victim), session); err != nil {
					return err
				}
				before := session.DeepCopy()
				session.Status = build.MakeUserSession("").Terminated(licensing.ExpiredSessionTerminated, time.Now()).Obj().Status
				for _, keep := range []struct{ to, from **metav1.Time }{{&session.Status.LogonTime, &before.Status.LogonTime}} {
					*keep.to = *keep.from
				}
				session.Status.Seat, session.Status.Connection = before.Status.Seat, before.Status.Connection
				if s.API.Status().Patch(ctx, session, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})) == nil {
					return nil
				}
			}
		}
		return errors.New("nobody was signed on: nothing was planted")
	},
}

// plantFault breaks one promise, when half of the time is over.
func (s *scene) plantFault(ctx context.Context, plant func(context.Context, *scene) error) {
	if !sleep(ctx, s.o.length/2) {
		return
	}
	if err := plant(ctx, s); err != nil {
		s.say("the fault could not be planted: %v", err)
		return
	}
	s.tally.add(faults, "planted: "+s.o.plant)
	s.say("  a fault is planted: %s", s.o.plant)
}
