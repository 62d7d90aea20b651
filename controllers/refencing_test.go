// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"errors"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	. "github.com/seatkeeper/seatkeeper/test/make"
)

// A manager falls asleep while it takes over the sessions of a new pool, and goes on when that pool has been replaced by another. What it takes over then must not be lost to the newest pool
// (seed 7011310 of the simulation: such a session was Pending for ever, and two managers took the pool from each other for its sake).
func TestPoolThatIsGoneTakesNothingOver(t *testing.T) {
	for name, came := range map[string]bool{"a session that the newest pool has taken over": false, "a session that came after that": true} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, MakeLicensePool("p").Concurrent(2).Obj())
			w.create(login("s1", "ann"))
			a := w.manager()
			wake := a.asleep(func(_ int, verb string, obj client.Object) bool {
				s, ok := obj.(*licensing.UserSession)
				return verb == "patch" && ok && s.Status.PoolUID != ""
			})
			if _, err := a.see().reconcile(); !errors.Is(err, errCrash) {
				t.Fatalf("the first manager should have fallen asleep: %v", err)
			}
			w.delete(w.pool())
			w.create(MakeLicensePool("p").Concurrent(2).Obj())
			b := w.manager()
			wakeB := b.asleep(grantsSession)
			_, _ = b.see().reconcile() // it takes s1 over, and is slow to grant
			want := w.session("s1")
			if came {
				w.create(login("s2", "bob"))
				want = w.session("s2")
				book := a.r.book(poolKey)
				book.putSession(want, w.clock.Now()) // the sleeper had not listed the sessions yet
			}

			wake()
			_ = a.r.fence(t.Context(), a.r.book(poolKey))
			wakeB()
			b.settle()
			wantState(t, w.session(want.Name), licensing.SessionActive)
		})
	}
}
