// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	. "github.com/seatkeeper/seatkeeper/test/make"
)

func ctrlTime(t time.Time) metav1.Time { return metav1.NewTime(t) }

func login(name, user string) *licensing.UserSession {
	return MakeUserSession(name).Pool("p").User(user).Obj()
}

func named(name string) *licensing.LicenseAccount {
	return MakeLicenseAccount(name).Pool("p").User(name).Named().Obj()
}

// crashAt lets calls pass up to one that matches, then fails all that follow; reaches says whether the matching call itself arrives.
func (m *manager) crashAt(reaches bool, matches func(call int, verb string, obj client.Object) bool) {
	crashed := false
	m.fault = func(call int, verb string, obj client.Object) (bool, error) {
		switch {
		case crashed:
			return false, errCrash
		case matches(call, verb, obj):
			crashed = true
			return reaches, errCrash
		default:
			return true, nil
		}
	}
}

// grantsSession matches writes that make a session Active.
func grantsSession(_ int, verb string, obj client.Object) bool {
	s, ok := obj.(*licensing.UserSession)
	return verb == "patch" && ok && s.Status.State == licensing.SessionActive
}

// grantsFromPool matches writes of a pool that record intents.
func grantsFromPool(_ int, verb string, obj client.Object) bool {
	p, ok := obj.(*licensing.LicensePool)
	return verb == "update" && ok && p.Status.Grants != nil && len(p.Status.Grants.Intents) > 0
}

func wantState(t *testing.T, s *licensing.UserSession, want licensing.SessionState) {
	t.Helper()
	if got := s.Status.State; got != want {
		t.Errorf("session %s is %q, want %q: %s", s.Name, got, want, s.Status.Message)
	}
}

func TestIntentOfACrashedManagerIsCountedAndCarriedOut(t *testing.T) {
	w := newWorld(t, MakeLicensePool("p").Concurrent(1).Obj(), login("s1", "ann"))
	a := w.manager()
	a.crashAt(false, grantsSession)
	if _, err := a.see().reconcile(); err == nil {
		t.Fatal("the first manager should have crashed")
	}
	w.create(login("s2", "bob"))
	w.manager().settle()
	wantState(t, w.session("s1"), licensing.SessionActive)
	wantState(t, w.session("s2"), licensing.SessionDenied)
}

func TestPoolWriteWhoseAnswerWasLost(t *testing.T) {
	w := newWorld(t, MakeLicensePool("p").Concurrent(1).Obj(), login("s1", "ann"), login("s2", "bob"))
	m := w.manager()
	lost := false
	m.fault = func(call int, verb string, obj client.Object) (bool, error) {
		if !lost && grantsFromPool(call, verb, obj) {
			lost = true
			return true, context.DeadlineExceeded
		}
		return true, nil
	}
	if _, err := m.see().reconcile(); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("the lost answer was not told: %v", err)
	}
	w.createEarlier(login("s0", "eve")) // who is first in line when all is decided anew, yet the seat was given
	m.settle()
	wantState(t, w.session("s1"), licensing.SessionActive)
	wantState(t, w.session("s2"), licensing.SessionDenied)
	wantState(t, w.session("s0"), licensing.SessionDenied)
}

func TestSessionWriteWhoseAnswerWasLost(t *testing.T) {
	w := newWorld(t, MakeLicensePool("p").Concurrent(1).Obj(), login("s1", "ann"))
	m := w.manager()
	lost := false
	m.fault = func(call int, verb string, obj client.Object) (bool, error) {
		if !lost && grantsSession(call, verb, obj) {
			lost = true
			return true, context.DeadlineExceeded
		}
		return true, nil
	}
	if _, err := m.see().reconcile(); err == nil {
		t.Fatal("the lost answer was not told")
	}
	first := w.session("s1")
	wantState(t, first, licensing.SessionActive)
	m.clock.SetTime(m.clock.Now().Add(time.Minute))
	m.settle()
	if again := w.session("s1"); again.ResourceVersion != first.ResourceVersion {
		t.Error("the session was granted twice")
	}
}

func TestManagerThatLostItsTermGrantsNothingFromItsLedger(t *testing.T) {
	w := newWorld(t, MakeLicensePool("p").Concurrent(1).Obj())
	a, b := w.manager(), w.manager()
	a.settle()
	w.create(login("s1", "ann"))
	a.see() // a knows of s1, and is about to grant it; b is faster and grants the seat to another
	w.create(login("s2", "bob"))
	w.delete(w.session("s1"))
	b.settle()
	wantState(t, w.session("s2"), licensing.SessionActive)
	w.create(login("s1", "ann"))
	a.known = nil // a's watch lags: it shows s1 as it was
	if _, err := a.reconcile(); err != nil {
		t.Fatal(err)
	}
	wantState(t, w.session("s1"), "")
	a.settle()
	wantState(t, w.session("s1"), licensing.SessionDenied)
}

