// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/internal/facts"
	. "github.com/seatkeeper/seatkeeper/test/make"
)

// What test/simulation found: managers that sleep, answers that come twice or never, rivals.

func (w *world) edit(change func(*licensing.LicensePool)) {
	w.t.Helper()
	p := w.pool()
	change(p)
	p.Generation++
	if err := w.api.Update(w.t.Context(), p); err != nil {
		w.t.Fatal(err)
	}
}

func TestEndThatArrivedTwiceIsToldOnce(t *testing.T) {
	w := newWorld(t, idlePool().Obj(), login("s1", "ann"))
	m := w.manager()
	m.settleFor(3)
	twice := false
	m.fault = func(call int, verb string, obj client.Object) (bool, error) {
		if !twice && endsSession(call, verb, obj) {
			twice = true
			if err := w.api.Status().Update(t.Context(), obj.DeepCopyObject().(client.Object)); err != nil {
				t.Error(err)
			}
		}
		return true, nil
	}
	m.passes(90 * time.Second)
	if !twice {
		t.Fatal("the end was not tried")
	}
	if n := m.ends(licensing.ExpiredSessionTerminated); n != 1 {
		t.Errorf("the end was told %d times", n)
	}
}

// idles lets 70 seconds pass without a look, after all that there was is settled.
func (m *manager) idles() {
	m.t.Helper()
	m.settleFor(3)
	m.clock.SetTime(m.clock.Now().Add(70 * time.Second))
}

func TestEndWhoseSecondTryConflictsIsToldOnce(t *testing.T) {
	w := newWorld(t, idlePool().Obj(), login("s1", "ann"))
	m := w.manager()
	m.idles()
	tries := 0
	m.fault = func(call int, verb string, obj client.Object) (bool, error) {
		if endsSession(call, verb, obj) {
			if tries++; tries == 1 {
				return true, context.DeadlineExceeded
			}
		}
		return true, nil
	}
	_, _ = m.reconcile()
	w.clock.SetTime(w.clock.Now().Add(time.Second))
	_, _ = m.reconcile() // the watch has shown nothing yet
	if tries != 2 {
		t.Fatalf("%d tries", tries)
	}
	m.settleFor(3)
	if n := m.ends(licensing.ExpiredSessionTerminated); n != 1 {
		t.Errorf("the end was told %d times", n)
	}
}

func TestEndOfOnesOwnIsToldThoughItsRecordIsGoneAndARivalHasThePool(t *testing.T) {
	w := newWorld(t, idlePool().Obj(), login("s1", "ann"))
	m := w.manager()
	m.idles()
	m.fault = func(call int, verb string, obj client.Object) (bool, error) {
		if endsSession(call, verb, obj) {
			return true, context.DeadlineExceeded
		}
		return true, nil
	}
	_, _ = m.reconcile()
	wantState(t, w.session("s1"), licensing.SessionTerminated)
	w.delete(w.session("s1"))
	w.create(login("s2", "bob"))
	w.manager().settleFor(3)
	m.settleFor(3)
	if n := len(m.told()); n != 1 {
		t.Errorf("the end was told %d times", n)
	}
}

func TestWhatWasDecidedBeforeASleepIsDecidedAnew(t *testing.T) {
	w := newWorld(t, idlePool().Obj(), login("s1", "ann"), login("s2", "bob"))
	m := w.manager()
	m.idles()
	slept := false
	m.fault = func(call int, verb string, obj client.Object) (bool, error) {
		if !slept && endsSession(call, verb, obj) {
			slept = true
			w.clock.SetTime(w.clock.Now().Add(time.Minute))
			w.edit(func(p *licensing.LicensePool) { p.Spec.Sessions.IdleTimeoutSeconds = new(int32(3600)) })
		}
		return true, nil
	}
	m.r.Parallel = 1
	m.settleFor(3)
	if states := w.states(); !slept || states[licensing.SessionActive] != 1 {
		t.Errorf("slept: %v; %v: one of two ends was written before the sleep, and by the rules of after it the other is not due", slept, states)
	}
}

