// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/internal/facts"
	. "github.com/seatkeeper/seatkeeper/test/make"
)

// asleep keeps a manager's grants of sessions from the API until it wakes.
func (m *manager) asleep(matches func(int, string, client.Object) bool) (wake func()) {
	m.fault = func(call int, verb string, obj client.Object) (bool, error) {
		if matches(call, verb, obj) {
			return false, errCrash
		}
		return true, nil
	}
	return func() { m.fault = nil }
}

// A manager records an intent, falls asleep before it carries it out, and wakes after another took the term. The other counts the intent, though by then
// somebody else is first in line.
func TestIntentOfASleepingManagerIsCounted(t *testing.T) {
	w := newWorld(t, MakeLicensePool("p").Concurrent(1).Obj())
	a := w.manager()
	a.settle()
	w.create(login("s1", "ann"))
	wake := a.asleep(grantsSession)
	if _, err := a.see().reconcile(); !errors.Is(err, errCrash) {
		t.Fatalf("the first manager should have fallen asleep: %v", err)
	}
	w.createEarlier(login("s0", "bob"))
	b := w.manager()
	wakeB := b.asleep(grantsSession) // it decides, and is slow to write
	_, _ = b.see().reconcile()
	wake()
	_ = a.r.carryOut(t.Context(), a.r.book(poolKey))
	wakeB()
	b.settle()
	wantState(t, w.session("s1"), licensing.SessionActive)
	wantState(t, w.session("s0"), licensing.SessionDenied)
}

// The intents of a deleted pool are lost with it. A manager that recorded one and slept through the pool's replacement must not carry it out when it wakes:
// the new pool may have given the seat to another.
func TestIntentOfADeletedPoolIsVoid(t *testing.T) {
	for name, seesSessions := range map[string]bool{"with its old view": false, "with a new view of the sessions": true} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, MakeLicensePool("p").Concurrent(1).Obj())
			a := w.manager()
			a.settle()
			w.create(login("s1", "ann"))
			wake := a.asleep(grantsSession)
			if _, err := a.see().reconcile(); !errors.Is(err, errCrash) {
				t.Fatalf("the first manager should have fallen asleep: %v", err)
			}
			w.delete(w.pool())
			w.create(MakeLicensePool("p").Concurrent(1).Obj())
			b := w.manager()
			b.see() // sees only s1
			w.createEarlier(login("s0", "bob"))
			wakeB := b.asleep(func(_ int, verb string, obj client.Object) bool {
				s, ok := obj.(*licensing.UserSession)
				return verb == "patch" && ok && s.Status.State == licensing.SessionDenied // b is slow to deny s1, so that s1 is there for a to grant
			})
			_, _ = b.see().reconcile()
			wantState(t, w.session("s0"), licensing.SessionActive)
			wantState(t, w.session("s1"), "")

			wake()
			if seesSessions {
				a.see()
			}
			book := a.r.book(poolKey)
			book.deliver(a.r.inbox.take(poolKey), w.clock.Now())
			_ = a.r.carryOut(t.Context(), book) // its watch of pools is late: it does not know of the new one
			wantState(t, w.session("s1"), "")

			wakeB()
			a.settle()
			b.settle()
			wantState(t, w.session("s1"), licensing.SessionDenied)
		})
	}
}