func TestSessionThatEndsBeforeItsGrantIsWrittenStaysEnded(t *testing.T) {
	for _, end := range []string{"terminated", "deleted", "deleted and made again"} {
		t.Run(end, func(t *testing.T) {
			w := newWorld(t, MakeLicensePool("p").Concurrent(1).Obj(), login("s1", "ann"))
			m := w.manager()
			ended := false
			m.fault = func(call int, verb string, obj client.Object) (bool, error) {
				if ended || !grantsSession(call, verb, obj) {
					return true, nil
				}
				ended = true
				s := w.session("s1")
				if end == "terminated" {
					s.Status.State, s.Status.TerminationAction = licensing.SessionTerminated, licensing.RequestedByUser
					if err := w.api.Status().Update(t.Context(), s); err != nil {
						t.Error(err)
					}
					return true, nil
				}
				w.delete(s)
				if end == "deleted and made again" {
					w.create(login("s1", "bob"))
				}
				return true, nil
			}
			m.settle()
			switch end {
			case "terminated":
				wantState(t, w.session("s1"), licensing.SessionTerminated)
			case "deleted and made again":
				s := w.session("s1")
				wantState(t, s, licensing.SessionActive)
				if s.Spec.UserName != "bob" || s.Status.Connection != string(s.UID) {
					t.Error("the namesake was granted its predecessor's seat")
				}
			}
			w.create(login("s3", "cid"))
			m.settle()
			want := licensing.SessionActive // the seat is free again (invariant 5)
			if end == "deleted and made again" {
				want = licensing.SessionDenied
			}
			wantState(t, w.session("s3"), want)
		})
	}
}

func TestJoiningAConnectionGoesThroughAnIntent(t *testing.T) {
	w := newWorld(t, MakeLicensePool("p").Concurrent(1).Obj(), login("s1", "ann"))
	m := w.manager()
	m.settle()
	w.create(login("s2", "ann"))
	m.settle() // the world checks that s2 had an intent
	wantState(t, w.session("s2"), licensing.SessionActive)
	if w.session("s2").Status.Connection != w.session("s1").Status.Connection {
		t.Error("the sessions do not share a connection")
	}
}

func TestSpecChangedWhileSeatsAreDecidedOn(t *testing.T) {
	w := newWorld(t, MakeLicensePool("p").Concurrent(5).Obj())
	m := w.manager()
	m.settle()
	for i := range 5 {
		w.create(login(fmt.Sprintf("s%d", i), fmt.Sprintf("u%d", i)))
	}
	changed := false
	m.fault = func(call int, verb string, obj client.Object) (bool, error) {
		if !changed && grantsFromPool(call, verb, obj) {
			changed = true
			p := w.pool()
			p.Spec.Concurrent.Seats = new(int32(2))
			p.Generation++
			if err := w.api.Update(t.Context(), p); err != nil {
				t.Error(err)
			}
			w.seats = 2
		}
		return true, nil
	}
	m.settle()
	if got := w.states(); got[licensing.SessionActive] != 2 || got[licensing.SessionDenied] != 3 {
		t.Errorf("states %v, want 2 Active and 3 Denied", got)
	}
}

// TestCrashAtEveryCall stops a manager at each of its calls in turn, once before the call reaches the API and once after; another finishes. Exactly the
// seats there are must be granted, every time.
func TestCrashAtEveryCall(t *testing.T) {
	for _, reaches := range []bool{false, true} {
		for call := 1; ; call++ {
			w := newWorld(t, MakeLicensePool("p").Named(1).Concurrent(3).Obj(), named("n1"), named("n2"))
			for i := range 6 {
				w.create(login(fmt.Sprintf("s%d", i), fmt.Sprintf("u%d", i/2*2)), login(fmt.Sprintf("d%d", i), fmt.Sprintf("v%d", i)))
			}
			w.create(login("n1s", "n1"), login("n2s", "n2"))
			m := w.manager()
			m.crashAt(reaches, func(at int, _ string, _ client.Object) bool { return at == call })
			for range 6 {
				_, _ = m.see().reconcile()
				w.clock.SetTime(w.clock.Now().Add(time.Second))
			}
			done := m.calls < call
			w.manager().settle()
			if row := w.pool().Status.Concurrent; *row.Used != 3 || *row.Available != 0 {
				t.Errorf("crash at call %d (applied: %v): %d of 3 seats are used", call, reaches, *row.Used)
			}
			if n := w.states()[licensing.SessionPending]; n != 0 {
				t.Errorf("crash at call %d (applied: %v): %d sessions have no answer", call, reaches, n)
			}
			if row := w.pool().Status.Named; *row.Used != 1 {
				t.Errorf("crash at call %d (applied: %v): %d of 1 named seats are used", call, reaches, *row.Used)
			}
			if t.Failed() || done {
				break
			}
		}
	}
}
