// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
)

// adminActs are what administrators and pipelines do. One that fails, since the API server is away, is let be; what must be put right again is tried until it succeeds.
var adminActs = []fault{
	{18, func(ctx context.Context, l *lane) {
		p := l.pool("gitops")
		low := 1 + l.random.IntN(p.seats)
		l.breaks("seats lowered and raised", "the seats of %s are lowered from %d to %d, for a while", p.name, p.seats, low)
		l.setSeats(p, low)
		sleep(ctx, l.between(5*time.Second, 30*time.Second))
		l.setSeats(p, p.seats)
	}},
	{10, func(ctx context.Context, l *lane) {
		p := l.pool("gitops")
		d := l.between(2*time.Second, 60*time.Second)
		l.breaks("pool deleted and applied again", "the pool %s is deleted, and applied again after %s", p.name, d.Round(time.Second))
		l.insist(func(ctx context.Context) error { return client.IgnoreNotFound(l.API.Delete(ctx, p.pool())) })
		sleep(ctx, d)
		l.insist(func(ctx context.Context) error {
			if err := l.API.Create(ctx, p.pool()); !apierrors.IsAlreadyExists(err) {
				return err
			}
			return nil
		})
	}},
	{30, func(_ context.Context, l *lane) {
		for _, s := range l.history.some(l.random, 1, nil) {
			l.tally.add(faults, "session deleted (kubectl delete)")
			_ = l.try(func(ctx context.Context) error {
				return l.API.Delete(ctx, s.DeepCopy(), client.Preconditions{UID: &s.UID})
			})
		}
	}},
	{24, func(_ context.Context, l *lane) { l.terminate(1) }},
	{8, func(_ context.Context, l *lane) { l.terminate(5) }},
	{10, func(ctx context.Context, l *lane) {
		p := l.pool("combined")
		account := p.account(l.random.IntN(p.accounts))
		l.breaks("named account deleted and made again", "the account of %s is deleted, and made again", account.Spec.UserName)
		l.insist(func(ctx context.Context) error { return client.IgnoreNotFound(l.API.Delete(ctx, account.DeepCopy())) })
		sleep(ctx, l.between(time.Second, 10*time.Second))
		l.insist(func(ctx context.Context) error {
			if err := l.API.Create(ctx, account.DeepCopy()); !apierrors.IsAlreadyExists(err) {
				return err
			}
			return nil
		})
	}},
}

func (l *lane) pool(name string) *pool {
	for _, p := range l.pools {
		if p.name == name {
			return p
		}
	}
	panic("there is no pool " + name)
}

// terminate asks for the end of sessions, as kubectl seats terminate does.
func (l *lane) terminate(n int) {
	for _, s := range l.history.some(l.random, n, nil) {
		l.tally.add(faults, "session terminated by an administrator")
		after := s.DeepCopy()
		after.Spec.Termination = &licensing.Termination{RequestedBy: licensing.RequesterAdministrator, Message: "Maintenance."}
		_ = l.try(func(ctx context.Context) error { return l.API.Patch(ctx, after, client.MergeFrom(s)) })
	}
}

func (l *lane) setSeats(p *pool, seats int) {
	l.insist(func(ctx context.Context) error {
		now := p.pool()
		if err := l.API.Get(ctx, client.ObjectKeyFromObject(now), now); err != nil {
			return client.IgnoreNotFound(err)
		}
		before := now.DeepCopy()
		now.Spec.Concurrent.Seats = new(int32(seats))
		return l.API.Patch(ctx, now, client.MergeFrom(before))
	})
}

// try does something once.
func (l *lane) try(do func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(l.life, 5*time.Second)
	defer cancel()
	return do(ctx)
}

// insist does something until it succeeds; the API server is back within a minute.
func (l *lane) insist(do func(context.Context) error) {
	var err error
	for range 120 {
		if err = l.try(do); err == nil {
			return
		}
		sleep(l.life, time.Second)
	}
	l.must(err)
}