// A manager that is slow to fence a pool must not undo the fence of the one that came after it: nobody goes round a second time, and a login that bears the uid of a pool that is gone would never get a seat.
func TestSlowFenceLeavesALaterOneAlone(t *testing.T) {
	w := newWorld(t, MakeLicensePool("p").Concurrent(1).Obj(), login("s1", "ann"))
	a, b := w.manager(), w.manager()
	stamps := func(verb string, obj client.Object) bool {
		s, ok := obj.(*licensing.UserSession)
		return verb == "patch" && ok && s.Status.State == ""
	}
	slow := true
	a.fault = func(_ int, verb string, obj client.Object) (bool, error) {
		if slow && stamps(verb, obj) {
			slow = false
			w.delete(w.pool())
			w.create(MakeLicensePool("p").Concurrent(1).Obj())
			wake := b.asleep(grantsSession)
			if _, err := b.see().reconcile(); !errors.Is(err, errCrash) {
				t.Errorf("the second manager should have fallen asleep: %v", err)
			}
			wake()
		}
		return true, nil
	}
	_, _ = a.see().reconcile()
	if slow {
		t.Fatal("the first manager has not taken the session over")
	}
	if s, p := w.session("s1"), w.pool(); s.Status.PoolUID != string(p.UID) {
		t.Errorf("the session bears the uid %s, and the pool is %s", s.Status.PoolUID, p.UID)
	}
	b.settle()
	wantState(t, w.session("s1"), licensing.SessionActive)
}

// Unlike a session's end, an account's loss of its seat is not for good. A manager that slept between recording an account's seat and writing it must not do so
// once the seat has been given up and passed on, though the account would take it again.
func TestIntentForAnAccountThatGaveItsSeatUpIsVoid(t *testing.T) {
	w := newWorld(t, MakeLicensePool("p").Named(1).Concurrent(1).Obj())
	a := w.manager()
	a.settle()
	w.create(named("n1"))
	wake := a.asleep(func(_ int, verb string, obj client.Object) bool {
		_, ok := obj.(*licensing.LicenseAccount)
		return verb == "patch" && ok
	})
	if _, err := a.see().reconcile(); !errors.Is(err, errCrash) {
		t.Fatalf("the first manager should have fallen asleep: %v", err)
	}
	w.create(named("n2"))
	b := w.manager()
	b.settle()
	retype := func(t *testing.T, to licensing.AccountType) {
		t.Helper()
		n1 := w.account("n1")
		n1.Spec.Type = to
		n1.Generation++
		if err := w.api.Update(t.Context(), n1); err != nil {
			t.Fatal(err)
		}
		b.settle()
	}
	if !facts.HoldsSeat(w.account("n1")) {
		t.Fatal("the intent was not carried out by the second manager")
	}
	retype(t, licensing.AccountConcurrent)
	if !facts.HoldsSeat(w.account("n2")) {
		t.Fatal("the seat that was given up was not passed on")
	}
	retype(t, licensing.AccountNamed)

	wake()
	book := a.see().r.book(poolKey)
	book.deliver(a.r.inbox.take(poolKey), w.clock.Now())
	_ = a.r.carryOut(t.Context(), book) // the world checks that no seat is held twice
	if facts.HoldsSeat(w.account("n1")) {
		t.Error("n1 holds a seat that was passed on to n2")
	}
}

// Two managers that both believe they lead get on: the one that loses the term leaves the pool to the other while that one works.
func TestManagerThatLosesItsTermWaitsItsTurn(t *testing.T) {
	w := newWorld(t, MakeLicensePool("p").Concurrent(9).Obj())
	a, b := w.manager(), w.manager()
	a.settle()
	w.create(login("s1", "ann"))
	b.settle()
	wantState(t, w.session("s1"), licensing.SessionActive)
	w.create(login("s2", "bob"))
	result, err := a.see().reconcile()
	if err != nil {
		t.Fatal(err)
	}
	wantState(t, w.session("s2"), "")
	if result.RequeueAfter < firstPatience/2 || result.RequeueAfter > mostPatience {
		t.Errorf("the loser comes back after %s", result.RequeueAfter)
	}
	b.settle()
	wantState(t, w.session("s2"), licensing.SessionActive)

	w.clock.SetTime(w.clock.Now().Add(result.RequeueAfter))
	calls := a.calls
	if _, err := a.see().reconcile(); err != nil {
		t.Fatal(err)
	}
	if a.calls > calls+1 {
		t.Errorf("the loser made %d calls though nothing was left undone", a.calls-calls)
	}

	// Once its rival sleeps, the work is its own.
	w.create(login("s3", "cid"))
	for range 3 {
		result, err := a.see().reconcile()
		if err != nil {
			t.Fatal(err)
		}
		w.clock.SetTime(w.clock.Now().Add(result.RequeueAfter))
	}
	wantState(t, w.session("s3"), licensing.SessionActive)
}

