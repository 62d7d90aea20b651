// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package bench_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	. "github.com/seatkeeper/seatkeeper/test/make"
)

// seats are more than any benchmark takes.
const seats = 1_000_000

// pool is a pool that users sign in to.
type pool struct {
	*stage

	name string
	// enrolled is how many users have an account.
	enrolled int
	// batch numbers the logins, so that no two sessions ever bear one name.
	batch int
	// begun is when the first round began.
	begun time.Time
}

// times are those of many logins that were made at once: of each one, and of all together.
type times struct {
	each  []time.Duration
	total time.Duration
}

func (s *stage) newPool(ctx context.Context, name string) (*pool, error) {
	p := &pool{stage: s, name: name}
	if err := s.api.Create(ctx, MakeLicensePool(name).Namespace(served).Concurrent(seats).Obj()); err != nil {
		return nil, err
	}
	return p, p.shows(ctx, func(c licensing.SeatCounts) bool { return *c.Licensed == seats })
}

// logIn signs each user in once and returns when all are Active. Those who wait learn it from one watch, as one application server's would.
func (p *pool) logIn(ctx context.Context, users []string) (times, error) {
	p.batch++
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	active := map[string]chan struct{}{}
	for i := range users {
		active[p.session(i)] = make(chan struct{})
	}
	go p.tellActive(ctx, active)
	return atOnce(len(users), func(i int) error {
		name := p.session(i)
		if err := p.api.Create(ctx, MakeUserSession(name).Namespace(served).Pool(p.name).User(users[i]).Obj()); err != nil {
			return err
		}
		select {
		case <-active[name]:
			return nil
		case <-ctx.Done():
			return fmt.Errorf("session %s did not become Active: %w", name, context.Cause(ctx))
		}
	})
}

// tellActive closes each session's channel when the session is Active, until the context is done.
func (p *pool) tellActive(ctx context.Context, active map[string]chan struct{}) {
	told := map[string]bool{}
	for ctx.Err() == nil {
		// Without a revision to start from, a watch tells first what is there and then every change. So nothing is missed, neither before the
		// first one nor when the API server ends one, as it does with those who fall behind.
		watcher, err := p.api.Watch(ctx, &licensing.UserSessionList{}, client.InNamespace(served),
			client.MatchingFields{"spec.poolRef.name": p.name, "status.state": string(licensing.SessionActive)})
		if err != nil {
			continue
		}
		for e := range watcher.ResultChan() {
			s, ok := e.Object.(*licensing.UserSession)
			if !ok {
				break
			}
			if channel := active[s.Name]; channel != nil && !told[s.Name] {
				told[s.Name] = true
				close(channel)
			}
		}
		watcher.Stop()
	}
}

// ceiling does for each user what no operator can spare: it creates a session, and writes to it the status that a granted one has. Nobody acts on the
// sessions, since the operator does not serve their namespace.
func (p *pool) ceiling(ctx context.Context, users []string, granted licensing.UserSessionStatus) (times, error) {
	p.batch++
	return atOnce(len(users), func(i int) error {
		s := MakeUserSession(p.session(i)).Namespace(unserved).Pool(p.name).User(users[i]).Obj()
		if err := p.api.Create(ctx, s); err != nil {
			return err
		}
		before := s.DeepCopy()
		granted.DeepCopyInto(&s.Status)
		s.Status.Connection = string(s.UID)
		patch := client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})
		return p.api.Status().Patch(ctx, s, patch, client.FieldOwner("seatkeeper"))
	})
}

// atOnce does something n times, by many clients at once, each of which begins anew when it has finished.
func atOnce(n int, do func(i int) error) (times, error) {
	t := times{each: make([]time.Duration, n)}
	var next atomic.Int64
	var group errgroup.Group
	began := time.Now()
	for range min(clients, n) {
		group.Go(func() error {
			for {
				i := int(next.Add(1)) - 1
				if i >= n {
					return nil
				}
				began := time.Now()
				if err := do(i); err != nil {
					return err
				}
				t.each[i] = time.Since(began)
			}
		})
	}
	err := group.Wait()
	t.total = time.Since(began)
	return t, err
}

// enroll sees to it that the users have accounts.
func (p *pool) enroll(ctx context.Context, users []string) error {
	known := min(p.enrolled, len(users))
	_, err := atOnce(len(users)-known, func(i int) error {
		name := users[known+i]
		return p.api.Create(ctx, MakeLicenseAccount(name).Namespace(served).Pool(p.name).User(name).Concurrent().Obj())
	})
	if err != nil {
		return err
	}
	p.enrolled = max(p.enrolled, len(users))
	return p.shows(ctx, func(c licensing.SeatCounts) bool { return int(*c.Accounts) == p.enrolled })
}

// logOut ends all sessions.
func (p *pool) logOut(ctx context.Context) error {
	if err := p.deleteAll(ctx, &licensing.UserSessionList{}); err != nil {
		return err
	}
	return p.shows(ctx, func(c licensing.SeatCounts) bool { return *c.Used == 0 })
}

// disenroll deletes all accounts.
func (p *pool) disenroll(ctx context.Context) error {
	if err := p.deleteAll(ctx, &licensing.LicenseAccountList{}); err != nil {
		return err
	}
	return p.shows(ctx, func(c licensing.SeatCounts) bool { return *c.Accounts == 0 })
}

// deleteAll deletes the pool's objects of one kind, many at once, which takes half the time of one request that deletes all.
func (p *pool) deleteAll(ctx context.Context, list client.ObjectList) error {
	if err := p.api.List(ctx, list, client.InNamespace(served), client.MatchingFields{"spec.poolRef.name": p.name}); err != nil {
		return err
	}
	objects, err := meta.ExtractList(list)
	if err != nil {
		return err
	}
	_, err = atOnce(len(objects), func(i int) error { return p.api.Delete(ctx, objects[i].(client.Object)) })
	return err
}

// session is the name of a session of this batch.
func (p *pool) session(i int) string { return fmt.Sprintf("%s-%d-%d", p.name, p.batch, i) }

// grantedStatus is that of a session which the operator has granted.
func (p *pool) grantedStatus(ctx context.Context) (licensing.UserSessionStatus, error) {
	s := &licensing.UserSession{}
	err := p.api.Get(ctx, client.ObjectKey{Namespace: served, Name: p.session(0)}, s)
	return s.Status, err
}

// shows waits until the pool shows such counts.
func (p *pool) shows(ctx context.Context, such func(licensing.SeatCounts) bool) error {
	pool := &licensing.LicensePool{}
	for {
		if err := p.api.Get(ctx, client.ObjectKey{Namespace: served, Name: p.name}, pool); err != nil {
			return err
		}
		if c := pool.Status.Concurrent; c != nil && such(*c) {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("pool %s does not come to show what it should: %+v: %w", p.name, pool.Status.Table, ctx.Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// atRest waits until the operator has nothing left to do and reads the counters.
func (p *pool) atRest(ctx context.Context) (counters, error) {
	if err := p.operatorRests(ctx); err != nil {
		return counters{}, err
	}
	return p.read(ctx)
}
