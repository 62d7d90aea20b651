// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"errors"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	. "github.com/seatkeeper/seatkeeper/test/make"
)

// What a manager sees is late, out of order between kinds, and sometimes has gaps.

func TestLosingTheTermForgetsNobody(t *testing.T) {
	b := newBook(poolKey)
	s := MakeUserSession("s1").Pool("p").User("ann").UID("u1").ResourceVersion("50").Obj()
	a := MakeLicenseAccount("a1").Pool("p").User("ann").UID("u2").ResourceVersion("51").Obj()
	b.takeSession(s, time.Now())
	b.takeAccount(a)
	b.term, b.sessionsListed, b.accountsListed = "mine", "100", "100"
	b.loseTerm(time.Now())
	if len(b.sessions) != 1 || len(b.accounts) != 1 {
		t.Errorf("%d sessions and %d accounts are known, want 1 and 1", len(b.sessions), len(b.accounts))
	}
}

func TestNewsOfObjectsDeletedBeforeTheListIsOld(t *testing.T) {
	b := newBook(poolKey)
	b.sessionsListed, b.accountsListed = "100", "100"
	b.putSession(MakeUserSession("s1").Pool("p").User("ann").UID("u1").ResourceVersion("99").Obj(), time.Now())
	b.putAccount(MakeLicenseAccount("a1").Pool("p").User("ann").UID("u2").ResourceVersion("100").Obj())
	b.putSession(MakeUserSession("s2").Pool("p").User("bob").UID("u3").ResourceVersion("101").Obj(), time.Now())
	b.putSession(MakeUserSession("s2").Pool("p").User("bob").UID("u3").ResourceVersion("100").Active(licensing.SeatConcurrent, "u3", time.Now()).Obj(), time.Now())
	if len(b.sessions) != 1 || len(b.accounts) != 0 || b.sessions["u3"].ResourceVersion != "101" {
		t.Errorf("known are %v and %v", b.sessions, b.accounts)
	}
}

func TestSessionDeletedAndMadeAgainWhileTheWatchWasAway(t *testing.T) {
	w := newWorld(t, MakeLicensePool("p").Concurrent(1).Obj(), login("s1", "ann"))
	m := w.manager()
	m.settle()
	old := w.session("s1")
	w.delete(old)
	w.create(login("s1", "bob"))
	queue := workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[reconcile.Request]())
	defer queue.ShutDown()
	m.r.inbox.handler().Update(t.Context(), event.UpdateEvent{ObjectOld: old, ObjectNew: w.session("s1")}, queue)
	if _, err := m.reconcile(); err != nil {
		t.Fatal(err)
	}
	wantState(t, w.session("s1"), licensing.SessionActive)
}

func TestHeartbeatsWakeNoReconcile(t *testing.T) {
	m := newWorld(t).manager()
	queue := workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[reconcile.Request]())
	defer queue.ShutDown()
	now := time.Now()
	session := func() *UserSessionBuilder {
		return MakeUserSession("s1").Pool("p").User("ann").UID("u1").Active(licensing.SeatConcurrent, "u1", now)
	}
	update := func(before, after client.Object) int {
		m.r.inbox.handler().Update(t.Context(), event.UpdateEvent{ObjectOld: before, ObjectNew: after}, queue)
		return queue.Len()
	}
	if n := update(session().LastHeartbeat(now).Obj(), session().LastActivity(now.Add(time.Minute)).LastHeartbeat(now.Add(time.Minute)).Obj()); n != 0 {
		t.Error("recorded activity woke the pool's reconcile")
	}
	if l := m.r.inbox.take(poolKey); len(l) != 1 {
		t.Error("recorded activity was lost on the way")
	}
	if n := update(session().Obj(), session().Terminated(licensing.RequestedByUser, now).Obj()); n != 1 {
		t.Error("an end did not wake the pool's reconcile")
	}
}

func TestAccountMadeAMomentAgoIsFoundBeforeItsUserIsDeniedOrEnrolled(t *testing.T) {
	pools := map[string]*licensing.LicensePool{
		"accounts only":      MakeLicensePool("p").Named(1).Concurrent(1).AccountsOnly().Obj(),
		"open":               MakeLicensePool("p").Named(1).Concurrent(1).Obj(),
		"open, and all full": MakeLicensePool("p").Named(1).Concurrent(0).Obj(),
	}
	for name, pool := range pools {
		for _, spelling := range []string{`corp\ann`, `CORP\Ann`} {
			t.Run(name+" "+spelling, func(t *testing.T) {
				w := newWorld(t, pool.DeepCopy())
				m := w.manager()
				m.settle()
				w.create(MakeLicenseAccount("ann").Pool("p").User(`corp\ann`).Named().Obj(), login("s1", spelling))
				m.r.inbox.put(poolKey, letter{object: w.session("s1")}) // the watch of accounts is a moment later
				if _, err := m.reconcile(); err != nil {
					t.Fatal(err)
				}
				s := w.session("s1")
				wantState(t, s, licensing.SessionActive)
				if s.Status.Seat != licensing.SeatNamed {
					t.Errorf("the seat is %s, want Named", s.Status.Seat)
				}
			})
		}
	}
}

