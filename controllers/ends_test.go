// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	. "github.com/seatkeeper/seatkeeper/test/make"
)

// endsSession matches writes that end a session.
func endsSession(_ int, verb string, obj client.Object) bool {
	s, ok := obj.(*licensing.UserSession)
	return verb == "patch" && ok && s.Status.State == licensing.SessionTerminated
}

// told lists the Events that a manager emitted since it was last asked.
func (m *manager) told() []string {
	var all []string
	recorder := m.r.Recorder.(*events.FakeRecorder)
	for len(recorder.Events) > 0 {
		all = append(all, <-recorder.Events)
	}
	return all
}

// ends counts the Events that tell of an end by this action.
func (m *manager) ends(action licensing.TerminationAction) int {
	n := 0
	for _, e := range m.told() {
		if strings.Contains(e, string(action)) {
			n++
		}
	}
	return n
}

func idlePool() *LicensePoolBuilder {
	return MakeLicensePool("p").Concurrent(3).IdleTimeout(time.Minute).HeartbeatInterval(30 * time.Second).Retention(time.Hour)
}

// passes lets time pass, with the manager looking when it asked to.
func (m *manager) passes(d time.Duration) {
	m.t.Helper()
	for until := m.clock.Now().Add(d); m.clock.Now().Before(until); {
		result, _ := m.see().reconcile()
		step := until.Sub(m.clock.Now())
		if result.RequeueAfter > 0 {
			step = min(step, result.RequeueAfter)
		}
		m.clock.SetTime(m.clock.Now().Add(max(step, time.Millisecond)))
	}
	_, _ = m.see().reconcile()
}

func TestActivityThatRacesTheEndWinsAndItsOwnDeadlineIsKept(t *testing.T) {
	w := newWorld(t, idlePool().Obj(), login("s1", "ann"))
	m := w.manager()
	m.settleFor(3)
	raced := false
	m.fault = func(call int, verb string, obj client.Object) (bool, error) {
		if !raced && endsSession(call, verb, obj) {
			raced = true
			s := w.session("s1")
			s.Status.LastActivityTime = new(ctrlTime(w.clock.Now()))
			if err := w.api.Status().Update(t.Context(), s); err != nil {
				t.Error(err)
			}
		}
		return true, nil
	}
	m.passes(150 * time.Second) // nothing but time wakes the manager
	if !raced {
		t.Fatal("the end was not tried")
	}
	ended := w.session("s1")
	wantState(t, ended, licensing.SessionTerminated)
	if idle := ended.Status.TerminatedTime.Sub(ended.Status.LastActivityTime.Time); idle < time.Minute || idle > time.Minute+2*time.Second {
		t.Errorf("it ended after %s", idle)
	}
}

func TestOnlyTheOperatorsClockCounts(t *testing.T) {
	for _, off := range []time.Duration{-time.Hour, time.Hour} {
		w := newWorld(t, idlePool().Concurrent(1).Obj())
		began := w.clock.Now()
		s, waiting := login("s1", "ann"), MakeUserSession("s2").Pool("p").User("bob").MaxWait(10*time.Second).Obj()
		w.stamp(s)
		w.stamp(waiting)
		s.CreationTimestamp, waiting.CreationTimestamp = ctrlTime(began.Add(off)), ctrlTime(began.Add(off+time.Second))
		for _, obj := range []client.Object{s, waiting} {
			if err := w.api.Create(t.Context(), obj); err != nil {
				t.Fatal(err)
			}
		}
		m := w.manager()
		m.passes(9 * time.Second)
		wantState(t, w.session("s2"), licensing.SessionPending)
		m.passes(3 * time.Second)
		wantState(t, w.session("s2"), licensing.SessionDenied)
		m.passes(47 * time.Second)
		wantState(t, w.session("s1"), licensing.SessionActive)
		m.passes(3 * time.Second)
		wantState(t, w.session("s1"), licensing.SessionTerminated)
	}
}

func TestRefusedEndKeepsNobodyOut(t *testing.T) {
	w := newWorld(t, idlePool().Obj(), login("s1", "ann"))
	m := w.manager()
	m.settleFor(3)
	m.fault = func(call int, verb string, obj client.Object) (bool, error) {
		if endsSession(call, verb, obj) {
			return false, apierrors.NewForbidden(licensing.GroupVersion.WithResource("usersessions").GroupResource(), obj.GetName(), fmt.Errorf("a policy says so"))
		}
		return true, nil
	}
	m.passes(61 * time.Second)
	w.create(login("s2", "bob"))
	m.passes(time.Second)
	wantState(t, w.session("s2"), licensing.SessionActive)
	m.fault = nil
	m.passes(6 * time.Second)
	wantState(t, w.session("s1"), licensing.SessionTerminated)
}

func TestRefusedEndIsNotAskedForAgainAndAgain(t *testing.T) {
	w := newWorld(t, idlePool().Concurrent(1).Obj(), login("s1", "ann"))
	m := w.manager()
	m.settleFor(3)
	tries := 0
	m.fault = func(call int, verb string, obj client.Object) (bool, error) {
		if endsSession(call, verb, obj) {
			tries++
			return false, apierrors.NewForbidden(licensing.GroupVersion.WithResource("usersessions").GroupResource(), obj.GetName(), fmt.Errorf("a policy says so"))
		}
		return true, nil
	}
	m.passes(61 * time.Second)
	w.create(login("s2", "bob"))
	m.passes(20 * time.Second)
	wantState(t, w.session("s2"), licensing.SessionDenied) // its seat will not come free soon
	if tries < 3 || tries > 10 {
		t.Errorf("%d tries in some twenty seconds", tries)
	}
}

