// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"testing"
	"time"

	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	. "github.com/seatkeeper/seatkeeper/test/make"
)

// A manager has met a rival, and a session is deleted: the rival is left to tell of it, unless it may be one that is gone (seeds 10026545 and 20000898 of the simulation: nobody told).
func TestDeletionIsLeftToARivalThatIsThere(t *testing.T) {
	for name, c := range map[string]struct {
		wrote        uint64 // the pool, before it is looked again; the session was gone at revision 100
		takes        bool
		soon, at10th int
	}{
		"the rival wrote since":             {wrote: 101},
		"it wrote before":                   {wrote: 99, at10th: 1},
		"it is not seen":                    {at10th: 1},
		"this manager takes the pool again": {takes: true, soon: 1},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, MakeLicensePool("p").Concurrent(9).Obj(), login("s1", "ann"))
			m := w.manager()
			m.settle()
			b := m.r.book(poolKey)
			b.loseTerm(w.clock.Now())
			b.rivalry.lost(w.clock.Now(), m.r.chance())
			b.departed = []departure{deleted(w.session("s1"), "100", false)}
			m.told()
			m.r.sendOff(b)
			if n := m.ends(licensing.RequestedByAdministrator); n != 0 || !b.untold().Equal(w.clock.Now().Add(rivalTells)) {
				t.Fatalf("%d Events tell of it, want none, and a look in %s: %s", n, rivalTells, b.untold())
			}
			if b.rivalry.wrote = c.wrote; c.takes {
				b.term = "own"
			}
			w.clock.SetTime(w.clock.Now().Add(time.Second))
			m.r.sendOff(b)
			if n := m.ends(licensing.RequestedByAdministrator); n != c.soon {
				t.Errorf("%d Events tell of it a second later, want %d", n, c.soon)
			}
			w.clock.SetTime(w.clock.Now().Add(rivalTells - time.Second))
			m.r.sendOff(b)
			if n := m.ends(licensing.RequestedByAdministrator); n != c.at10th {
				t.Errorf("%d Events tell of it after %s, want %d", n, rivalTells, c.at10th)
			}
			if !b.untold().IsZero() {
				t.Errorf("something is left to tell at %s", b.untold())
			}
		})
	}
}

// What a rival writes is noted by its revision; what administrators write, and what this manager wrote itself, is not a rival's.
func TestWritesOfARivalAreNoted(t *testing.T) {
	w := newWorld(t, MakeLicensePool("p").Concurrent(9).Obj(), login("s1", "ann"))
	m := w.manager()
	m.settle()
	b := m.r.book(poolKey)
	meet := func(change func(*licensing.LicensePool)) {
		pool := b.pool.DeepCopy()
		change(pool)
		pool.ResourceVersion += "0" // a later one
		if err := m.r.meetPool(t.Context(), b, pool); err != nil {
			t.Fatal(err)
		}
	}
	meet(func(p *licensing.LicensePool) { p.Spec.Concurrent.Seats = new(int32(8)) })
	meet(func(p *licensing.LicensePool) { p.Status.ObservedGeneration++ })
	if b.rivalry.wrote != 0 {
		t.Errorf("a rival wrote at revision %d, and there is none", b.rivalry.wrote)
	}
	meet(func(p *licensing.LicensePool) { p.Status.Grants.Term = "another's" })
	if got := b.pool.ResourceVersion; b.rivalry.wrote == 0 || b.term != "" {
		t.Errorf("a rival took the pool at revision %s, and %d is noted", got, b.rivalry.wrote)
	}
	before := b.rivalry.wrote
	meet(func(p *licensing.LicensePool) { p.Status.ObservedGeneration++ })
	if b.rivalry.wrote <= before {
		t.Error("what the rival wrote next is not noted")
	}
}

// seesDeletion lets the manager's watch show that a session was deleted, as controller-runtime does; unknown: it was broken off, and a list shows that the session is gone.
func (m *manager) seesDeletion(s *licensing.UserSession, unknown bool) {
	queue := workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[reconcile.Request]())
	defer queue.ShutDown()
	m.r.inbox.handler().Delete(m.t.Context(), event.DeleteEvent{Object: s, DeleteStateUnknown: unknown}, queue)
}

