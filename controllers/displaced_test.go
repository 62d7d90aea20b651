// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"errors"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/internal/facts"
	"github.com/seatkeeper/seatkeeper/internal/seating"
	. "github.com/seatkeeper/seatkeeper/test/make"
)

func oneEach() *licensing.LicensePool {
	return MakeLicensePool("p").Concurrent(3).MaxPerUser(1, licensing.LimitTerminateOldest).Retention(time.Hour).Obj()
}

// Two logins are to end, and both are gone by then: the look for whether another of the same user still waits finds that of both (seed 1005028 of the simulation: the operator panicked at the second).
func TestWhoIsToEndIsGone(t *testing.T) {
	w := newWorld(t, oneEach())
	m := w.manager()
	m.settleFor(3)
	for _, name := range []string{"s1", "s2"} {
		s := login(name, "ann")
		s.Spec.Termination = &licensing.Termination{RequestedBy: licensing.RequesterAdministrator}
		w.create(s)
	}
	m.see()
	w.delete(w.session("s1"))
	w.delete(w.session("s2"))
	if _, err := m.reconcile(); err != nil {
		t.Fatal(err)
	}
	w.create(login("s3", "ann"))
	m.settleFor(6)
	wantState(t, w.session("s3"), licensing.SessionActive)
}

// A newer login would displace its user's session by the rules that the watch shows, and not by those in force (seed 302901 of the simulation).
func TestNobodyIsDisplacedByRulesThatChangedAMomentAgo(t *testing.T) {
	w := newWorld(t, oneEach(), login("s1", "ann"))
	m := w.manager()
	m.settleFor(3)
	w.clock.SetTime(w.clock.Now().Add(time.Second))
	w.create(login("s2", "ann"))
	looks := 0
	m.fault = func(_ int, verb string, obj client.Object) (bool, error) {
		if _, ok := obj.(*licensing.LicensePool); ok && verb == "get" {
			if looks++; looks == 2 { // the first is of the watch's view
				w.edit(func(p *licensing.LicensePool) { p.Spec.Sessions.MaxPerUser = nil })
			}
		}
		return true, nil
	}
	m.settleFor(3)
	wantState(t, w.session("s1"), licensing.SessionActive)
	wantState(t, w.session("s2"), licensing.SessionActive)
}

// A login's intent could not be carried out at first, and then it turns out that the login was deleted: its user has one session fewer than was counted when the oldest was to make room for a newer one
// (seed 10030651 of the simulation).
func TestNobodyIsDisplacedForALoginThatIsGone(t *testing.T) {
	w := newWorld(t, MakeLicensePool("p").Concurrent(3).MaxPerUser(2, licensing.LimitTerminateOldest).Retention(time.Hour).Obj(), login("s1", "ann"))
	m := w.manager()
	m.settleFor(3)
	w.clock.SetTime(w.clock.Now().Add(time.Second))
	w.create(login("s2", "ann"))
	m.fault = func(_ int, verb string, obj client.Object) (bool, error) {
		if grantsSession(0, verb, obj) {
			return false, errCrash
		}
		return true, nil
	}
	_, _ = m.see().reconcile()
	w.delete(w.session("s2")) // which the watch does not show yet
	w.clock.SetTime(w.clock.Now().Add(time.Second))
	w.create(login("s3", "ann"))
	m.r.inbox.put(poolKey, letter{object: w.session("s3")})
	tries := 0
	m.fault = func(_ int, verb string, obj client.Object) (bool, error) {
		if grantsSession(0, verb, obj) {
			if tries++; tries == 1 {
				return false, errCrash
			}
		}
		return true, nil
	}
	_, _ = m.reconcile()
	m.fault = nil
	m.settleFor(3)
	if tries < 2 {
		t.Fatalf("%d grants were tried", tries)
	}
	wantState(t, w.session("s1"), licensing.SessionActive)
	wantState(t, w.session("s3"), licensing.SessionActive)
}