func TestNobodyEndsByRulesThatChangedAMomentAgo(t *testing.T) {
	w := newWorld(t, idlePool().Obj(), login("s1", "ann"))
	m := w.manager()
	m.idles()
	looks := 0
	m.fault = func(_ int, verb string, obj client.Object) (bool, error) {
		if _, ok := obj.(*licensing.LicensePool); ok && verb == "get" {
			if looks++; looks == 2 { // the first is of the watch's view
				w.edit(func(p *licensing.LicensePool) { p.Spec.Sessions.IdleTimeoutSeconds = new(int32(3600)) })
			}
		}
		return true, nil
	}
	m.settleFor(3)
	wantState(t, w.session("s1"), licensing.SessionActive)
}

func TestPoolIsNotTakenForGoneByWhoDidNotLook(t *testing.T) {
	pool := idlePool().IdleTimeout(24 * time.Hour)
	w := newWorld(t, pool.Obj(), login("s1", "ann"))
	m := w.manager()
	m.settleFor(3)
	w.delete(w.pool())
	m.passes(time.Minute)
	w.clock.SetTime(w.clock.Now().Add(10 * time.Minute)) // it slept; the pool may have been there
	m.passes(4 * time.Minute)
	wantState(t, w.session("s1"), licensing.SessionActive)
	m.passes(2 * time.Minute)
	wantState(t, w.session("s1"), licensing.SessionTerminated)
}

func TestPoolThatWasBackUnseenIsNotLongGone(t *testing.T) {
	pool := idlePool().IdleTimeout(24 * time.Hour)
	w := newWorld(t, pool.Obj(), login("s1", "ann"))
	m := w.manager()
	m.settleFor(3)
	w.delete(w.pool())
	m.passes(4 * time.Minute)
	w.create(pool.Obj())
	w.create(login("s2", "bob"))
	w.manager().settleFor(4) // another manager sees the pool, and grants
	wantState(t, w.session("s2"), licensing.SessionActive)
	w.delete(w.pool())
	m.passes(2 * time.Minute)
	wantState(t, w.session("s2"), licensing.SessionActive)
}

func TestAccountFromAnEarlierPoolGetsItsSeat(t *testing.T) {
	pool := MakeLicensePool("p").Named(1).Concurrent(1)
	w := newWorld(t, pool.Obj(), named("n1"))
	m := w.manager()
	m.settle()
	change := func(to licensing.AccountType) {
		a := w.account("n1")
		a.Spec.Type = to
		a.Generation++
		if err := w.api.Update(t.Context(), a); err != nil {
			t.Fatal(err)
		}
	}
	w.delete(w.pool())
	change(licensing.AccountConcurrent)
	m.settleFor(3)
	w.create(pool.Obj())
	m.settle()
	if facts.HoldsSeat(w.account("n1")) {
		t.Fatal("a concurrent account holds a named seat")
	}
	change(licensing.AccountNamed)
	m.settle()
	if !facts.HoldsSeat(w.account("n1")) {
		t.Errorf("the account has no seat, and one is free: %+v", w.account("n1").Status)
	}
}

func TestRivalsDoNotKeepEachOtherFromEndingSessions(t *testing.T) {
	var objects []client.Object
	for _, user := range []string{"ann", "bob", "cid", "dan", "eve"} { // so many that their silence puts the brake on
		s := login("of-"+user, user)
		s.Annotations = map[string]string{licensing.AnnotationHeardBy: "a-replica-that-is-gone"}
		objects = append(objects, s)
	}
	w := newWorld(t, append(objects, MakeLicensePool("p").Concurrent(5).HeartbeatInterval(10*time.Second).LostAfter(40*time.Second).Retention(time.Hour).Obj())...)
	managers := []*manager{w.manager(), w.manager(), w.manager()}
	for _, m := range managers {
		m.r.LongestHold = 20 * time.Second
		m.settleFor(3)
	}
	next := make([]time.Time, len(managers))
	seen := make([]string, len(managers))
	took := 0
	for second := range 300 {
		for i, m := range managers {
			if second < 60 && second%10 == 3*i { // each takes the pool from the one before, for a while
				if err := m.r.takeTerm(t.Context(), m.r.book(poolKey)); err != nil {
					t.Fatal(err)
				}
			}
			before := w.pool().Status.Grants.Term
			if next[i].After(w.clock.Now()) && seen[i] == w.pool().ResourceVersion { // the watch wakes who sees the pool change
				m.see()
				continue
			}
			result, _ := m.see().reconcile()
			if w.pool().Status.Grants.Term != before {
				took++
			}
			next[i], seen[i] = w.clock.Now().Add(result.RequeueAfter), w.pool().ResourceVersion
		}
		w.clock.SetTime(w.clock.Now().Add(time.Second))
	}
	if states := w.states(); states[licensing.SessionTerminated] != len(objects) {
		t.Errorf("after five minutes, and %d terms: %v", took, states)
	}
}