func TestEndWhoseAnswerWasLostIsToldOnce(t *testing.T) {
	w := newWorld(t, idlePool().Obj(), login("s1", "ann"))
	m := w.manager()
	m.settleFor(3)
	lost := false
	m.fault = func(call int, verb string, obj client.Object) (bool, error) {
		if !lost && endsSession(call, verb, obj) {
			lost = true
			return true, context.DeadlineExceeded
		}
		return true, nil
	}
	m.passes(90 * time.Second)
	wantState(t, w.session("s1"), licensing.SessionTerminated)
	if n := m.ends(licensing.ExpiredSessionTerminated); n != 1 {
		t.Errorf("the end was told %d times", n)
	}
}

func TestDeletionIsToldThoughTheTermIsTakenBeforeTheWatchTells(t *testing.T) {
	w := newWorld(t, idlePool().Obj())
	for i := range 3 {
		w.create(login(fmt.Sprintf("s%d", i), fmt.Sprintf("u%d", i)))
	}
	w.manager().settleFor(3)
	m := w.manager()
	m.settleFor(3) // it has nothing to do, and no term
	for i := range 3 {
		w.delete(w.session(fmt.Sprintf("s%d", i)))
	}
	w.create(login("s9", "zoe"))
	m.r.inbox.put(poolKey, letter{object: w.session("s9")})
	if _, err := m.reconcile(); err != nil {
		t.Fatal(err)
	}
	m.settleFor(3)
	if n := m.ends(licensing.RequestedByAdministrator); n != 3 {
		t.Errorf("%d of 3 ends were told", n)
	}
}

func TestRestartOfAQuietPoolDelaysNoEndForLong(t *testing.T) {
	w := newWorld(t, idlePool().IdleTimeout(10*time.Minute).Obj(), login("s1", "ann"))
	w.manager().settleFor(3)
	m := w.manager() // restarted at once, with nothing to write until the session is due
	m.passes(9*time.Minute + 55*time.Second)
	wantState(t, w.session("s1"), licensing.SessionActive)
	m.passes(4 * time.Second)
	wantState(t, w.session("s1"), licensing.SessionTerminated)
}

func TestLoginIsNotDeniedWhileSeatsAreAboutToComeFree(t *testing.T) {
	w := newWorld(t, MakeLicensePool("p").Concurrent(1).IdleTimeout(time.Minute).Obj())
	for i := range maxSweep + 6 { // all on one seat
		w.create(MakeUserSession(fmt.Sprintf("s%02d", i)).Pool("p").User("ann").Obj())
	}
	m := w.manager()
	m.settleFor(3)
	w.clock.SetTime(w.clock.Now().Add(2 * time.Minute))
	w.create(login("new", "bob"))
	m.passes(time.Second)
	wantState(t, w.session("new"), licensing.SessionActive)
}

func TestTerminationIsCarriedOutWhileThePoolIsGone(t *testing.T) {
	w := newWorld(t, idlePool().Obj(), login("s1", "ann"))
	m := w.manager()
	m.settleFor(3)
	w.delete(w.pool())
	w.create(login("s2", "bob"))
	m.settleFor(2)
	for _, name := range []string{"s1", "s2"} {
		s := w.session(name)
		s.Spec.Termination = &licensing.Termination{RequestedBy: licensing.RequesterUser, Message: "bye"}
		s.Generation++
		if err := w.api.Update(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	m.settleFor(2)
	for _, name := range []string{"s1", "s2"} {
		if s := w.session(name); s.Status.TerminationAction != licensing.RequestedByUser || s.Status.Message != "bye" {
			t.Errorf("%s is %s %s %q", name, s.Status.State, s.Status.TerminationAction, s.Status.Message)
		}
	}
}

func TestDeletedSessionThatAFinalizerKeepsIsEnded(t *testing.T) {
	s := login("s1", "ann")
	s.Finalizers = []string{"example.com/keep"}
	w := newWorld(t, MakeLicensePool("p").Concurrent(1).Obj(), s)
	m := w.manager()
	m.settleFor(3)
	w.delete(w.session("s1"))
	w.create(login("s2", "bob"))
	m.settleFor(3)
	if s := w.session("s1"); s.Status.TerminationAction != licensing.RequestedByAdministrator {
		t.Errorf("it is %s %s", s.Status.State, s.Status.TerminationAction)
	}
	if n := m.ends(licensing.RequestedByAdministrator); n != 1 {
		t.Errorf("the end was told %d times", n)
	}
}

func TestNotesAreNoLongerThanEventsMayHave(t *testing.T) {
	for _, text := range []string{strings.Repeat("a", 3000), strings.Repeat("é", 1500), "short"} {
		if got := cut(text, maxNote); len(got) > maxNote || !utf8.ValidString(got) {
			t.Errorf("%d bytes, valid: %t", len(got), utf8.ValidString(got))
		}
	}
}