// Who takes the term anew finds a record that it had not seen, by which the client's replica let go of it: whoever hears clients must have seen that as well before the session ends for silence
// (seed 302675 of the simulation).
func TestWhoTakesTheTermAnewWaitsForWhatItHadNotSeen(t *testing.T) {
	w := newWorld(t, idlePool().LostAfter(5*time.Minute).Obj(), login("s1", "ann"), login("s2", "bob"))
	a := w.manager()
	a.settleFor(3)
	s1 := w.session("s1")
	s1.Status.HeardBy = "r1"
	if err := w.api.Status().Update(t.Context(), s1); err != nil {
		t.Fatal(err)
	}
	a.settleFor(2)
	book := a.r.book(poolKey)
	if life := known(t, book, s1).Life; life.Nearer != 0 {
		t.Fatalf("the deadline came nearer by revision %d before anything happened", life.Nearer)
	}
	rival := w.manager()
	w.create(login("s3", "cid"))
	rival.settleFor(3)

	s1 = w.session("s1")
	s1.Status.HeardBy = ""
	if err := w.api.Status().Update(t.Context(), s1); err != nil {
		t.Fatal(err)
	}
	if err := a.r.takeTerm(t.Context(), book); err != nil {
		t.Fatal(err)
	}
	if got, want := known(t, book, s1).Life.Nearer, facts.Revision(w.session("s1").ResourceVersion); got != want {
		t.Errorf("witnesses must have seen revision %d of s1, and it is %d that brought its end nearer", got, want)
	}
	if got := known(t, book, w.session("s2")).Life.Nearer; got != 0 {
		t.Errorf("witnesses must have seen revision %d of s2, which nobody wrote since it was seen", got)
	}
}

// known is what a manager's ledger says of a session.
func known(t *testing.T, b *book, s *licensing.UserSession) seating.Session {
	t.Helper()
	session, ok := b.ledger.Session(string(s.UID))
	if !ok {
		t.Fatalf("%s is not in the ledger", s.Name)
	}
	return session
}

// A session of a user ends, the answer is lost, and the watch shows it before logins are decided on: there is room by then (seed 20018034 of the simulation: the user's oldest session was ended).
func TestNobodyIsDisplacedThoughASessionEndedAMomentAgo(t *testing.T) {
	w := newWorld(t, MakeLicensePool("p").Concurrent(3).MaxPerUser(2, licensing.LimitTerminateOldest).Retention(time.Hour).Obj(), login("s1", "ann"), login("s2", "ann"))
	m := w.manager()
	m.settleFor(3)
	w.create(login("s3", "ann"))
	asked := w.session("s2")
	asked.Spec.Termination = &licensing.Termination{RequestedBy: licensing.RequesterSystem}
	if err := w.api.Update(t.Context(), asked); err != nil {
		t.Fatal(err)
	}
	lost := 0
	m.fault = func(call int, verb string, obj client.Object) (bool, error) {
		if !endsSession(call, verb, obj) {
			return true, nil
		}
		lost++
		if err := w.api.Status().Update(t.Context(), obj.DeepCopyObject().(client.Object)); err != nil {
			t.Error(err)
		}
		w.clock.SetTime(w.clock.Now().Add(8 * time.Second))
		m.see()
		return false, context.DeadlineExceeded
	}
	if _, err := m.see().reconcile(); !errors.Is(err, context.DeadlineExceeded) || lost != 1 {
		t.Fatalf("%d ends were written, and %v; want one whose answer is lost", lost, err)
	}
	m.fault = nil
	m.settleFor(3)
	wantState(t, w.session("s1"), licensing.SessionActive)
	wantState(t, w.session("s2"), licensing.SessionTerminated)
	wantState(t, w.session("s3"), licensing.SessionActive)
}

