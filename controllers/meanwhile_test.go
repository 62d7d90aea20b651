// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	. "github.com/seatkeeper/seatkeeper/test/make"
)

// askedToEnd is what a sign-out does.
func (w *world) askedToEnd(name string) {
	w.t.Helper()
	s := w.session(name)
	s.Spec.Termination = &licensing.Termination{RequestedBy: licensing.RequesterUser}
	if err := w.api.Update(w.t.Context(), s); err != nil {
		w.t.Fatal(err)
	}
}

// whileItEnds lets something happen while a manager writes the end of a session, and lets the watch show it.
func (m *manager) whileItEnds(name string, happens func()) {
	m.t.Helper()
	done := false
	m.fault = func(call int, verb string, obj client.Object) (bool, error) {
		if endsSession(call, verb, obj) && obj.GetName() == name && !done {
			done = true
			happens()
			m.see()
		}
		return true, nil
	}
	if _, err := m.see().reconcile(); err != nil || !done {
		m.t.Fatalf("the session ended: %t, %v", done, err)
	}
	m.fault = nil
	m.settleFor(3)
}

// Ann signs out, then Bob signs on, both while the manager writes another session's end: the seat is Bob's.
func TestSeatOfWhoSignedOutBefore(t *testing.T) {
	w := newWorld(t, MakeLicensePool("p").Concurrent(1).Retention(time.Hour).Obj(), login("s1", "ann"), MakeUserSession("sys").Pool("p").User("backup").SystemLogin().Obj())
	m := w.manager()
	m.settleFor(3)
	wantState(t, w.session("s1"), licensing.SessionActive)
	wantState(t, w.session("sys"), licensing.SessionActive)
	w.askedToEnd("sys")
	m.whileItEnds("sys", func() {
		w.askedToEnd("s1")
		w.create(login("s2", "bob"))
	})
	wantState(t, w.session("s1"), licensing.SessionTerminated)
	wantState(t, w.session("s2"), licensing.SessionActive)
}

// Ann signs out of one of two sessions and signs on anew: her other session stays.
func TestNobodyIsDisplacedWhoSignedOutBefore(t *testing.T) {
	w := newWorld(t, MakeLicensePool("p").Concurrent(3).MaxPerUser(2, licensing.LimitTerminateOldest).Retention(time.Hour).Obj(),
		login("s1", "ann"), login("s2", "ann"), MakeUserSession("sys").Pool("p").User("backup").SystemLogin().Obj())
	m := w.manager()
	m.settleFor(3)
	w.askedToEnd("sys")
	m.whileItEnds("sys", func() {
		w.askedToEnd("s2")
		w.create(login("s3", "ann"))
	})
	wantState(t, w.session("s1"), licensing.SessionActive)
	wantState(t, w.session("s2"), licensing.SessionTerminated)
	wantState(t, w.session("s3"), licensing.SessionActive)
}