func TestEnrollmentWhoseNameIsTaken(t *testing.T) {
	w := newWorld(t, MakeLicensePool("p").Concurrent(1).Obj())
	m := w.manager()
	m.settle()
	name := m.r.book(poolKey).ledger.Rules().EnrolledName("p", "ann")
	w.create(MakeLicenseAccount(name).Pool("other").User("eve").Named().Obj(), login("s1", "ann"))
	m.settle()
	wantState(t, w.session("s1"), licensing.SessionActive) // a login is not refused for an account that cannot be made
	if n := *w.pool().Status.Concurrent.Accounts; n != 0 {
		t.Errorf("%d accounts are counted; the one that is there is another pool's", n)
	}
}

func TestPoolThatGoesBeforeTheTermIsTaken(t *testing.T) {
	w := newWorld(t, MakeLicensePool("p").Concurrent(1).Obj(), login("s1", "ann"))
	m := w.manager()
	m.see()
	m.fault = func(call int, verb string, _ client.Object) (bool, error) {
		if call == 2 {
			w.delete(w.pool()) // between the cached and the live read
		}
		if verb != "get" {
			t.Errorf("a %s though the pool is gone", verb)
		}
		return true, nil
	}
	if _, err := m.reconcile(); err != nil {
		t.Fatal(err)
	}
	m.fault = nil
	m.settleFor(3)
	if c := meta.FindStatusCondition(w.session("s1").Status.Conditions, licensing.ConditionGranted); c == nil || c.Reason != licensing.ReasonPoolNotFound {
		t.Errorf("the session is not told that its pool is gone: %v", c)
	}
}

func TestWaiterIsToldWhenItsPoolGoesAndWhenItIsBack(t *testing.T) {
	w := newWorld(t, MakeLicensePool("p").Concurrent(1).Obj(), login("s1", "ann"))
	m := w.manager()
	m.settle()
	w.create(MakeUserSession("s2").Pool("p").User("bob").MaxWait(time.Hour).Obj())
	m.settleFor(3)
	reason := func() string {
		c := meta.FindStatusCondition(w.session("s2").Status.Conditions, licensing.ConditionGranted)
		if c == nil {
			return ""
		}
		return c.Reason
	}
	for _, want := range []string{licensing.ReasonWaiting, licensing.ReasonPoolNotFound, licensing.ReasonWaiting} {
		if got := reason(); got != want {
			t.Fatalf("the reason is %q, want %q", got, want)
		}
		if want == licensing.ReasonWaiting {
			w.delete(w.pool())
		} else {
			w.create(MakeLicensePool("p").Concurrent(1).Obj())
		}
		m.settleFor(3)
	}
}

func TestWaitIsNotCutShort(t *testing.T) {
	w := newWorld(t, MakeLicensePool("p").Concurrent(0).Obj())
	m := w.manager()
	m.settle()
	w.clock.SetTime(w.clock.Now().Truncate(time.Second).Add(990 * time.Millisecond))
	w.create(MakeUserSession("s1").Pool("p").User("ann").MaxWait(time.Second).Obj())
	began := w.clock.Now()
	for w.session("s1").Status.State != licensing.SessionDenied {
		if _, err := m.see().reconcile(); err != nil {
			t.Fatal(err)
		}
		w.clock.SetTime(w.clock.Now().Add(10 * time.Millisecond))
	}
	if waited := w.clock.Now().Sub(began); waited < time.Second || waited > 2100*time.Millisecond {
		t.Errorf("waited %s for a second", waited)
	}
}

func TestGrantLogIsClearedThoughTheFirstTryFails(t *testing.T) {
	w := newWorld(t, MakeLicensePool("p").Concurrent(1).Obj(), login("s1", "ann"))
	m := w.manager()
	m.settleFor(3)
	if len(w.pool().Status.Grants.Intents) == 0 {
		t.Fatal("there is nothing to clear")
	}
	w.clock.SetTime(w.clock.Now().Add(tidyAfter))
	failed := false
	m.fault = func(_ int, verb string, _ client.Object) (bool, error) {
		if verb == "update" && !failed {
			failed = true
			return false, errors.New("the API server is away")
		}
		return true, nil
	}
	m.settleFor(3)
	if n := len(w.pool().Status.Grants.Intents); n != 0 || !failed {
		t.Errorf("%d intents are left", n)
	}
}
