// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"errors"
	"fmt"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	. "github.com/seatkeeper/seatkeeper/test/make"
)

// signOnAnew lets so many users sign on, each once, and then each once more, where one session each is allowed.
func signOnAnew(t *testing.T, users int) (*world, *manager) {
	t.Helper()
	w := newWorld(t, MakeLicensePool("p").Concurrent(int32(2*users)).MaxPerUser(1, licensing.LimitTerminateOldest).Retention(time.Hour).Obj())
	m := w.manager()
	m.r.Parallel = 1
	for i := range users {
		w.create(login(fmt.Sprintf("old-%02d", i), fmt.Sprintf("user-%02d", i)))
	}
	m.settleFor(3)
	for i := range users {
		w.create(login(fmt.Sprintf("new-%02d", i), fmt.Sprintf("user-%02d", i)))
	}
	return w, m
}

// Many users sign on anew at once, and each look at the API server takes a little: who of them is looked at last must not make what was looked up for the others too old to be written, again and again.
func TestManyAreDisplacedThoughEachLookTakesAWhile(t *testing.T) {
	const users = 40
	w, m := signOnAnew(t, users)
	m.fault = func(_ int, verb string, obj client.Object) (bool, error) {
		if _, ok := obj.(*licensing.UserSession); ok && verb == "get" {
			w.clock.SetTime(w.clock.Now().Add(70 * time.Millisecond))
		}
		return true, nil
	}
	m.settleFor(60)
	if states := w.states(); states[licensing.SessionTerminated] != users || states[licensing.SessionActive] != users {
		t.Errorf("after a minute: %v; want %d ended, and as many who signed on anew", states, users)
	}
}

// Each answer of the API server takes a while: what was asked for does not become wrong by that, and is done.
func TestWhatWasAskedForIsDoneThoughAnswersAreSlow(t *testing.T) {
	w := newWorld(t, MakeLicensePool("p").Concurrent(2).Retention(time.Hour).Obj(), login("s1", "ann"))
	m := w.manager()
	m.settleFor(3)
	w.askedToEnd("s1")
	m.fault = func(_ int, _ string, _ client.Object) (bool, error) {
		w.clock.SetTime(w.clock.Now().Add(staleAfter + 100*time.Millisecond))
		return true, nil
	}
	m.settleFor(30)
	wantState(t, w.session("s1"), licensing.SessionTerminated)
}

// refusesSlowly lets the API server refuse each write of a session, after a while.
func (m *manager) refusesSlowly(name string) {
	m.fault = func(_ int, verb string, obj client.Object) (bool, error) {
		if _, ok := obj.(*licensing.UserSession); ok && verb == "patch" && obj.GetName() == name {
			m.clock.SetTime(m.clock.Now().Add(staleAfter + 100*time.Millisecond))
			return false, apierrors.NewForbidden(licensing.GroupVersion.WithResource("usersessions").GroupResource(), name, errors.New("a policy"))
		}
		return true, nil
	}
}

// The API server takes a while to refuse a login's writes: sessions of a pool that is gone end all the same.
func TestAPoolThatIsGoneEndsSessionsThoughALoginIsRefusedSlowly(t *testing.T) {
	w := newWorld(t, MakeLicensePool("p").Concurrent(2).Retention(time.Hour).Obj(), login("s1", "ann"))
	m := w.manager()
	m.settleFor(3)
	w.delete(w.pool())
	w.create(login("s2", "bob"))
	m.refusesSlowly("s2")
	m.settleFor(int(m.r.PoolRemovalGrace/time.Second) + 60)
	wantState(t, w.session("s1"), licensing.SessionTerminated)
}

// A session was written, and the watch is late to show it: what it keeps from being done is tried again soon, and not at once.
func TestALateWatchIsWaitedForWithAPause(t *testing.T) {
	t.Run("displacement", func(t *testing.T) {
		w := newWorld(t, oneEach(), login("s1", "ann"))
		m := w.manager()
		m.settleFor(3)
		w.create(login("s2", "ann"))
		m.fault = func(call int, verb string, obj client.Object) (bool, error) {
			if endsSession(call, verb, obj) {
				return false, apierrors.NewConflict(licensing.GroupVersion.WithResource("usersessions").GroupResource(), "s1", errors.New("its client was heard"))
			}
			return true, nil
		}
		result, err := m.see().reconcile()
		if err != nil || result.RequeueAfter < soon/2 {
			t.Errorf("it looks again after %v, %v; want %v", result.RequeueAfter, err, soon)
		}
	})
	t.Run("a denial that waits for an end", func(t *testing.T) {
		w := newWorld(t, MakeLicensePool("p").Concurrent(1).IdleTimeout(time.Minute).HeartbeatInterval(30*time.Second).Retention(time.Hour).Obj(), login("s1", "ann"))
		m := w.manager()
		m.idles()
		w.create(login("s2", "bob"))
		m.see()
		heard := w.session("s1")
		heard.Status.LastActivityTime = new(ctrlTime(w.clock.Now()))
		if err := w.api.Status().Update(t.Context(), heard); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			result, err := m.reconcile()
			if err != nil || result.RequeueAfter < soon/2 {
				t.Errorf("it looks again after %v, %v; want %v", result.RequeueAfter, err, soon)
			}
			w.clock.SetTime(w.clock.Now().Add(result.RequeueAfter))
		}
	})
}

// The manager sleeps before it writes a grant: the session is on from then, and not from before.
func TestASessionIsNotOlderThanItsGrant(t *testing.T) {
	w := newWorld(t, MakeLicensePool("p").Concurrent(1).Named(1).IdleTimeout(time.Minute).HeartbeatInterval(30*time.Second).Retention(time.Hour).Obj())
	m := w.manager()
	m.settleFor(3)
	w.create(login("s1", "ann"), named("n1"))
	looked := false
	m.fault = func(_ int, verb string, obj client.Object) (bool, error) {
		if p := w.pool(); !looked && verb == "get" && p.Status.Grants != nil && len(p.Status.Grants.Intents) == 2 {
			if _, ok := obj.(*licensing.LicensePool); ok {
				looked = true
				w.clock.SetTime(w.clock.Now().Add(90 * time.Second))
			}
		}
		return true, nil
	}
	m.settleFor(3)
	if !looked {
		t.Fatal("it did not look whether the account's intent is still there")
	}
	wantState(t, w.session("s1"), licensing.SessionActive)
}