// Clients beat as they were told before: those that are well must have the time to be heard once more before a shorter time takes them for lost.
func TestAShorterTimeTakesNobodyForLostAtOnce(t *testing.T) {
	s := login("s1", "ann")
	s.Annotations = map[string]string{licensing.AnnotationHeardBy: "a-replica-that-is-gone"}
	w := newWorld(t, s, MakeLicensePool("p").Concurrent(5).HeartbeatInterval(time.Minute).LostAfter(10*time.Minute).Retention(time.Hour).Obj())
	m := w.manager()
	m.settleFor(3)
	m.passes(4 * time.Minute)
	w.edit(func(p *licensing.LicensePool) {
		p.Spec.Sessions.HeartbeatIntervalSeconds, p.Spec.Sessions.LostAfterSeconds = new(int32(5)), new(int32(30))
	})
	m.passes(2 * time.Minute)
	wantState(t, w.session("s1"), licensing.SessionActive)
	m.passes(6 * time.Second)
	wantState(t, w.session("s1"), licensing.SessionTerminated)
}

func slowBeats(t *testing.T) (*world, *manager) {
	t.Helper()
	s := login("s1", "ann")
	s.Annotations = map[string]string{licensing.AnnotationHeardBy: "a-replica-that-is-gone"}
	w := newWorld(t, s, MakeLicensePool("p").Concurrent(5).HeartbeatInterval(5*time.Minute).LostAfter(time.Hour).Retention(time.Hour).Obj())
	m := w.manager()
	m.settleFor(3)
	m.passes(4 * time.Minute)
	return w, m
}

func (w *world) beats(interval, lost int32) {
	w.edit(func(p *licensing.LicensePool) {
		p.Spec.Sessions.HeartbeatIntervalSeconds, p.Spec.Sessions.LostAfterSeconds = new(interval), new(lost)
	})
}

// The time is made shorter twice, as somebody does who tries what fits: clients that beat every five minutes, as they were told at first, still have two of those.
func TestATimeThatIsMadeShorterTwiceTakesNobodyForLostAtOnce(t *testing.T) {
	w, m := slowBeats(t)
	w.beats(10, 60)
	m.passes(2 * time.Second)
	w.beats(5, 30)
	m.passes(50 * time.Second) // its next heartbeat is due in a minute
	wantState(t, w.session("s1"), licensing.SessionActive)
}

func TestIntentsOfAnEarlierManagerAreCleared(t *testing.T) {
	w := newWorld(t, MakeLicensePool("p").Concurrent(3).Retention(time.Minute).Obj(), login("s1", "ann"))
	first := w.manager()
	first.settleFor(2)
	ended := w.session("s1")
	ended.Spec.Termination = &licensing.Termination{RequestedBy: licensing.RequesterAdministrator}
	if err := w.api.Update(t.Context(), ended); err != nil {
		t.Fatal(err)
	}
	first.settleFor(2)
	w.create(login("s2", "bob"))
	first.settleFor(2)
	if len(w.pool().Status.Grants.Intents) == 0 {
		t.Fatal("there is no intent to clear")
	}
	w.clock.SetTime(w.clock.Now().Add(2 * time.Minute))
	w.manager().passes(20 * time.Second) // it has a record to clear, and nothing else
	if intents := w.pool().Status.Grants.Intents; len(intents) > 0 {
		t.Errorf("the pool still records %v", intents)
	}
}