// A manager that could not finish taking its term, and sees that in a watch that is late when it has drawn the next, has met nobody: who else should tell of a session that is deleted meanwhile?
func TestOwnTermIsNoRivals(t *testing.T) {
	w := newWorld(t, MakeLicensePool("p").Concurrent(9).Obj(), login("s1", "ann"))
	w.manager().settle()
	m := w.manager()
	if _, err := m.see().reconcile(); err != nil {
		t.Fatal(err)
	}
	book := m.r.book(poolKey)
	m.fault = func(_ int, verb string, _ client.Object) (bool, error) {
		if verb == "list" {
			return false, errCrash
		}
		return true, nil
	}
	var seen []*licensing.LicensePool
	for range 2 {
		if err := m.r.takeTerm(t.Context(), book); !errors.Is(err, errCrash) {
			t.Fatalf("the list should have failed: %v", err)
		}
		seen = append(seen, w.pool())
	}
	m.fault = nil
	for _, pool := range seen {
		if err := m.r.meetPool(t.Context(), book, pool); err != nil {
			t.Fatal(err)
		}
	}
	w.delete(w.session("s1"))
	m.see()
	book.deliver(m.r.inbox.take(poolKey), w.clock.Now())
	m.r.sendOff(book)
	if n := m.ends(licensing.RequestedByAdministrator); n != 1 {
		t.Errorf("%d Events tell of the session that was deleted, want 1", n)
	}
}

// Two managers that keep taking the pool from each other, as busy replicas do without leader election, spare sessions only once, after they began.
func TestRivalsEndWhoIsIdle(t *testing.T) {
	w := newWorld(t, idlePool().Concurrent(99).IdleTimeout(2*time.Minute).Obj(), login("s1", "ann"))
	managers := []*manager{w.manager(), w.manager()}
	began, terms := w.clock.Now(), map[string]bool{}
	const turn = 20 * time.Second
	for second := range 150 {
		if second%int(turn.Seconds()) == 0 {
			w.create(login(fmt.Sprintf("later-%d", second), fmt.Sprintf("user-%d", second)))
		}
		if _, err := managers[second/int(turn.Seconds())%len(managers)].see().reconcile(); err != nil {
			t.Fatal(err)
		}
		if term := termOf(w.pool()); term != "" {
			terms[term] = true
		}
		w.clock.SetTime(began.Add(time.Duration(second+1) * time.Second))
	}
	if len(terms) < 4 {
		t.Fatalf("the pool had %d terms: the managers must take it from each other", len(terms))
	}
	if s := w.session("s1"); s.Status.TerminationAction != licensing.ExpiredSessionTerminated {
		t.Errorf("after 150 s without activity the session is %s, %s; it must end after 120", s.Status.State, s.Status.TerminationAction)
	}
}

func TestRestartedManagerWritesNothingWhenNothingIsToDo(t *testing.T) {
	w := newWorld(t, MakeLicensePool("p").Named(1).Concurrent(2).Obj(), named("n1"), login("s1", "ann"), login("n1s", "n1"))
	w.manager().settle()
	before := w.pool().ResourceVersion
	m := w.manager()
	m.fault = func(_ int, verb string, _ client.Object) (bool, error) {
		if verb != "get" && verb != "list" {
			t.Errorf("a %s though nothing was to do", verb)
		}
		return true, nil
	}
	m.settle()
	if after := w.pool().ResourceVersion; after != before {
		t.Error("the pool was written")
	}
}
