// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/internal/facts"
	. "github.com/seatkeeper/seatkeeper/test/make"
)

// settleFor sees and reconciles some times, a second apart, whatever comes of it.
func (m *manager) settleFor(times int) {
	m.t.Helper()
	for range times {
		_, _ = m.see().reconcile()
		m.clock.SetTime(m.clock.Now().Add(time.Second))
	}
}

// One object that the API server refuses to have written must not keep the others of its pool from their answers.
func TestRefusedObjectStarvesNobody(t *testing.T) {
	refuse := func(name string) func(int, string, client.Object) (bool, error) {
		return func(_ int, verb string, obj client.Object) (bool, error) {
			if verb == "patch" && obj.GetName() == name {
				return false, apierrors.NewInvalid(licensing.GroupVersion.WithKind("UserSession").GroupKind(), name, nil)
			}
			return true, nil
		}
	}
	t.Run("a grant", func(t *testing.T) {
		w := newWorld(t, MakeLicensePool("p").Concurrent(2).Obj())
		m := w.manager()
		m.settle()
		w.create(login("s1", "ann"), login("s2", "bob"), login("s3", "cid"))
		m.fault = refuse("s1")
		m.settleFor(5)
		wantState(t, w.session("s1"), "") // its seat stays its own: nobody can say that the write will never be carried out
		wantState(t, w.session("s2"), licensing.SessionActive)
		wantState(t, w.session("s3"), licensing.SessionDenied)
	})
	t.Run("a fence", func(t *testing.T) {
		w := newWorld(t, MakeLicensePool("p").Concurrent(2).Obj(), login("s1", "ann"), login("s2", "bob"))
		m := w.manager()
		m.fault = refuse("s1")
		m.settleFor(5)
		wantState(t, w.session("s2"), licensing.SessionActive)
	})
	t.Run("an account", func(t *testing.T) {
		w := newWorld(t, MakeLicensePool("p").Named(2).Obj(), named("n1"), named("n2"), login("s2", "n2"))
		m := w.manager()
		m.fault = refuse("n1")
		m.settleFor(5)
		wantState(t, w.session("s2"), licensing.SessionActive)
		if !facts.HoldsSeat(w.account("n2")) {
			t.Error("n2 was not told that it holds a seat")
		}
	})
}

func TestAccountsAreToldOfByEvents(t *testing.T) {
	w := newWorld(t, MakeLicensePool("p").Named(1).Obj(), named("n1"), named("n2"))
	m := w.manager()
	m.settle()
	var told []string
	recorder := m.r.Recorder.(*events.FakeRecorder)
	for len(recorder.Events) > 0 {
		told = append(told, <-recorder.Events)
	}
	all := strings.Join(told, "\n")
	for _, want := range []string{"Normal SeatHeld", "Warning SeatsExhausted"} {
		if !strings.Contains(all, want) {
			t.Errorf("no Event %q among:\n%s", want, all)
		}
	}
}

// The API server refuses the ends of so many sessions as are ended at once: the others end all the same.
func TestRefusedEndsStarveNoOthers(t *testing.T) {
	refuse := func(name func(string) bool) func(int, string, client.Object) (bool, error) {
		return func(call int, verb string, obj client.Object) (bool, error) {
			if endsSession(call, verb, obj) && name(obj.GetName()) {
				return false, apierrors.NewForbidden(licensing.GroupVersion.WithResource("usersessions").GroupResource(), obj.GetName(), errors.New("a policy"))
			}
			return true, nil
		}
	}
	t.Run("a sweep", func(t *testing.T) {
		w := newWorld(t, MakeLicensePool("p").Concurrent(100).Retention(time.Hour).Obj())
		m := w.manager()
		for i := range maxSweep + 1 {
			w.create(login(fmt.Sprintf("s%02d", i), fmt.Sprintf("user-%02d", i)))
		}
		m.settleFor(3)
		last := fmt.Sprintf("s%02d", maxSweep)
		for i := range maxSweep + 1 {
			w.askedToEnd(fmt.Sprintf("s%02d", i))
		}
		m.fault = refuse(func(name string) bool { return name != last })
		m.settleFor(60)
		wantState(t, w.session(last), licensing.SessionTerminated)
	})
	t.Run("a pool that is gone", func(t *testing.T) {
		w := newWorld(t, MakeLicensePool("p").Concurrent(100).Retention(time.Hour).Obj())
		m := w.manager()
		for i := range maxSweep + 1 {
			w.create(login(fmt.Sprintf("s%02d", i), fmt.Sprintf("user-%02d", i)))
		}
		m.settleFor(3)
		last := fmt.Sprintf("s%02d", maxSweep)
		w.delete(w.pool())
		m.fault = refuse(func(name string) bool { return name != last })
		m.settleFor(int(m.r.PoolRemovalGrace/time.Second) + 60)
		wantState(t, w.session(last), licensing.SessionTerminated)
	})
	t.Run("displacement", func(t *testing.T) {
		w, m := signOnAnew(t, maxSweep+1)
		last := fmt.Sprintf("old-%02d", maxSweep)
		m.fault = refuse(func(name string) bool { return name != last })
		m.settleFor(60)
		wantState(t, w.session(last), licensing.SessionTerminated)
		wantState(t, w.session(fmt.Sprintf("new-%02d", maxSweep)), licensing.SessionActive)
	})
}

// A user signs out of one of two sessions and signs on anew; the write that ends the one conflicts at first, and that of somebody else's session is refused. The user's other stays.
func TestNobodyIsDisplacedSinceAnothersEndIsRefused(t *testing.T) {
	w := newWorld(t, MakeLicensePool("p").Concurrent(4).MaxPerUser(2, licensing.LimitTerminateOldest).Retention(time.Hour).Obj(), login("s1", "ann"), login("s2", "ann"), login("b1", "bob"))
	m := w.manager()
	m.settleFor(3)
	w.askedToEnd("s2")
	w.askedToEnd("b1")
	w.create(login("s3", "ann"))
	tries := 0
	m.fault = func(call int, verb string, obj client.Object) (bool, error) {
		if endsSession(call, verb, obj) && obj.GetName() == "s2" {
			if tries++; tries < 2 {
				return false, apierrors.NewConflict(licensing.GroupVersion.WithResource("usersessions").GroupResource(), "s2", errors.New("its client was heard"))
			}
		}
		if endsSession(call, verb, obj) && obj.GetName() == "b1" {
			return false, apierrors.NewForbidden(licensing.GroupVersion.WithResource("usersessions").GroupResource(), "b1", errors.New("a policy"))
		}
		return true, nil
	}
	m.settleFor(8)
	wantState(t, w.session("s1"), licensing.SessionActive)
	wantState(t, w.session("s2"), licensing.SessionTerminated)
	wantState(t, w.session("s3"), licensing.SessionActive)
}