// A rival writes the pool for the last time and stops; then a session is deleted. The watch says so as it happens, or, if it was broken off meanwhile, lists anew and knows only how the session last was.
func TestDeletionThatAListShowed(t *testing.T) {
	for name, unknown := range map[string]bool{"the watch goes on": false, "the watch lists anew": true} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, MakeLicensePool("p").Concurrent(9).Obj(), login("s1", "ann"))
			m, rival := w.manager(), w.manager()
			m.settleFor(3)
			w.create(login("s2", "bob"))
			rival.settleFor(3) // it takes the pool, and writes it
			m.settleFor(1)     // and this manager sees that
			b := m.r.book(poolKey)
			if b.term != "" || !b.rivalry.near(w.clock.Now()) {
				t.Fatalf("the term is %q; a rival is near: %t", b.term, b.rivalry.near(w.clock.Now()))
			}
			m.told()
			last := w.session("s1")
			w.delete(w.session("s1"))
			if notNewer(w.pool(), last.ResourceVersion) {
				t.Fatal("the pool should have been written after the session")
			}
			if !unknown {
				last.ResourceVersion = w.pool().ResourceVersion + "0" // a deletion is an event of its own, later than the rival's write
			}
			m.seesDeletion(last, unknown)
			n := 0
			for range 30 {
				if _, err := m.reconcile(); err != nil {
					t.Fatal(err)
				}
				n += m.ends(licensing.RequestedByAdministrator)
				w.clock.SetTime(w.clock.Now().Add(time.Second))
			}
			if n != 1 {
				t.Errorf("%d Events tell of the deletion, want 1", n)
			}
		})
	}
}

// Of two managers the one with the term writes the pool before its watch shows that a session was deleted, and loses the term before it does: one of them must tell.
func TestDeletionBetweenTwoTerms(t *testing.T) {
	w := newWorld(t, MakeLicensePool("p").Concurrent(9).Obj(), login("s1", "ann"))
	m, rival := w.manager(), w.manager()
	m.settleFor(3)
	w.create(login("s2", "bob"))
	rival.settleFor(3)
	m.settleFor(2)
	mine, its := m.r.book(poolKey), rival.r.book(poolKey)
	if mine.term != "" || its.term == "" {
		t.Fatal("the rival should have the term")
	}
	m.told()
	rival.told()

	gone := w.session("s1")
	w.delete(w.session("s1"))
	gone.ResourceVersion = w.pool().ResourceVersion // after what the rival has written, and before what it will
	// The rival's watch is late: it grants a seat, and does not know yet that the session was deleted.
	w.create(login("s3", "cid"))
	rival.r.inbox.put(poolKey, letter{object: w.session("s3")})
	if _, err := rival.reconcile(); err != nil {
		t.Fatal(err)
	}
	wantState(t, w.session("s3"), licensing.SessionActive)
	told := 0
	look := func(each *manager) {
		t.Helper()
		if _, err := each.reconcile(); err != nil {
			t.Fatal(err)
		}
		told += each.ends(licensing.RequestedByAdministrator)
	}
	m.seesDeletion(gone, false)
	look(m) // it knows, and leaves it to the rival

	// A login waits for longer than this manager's patience, since the rival does not see it either: this manager takes the pool.
	w.create(login("s4", "dan"))
	m.r.inbox.put(poolKey, letter{object: w.session("s4")})
	for range 30 {
		if look(m); mine.term != "" {
			break
		}
		w.clock.SetTime(w.clock.Now().Add(time.Second))
	}
	wantState(t, w.session("s4"), licensing.SessionActive)
	look(rival) // it has lost the pool
	if its.term != "" {
		t.Fatal("the rival should have lost the term")
	}
	rival.seesDeletion(gone, false)
	for range 90 {
		look(rival)
		look(m)
		w.clock.SetTime(w.clock.Now().Add(time.Second))
	}
	if told == 0 {
		t.Error("no Event tells of the deletion, though both managers saw it and are there")
	}
}
