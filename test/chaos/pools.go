// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	build "github.com/seatkeeper/seatkeeper/test/make"
)

// pool is one, with those who want its seats.
type pool struct {
	name string
	// share is how many of a hundred users are this pool's.
	share int
	// perUser is how many concurrent seats there are for each of its users: below 1 not all find one.
	perUser float64
	// named is how many of its users have a named account; a tenth of them finds no named seat.
	named bool
	// wait is how long a login waits for a seat.
	wait time.Duration
	// works is how long a user works at the most.
	works                time.Duration
	idle, lost, interval time.Duration
	// loneSeats: each session has a seat of its own, and the seats never change, so that users can count together how many there were at a time.
	loneSeats bool
	rules     func(*build.LicensePoolBuilder) *build.LicensePoolBuilder

	users, seats, accounts int
}

// poolsFor are the pools, with users and seats for so many users. The shortest idle timeout that there is, 60 s, needs heartbeats every 15 s to be kept over a failover.
func poolsFor(users int) []*pool {
	pools := []*pool{
		// Enough for everybody.
		{name: "desk", share: 48, perUser: 1.1, works: 100 * time.Second, idle: 120 * time.Second, lost: 90 * time.Second, interval: 20 * time.Second,
			rules: func(b *build.LicensePoolBuilder) *build.LicensePoolBuilder { return b.Prompt(30*time.Second, "Web") }},
		// Too few, so that a seat changes hands whenever it gets free.
		{name: "scarce", share: 14, perUser: 0.3, works: 25 * time.Second, idle: 60 * time.Second, lost: 60 * time.Second, interval: 15 * time.Second, loneSeats: true},
		// Too few, and people queue.
		{name: "queue", share: 10, perUser: 0.3, wait: 45 * time.Second, works: 25 * time.Second, idle: 60 * time.Second, lost: 60 * time.Second, interval: 15 * time.Second, loneSeats: true},
		// Named and concurrent users with several sessions each, of which the oldest makes room.
		{name: "combined", share: 16, perUser: 0.5, named: true, wait: 10 * time.Second, works: 70 * time.Second, idle: 90 * time.Second, lost: 90 * time.Second, interval: 20 * time.Second,
			rules: func(b *build.LicensePoolBuilder) *build.LicensePoolBuilder {
				return b.MaxPerUser(2, licensing.LimitTerminateOldest).UnsavedWorkTimeout(150 * time.Second).OnClientExit(licensing.ExitEndSession)
			}},
		// What a pipeline changes, deletes and applies again.
		{name: "gitops", share: 12, perUser: 0.8, wait: 5 * time.Second, works: 70 * time.Second, idle: 90 * time.Second, lost: 90 * time.Second, interval: 20 * time.Second},
	}
	for _, p := range pools {
		p.users = max(2, users*p.share/100)
		p.seats = max(1, int(float64(p.users)*p.perUser))
		if p.named {
			p.accounts = p.users / 3
		}
	}
	return pools
}

// pool is what is applied.
func (p *pool) pool() *licensing.LicensePool {
	b := build.MakeLicensePool(p.name).Namespace(namespace).Concurrent(int32(p.seats)).IdleTimeout(p.idle).LostAfter(p.lost).HeartbeatInterval(p.interval).
		Retention(10 * time.Minute) // longer than any outage, so that everybody can be told how a session ended
	if p.named {
		b = b.Named(int32(p.accounts - p.accounts/10))
	}
	if p.rules != nil {
		b = p.rules(b)
	}
	return b.Obj()
}

// objects are the pool and its named accounts.
func (p *pool) objects() []client.Object {
	objects := []client.Object{p.pool()}
	for i := range p.accounts {
		objects = append(objects, p.account(i))
	}
	return objects
}

func (p *pool) account(i int) *licensing.LicenseAccount {
	return build.MakeLicenseAccount(fmt.Sprintf("%s-%d", p.name, i)).Namespace(namespace).Pool(p.name).User(p.user(i)).Named().Obj()
}

// user is a user's name.
func (p *pool) user(i int) string { return fmt.Sprintf("%s user %d", p.name, i) }