// A user signs out of one of two sessions and signs on anew; the write that ends the one does not go through at first. The other stays.
func TestNobodyIsDisplacedWhileAnotherSessionOfTheUserIsToEnd(t *testing.T) {
	w := newWorld(t, MakeLicensePool("p").Concurrent(3).MaxPerUser(2, licensing.LimitTerminateOldest).Retention(time.Hour).Obj(), login("s1", "ann"), login("s2", "ann"))
	m := w.manager()
	m.settleFor(3)
	w.askedToEnd("s2")
	w.create(login("s3", "ann"))
	tries := 0
	m.fault = func(call int, verb string, obj client.Object) (bool, error) {
		if endsSession(call, verb, obj) && obj.GetName() == "s2" {
			if tries++; tries < 3 {
				return false, apierrors.NewConflict(licensing.GroupVersion.WithResource("usersessions").GroupResource(), "s2", errors.New("its client was heard"))
			}
		}
		return true, nil
	}
	m.settleFor(8)
	wantState(t, w.session("s1"), licensing.SessionActive)
	wantState(t, w.session("s2"), licensing.SessionTerminated)
	wantState(t, w.session("s3"), licensing.SessionActive)
}

// An administrator takes back a login that waits for its user's oldest session to end: it is not to end for that.
func TestNobodyIsDisplacedByALoginThatIsToEnd(t *testing.T) {
	w := newWorld(t, oneEach(), login("s1", "ann"))
	m := w.manager()
	m.settleFor(3)
	w.create(login("s2", "ann"))
	asked := false
	m.fault = func(_ int, verb string, obj client.Object) (bool, error) {
		if _, ok := obj.(*licensing.UserSession); ok && verb == "get" && !asked {
			asked = true
			w.askedToEnd("s2")
		}
		return true, nil
	}
	m.settleFor(6)
	if !asked {
		t.Fatal("nobody looked whether the login still waits")
	}
	wantState(t, w.session("s1"), licensing.SessionActive)
	wantState(t, w.session("s2"), licensing.SessionTerminated)
}

// The client of the session that is to end for a login is heard at that very moment, so that its end is not written (seed 80001197 of the simulation): it ends a moment later.
func TestADisplacedSessionThatWasHeardEndsAMomentLater(t *testing.T) {
	w := newWorld(t, oneEach(), login("s1", "ann"))
	m := w.manager()
	m.settleFor(3)
	w.create(login("s2", "ann"))
	tries := 0
	m.fault = func(call int, verb string, obj client.Object) (bool, error) {
		if endsSession(call, verb, obj) {
			if tries++; tries == 1 {
				return false, apierrors.NewConflict(licensing.GroupVersion.WithResource("usersessions").GroupResource(), "s1", errors.New("its client was heard"))
			}
		}
		return true, nil
	}
	m.settleFor(4)
	wantState(t, w.session("s1"), licensing.SessionTerminated)
	wantState(t, w.session("s2"), licensing.SessionActive)
}

// An end of a user's other session was tried a moment ago and may have been written, but was not: the login waits for that to be seen, looks seldom meanwhile, and then has its seat.
func TestADisplacedSessionOutlivesOnlyForAMomentAnEndThatWasTried(t *testing.T) {
	w := newWorld(t, MakeLicensePool("p").Concurrent(3).MaxPerUser(2, licensing.LimitTerminateOldest).Retention(time.Hour).Obj(), login("s1", "ann"))
	m := w.manager()
	m.settleFor(1)
	w.create(login("s2", "ann"))
	m.settleFor(2)
	book := m.r.book(client.ObjectKeyFromObject(w.pool()))
	book.unsure.Store(w.session("s2").UID, []unsureEnd{{seating.End{Session: string(w.session("s2").UID)}, w.clock.Now()}})
	w.create(login("s3", "ann"))
	result, err := m.see().reconcile()
	if err != nil || result.RequeueAfter < soon/2 {
		t.Errorf("it looks again after %v, %v; want %v", result.RequeueAfter, err, soon)
	}
	m.settleFor(3)
	wantState(t, w.session("s1"), licensing.SessionActive)
	wantState(t, w.session("s3"), "")
	m.settleFor(5)
	wantState(t, w.session("s1"), licensing.SessionTerminated)
	wantState(t, w.session("s2"), licensing.SessionActive)
	wantState(t, w.session("s3"), licensing.SessionActive)
}