func TestDeletionIsToldOfASessionWhoseGrantWasNeverSeen(t *testing.T) {
	w := newWorld(t, idlePool().Obj(), login("s1", "ann"))
	m := w.manager()
	m.fault = func(_ int, verb string, obj client.Object) (bool, error) {
		if s, ok := obj.(*licensing.UserSession); ok && verb == "patch" && s.Status.State == licensing.SessionActive {
			return true, context.DeadlineExceeded
		}
		return true, nil
	}
	_, _ = m.see().reconcile()
	granted := w.session("s1")
	wantState(t, granted, licensing.SessionActive)
	w.delete(granted)
	_, _ = m.reconcile() // its write finds it gone
	m.r.inbox.put(poolKey, letter{object: granted, gone: true})
	_, _ = m.reconcile()
	if n := m.ends(licensing.RequestedByAdministrator); n != 1 {
		t.Errorf("the end was told %d times", n)
	}
}

func TestNobodyIsDisplacedByALoginThatWasWithdrawn(t *testing.T) {
	w := newWorld(t, MakeLicensePool("p").Concurrent(3).MaxPerUser(1, licensing.LimitTerminateOldest).Retention(time.Hour).Obj(), login("s1", "ann"))
	m := w.manager()
	m.settleFor(3)
	w.create(login("s2", "ann"))
	m.see()
	w.delete(w.session("s2")) // the watch has shown the login, and not yet that it is gone
	if _, err := m.reconcile(); err != nil {
		t.Fatal(err)
	}
	wantState(t, w.session("s1"), licensing.SessionActive)
	w.create(login("s3", "ann"))
	m.settleFor(4)
	wantState(t, w.session("s1"), licensing.SessionTerminated)
	wantState(t, w.session("s3"), licensing.SessionActive)
}

// The manager looks at the pool once more before sessions end, and sleeps before it has read what it was told (seed 90000349 of the simulation): the rules that it was told of may not be the pool's any more.
func TestAnEndIsAsOldAsTheRulesItWasDecidedBy(t *testing.T) {
	w := newWorld(t, idlePool().Obj(), login("s1", "ann"))
	m := w.manager()
	m.idles()
	slept := false
	m.r.Live = interceptor.NewClient(w.api, interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error {
			err := c.Get(ctx, key, obj, opts...)
			if _, ok := obj.(*licensing.LicensePool); ok && !slept {
				slept = true
				w.edit(func(p *licensing.LicensePool) { p.Spec.Sessions.IdleTimeoutSeconds = new(int32(3600)) })
				w.clock.SetTime(w.clock.Now().Add(10 * time.Second))
			}
			return err
		},
	})
	if _, err := m.reconcile(); err != nil || !slept {
		t.Fatalf("it slept: %t, %v", slept, err)
	}
	m.settleFor(3)
	wantState(t, w.session("s1"), licensing.SessionActive)
}

// The same of a pool that is gone: it was back while the manager slept.
func TestAnEndIsAsOldAsTheLookForItsPool(t *testing.T) {
	w := newWorld(t, MakeLicensePool("p").Concurrent(2).Obj(), login("s1", "ann"))
	m := w.manager()
	m.settleFor(3)
	w.delete(w.pool())
	m.settleFor(int(m.r.PoolRemovalGrace/time.Second) - 3)
	wantState(t, w.session("s1"), licensing.SessionActive)
	slept := false
	m.r.Live = interceptor.NewClient(w.api, interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error {
			err := c.Get(ctx, key, obj, opts...)
			if _, ok := obj.(*licensing.LicensePool); ok && !slept {
				slept = true
				w.create(MakeLicensePool("p").Concurrent(2).Obj())
				w.clock.SetTime(w.clock.Now().Add(6 * time.Second))
			}
			return err
		},
	})
	if _, err := m.reconcile(); err != nil || !slept {
		t.Fatalf("it slept: %t, %v", slept, err)
	}
	m.settleFor(3)
	wantState(t, w.session("s1"), licensing.SessionActive)
}
