// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"testing"
	"time"

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
