// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
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