// One of a user's sessions is deleted, and the watch is late to show it (seed 100007616 of the simulation): there is room for the next login.
func TestNobodyIsDisplacedThoughASessionWasDeletedAMomentAgo(t *testing.T) {
	for name, goes := range map[string]func(w *world){
		"deleted":      func(w *world) { w.delete(w.session("s2")) },
		"asked to end": func(w *world) { w.askedToEnd("s2") },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, MakeLicensePool("p").Concurrent(3).MaxPerUser(2, licensing.LimitTerminateOldest).Retention(time.Hour).Obj(), login("s1", "ann"), login("s2", "ann"))
			m := w.manager()
			m.settleFor(3)
			w.create(login("s3", "ann"))
			m.see()
			goes(w)
			if _, err := m.reconcile(); err != nil {
				t.Fatal(err)
			}
			m.settleFor(3)
			wantState(t, w.session("s1"), licensing.SessionActive)
			wantState(t, w.session("s3"), licensing.SessionActive)
		})
	}
}

// A login is withdrawn for which the oldest session was to end, while the seat of another login of the user is still to be written: that one needs none to end.
func TestNobodyIsDisplacedForALoginThatHasItsSeat(t *testing.T) {
	w := newWorld(t, MakeLicensePool("p").Concurrent(3).MaxPerUser(2, licensing.LimitTerminateOldest).Retention(time.Hour).Obj(), login("s1", "ann"))
	m := w.manager()
	m.settleFor(3)
	w.create(login("s2", "ann"))
	m.fault = func(_ int, verb string, obj client.Object) (bool, error) {
		if verb == "patch" && obj.GetName() == "s2" {
			return false, errors.New("the API server is away")
		}
		return true, nil
	}
	if _, err := m.see().reconcile(); err == nil {
		t.Fatal("the seat was written")
	}
	w.create(login("s3", "ann"))
	m.see()
	w.delete(w.session("s3"))
	m.fault = func(_ int, verb string, obj client.Object) (bool, error) {
		if verb == "patch" && obj.GetName() == "s2" {
			return false, apierrors.NewInvalid(licensing.GroupVersion.WithKind("UserSession").GroupKind(), "s2", nil)
		}
		return true, nil
	}
	_, _ = m.reconcile()
	m.fault = nil
	m.settleFor(3)
	wantState(t, w.session("s1"), licensing.SessionActive)
	wantState(t, w.session("s2"), licensing.SessionActive)
}

// Two sessions' grants are written late, and the answer to the first is lost: who is the user's oldest is known only once that was seen (seed 120044802 of the simulation: the second ended for a third).
func TestTheOldestIsKnownOnceAllGrantsAreWritten(t *testing.T) {
	w := newWorld(t, MakeLicensePool("p").Concurrent(3).MaxPerUser(2, licensing.LimitTerminateOldest).Retention(time.Hour).Obj())
	m := w.manager()
	m.r.Parallel = 1
	m.settleFor(3)
	w.create(login("s1", "ann"), login("s2", "ann"))
	m.fault = func(_ int, verb string, obj client.Object) (bool, error) {
		if _, ok := obj.(*licensing.UserSession); ok && verb == "patch" {
			return false, context.DeadlineExceeded
		}
		return true, nil
	}
	if _, err := m.see().reconcile(); err == nil {
		t.Fatal("the seats were written")
	}
	w.create(login("s3", "ann"))
	lost := 0
	m.fault = func(_ int, verb string, obj client.Object) (bool, error) {
		if verb == "patch" && obj.GetName() == "s1" {
			if lost++; lost == 1 {
				w.clock.SetTime(w.clock.Now().Add(time.Second))
				return true, context.DeadlineExceeded
			}
		}
		return true, nil
	}
	_, _ = m.see().reconcile()
	m.settleFor(3)
	wantState(t, w.session("s1"), licensing.SessionTerminated)
	wantState(t, w.session("s2"), licensing.SessionActive)
	wantState(t, w.session("s3"), licensing.SessionActive)
}
