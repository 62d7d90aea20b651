// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package seating_test

import (
	"testing"

	"github.com/seatkeeper/seatkeeper/internal/seating"
)

func TestA4WhenSeatsAreLoweredNobodyLosesOneAndNoNewcomerGetsOne(t *testing.T) {
	d := aPool().concurrent(5).opens(t)
	var on []*ticket
	for _, user := range []string{"ann", "bob", "cy", "dee", "eve"} {
		on = append(on, d.signsOn(by(user)).got(seating.SeatGranted))
	}
	d.shows("N/A", "5 5 0 5 5")

	d.reapply(aPool().concurrent(3))
	d.shows("N/A", "3 5 0 5 5")
	d.is(seating.Overcommitted)
	for _, k := range on {
		k.got(seating.SeatGranted)
	}
	d.signsOn(by("fay")).got(seating.SeatsExhausted)
	d.signsOn(by("ann").to("Desktop")).shares(on[0])

	// Two leave, and the pool is merely full.
	on[1].ends()
	d.is(seating.Overcommitted)
	d.signsOn(by("fay")).got(seating.SeatsExhausted)
	on[2].ends()
	d.shows("N/A", "3 3 0 5 3")
	d.is(seating.Exhausted)
	waits := d.signsOn(by("fay").waiting(hour)).got(seating.Waiting)
	on[3].ends()
	waits.got(seating.SeatGranted)

	d.reapply(aPool().concurrent(5))
	d.shows("N/A", "5 3 2 6 3")
	d.is(seating.Available)
	d.signsOn(by("gus")).got(seating.SeatGranted)
	d.signsOn(by("hal")).got(seating.SeatGranted)
	d.signsOn(by("ida")).got(seating.SeatsExhausted)
}

// is wants the pool's availability to be this.
func (d *desk) is(want seating.Availability) {
	d.t.Helper()
	if got := d.Table().Availability(); got != want {
		d.t.Errorf("the pool is %s; want %s", got, want)
	}
}

func TestA4WhenNamedSeatsAreLoweredAccountsKeepThem(t *testing.T) {
	d := aPool().named(3).opens(t)
	d.hire(aNamed("n1"), aNamed("n2"), aNamed("n3"), aNamed("n4"))
	d.reapply(aPool().named(1))
	d.shows("1 3 0 4 0", "N/A")
	d.is(seating.Overcommitted)
	d.stands(true, seating.SeatHeld, "n1", "n2", "n3")
	d.stands(false, seating.SeatsExhausted, "n4")
	d.signsOn(by("n3")).got(seating.SeatGranted)
	d.dismiss("n1")
	d.dismiss("n2")
	d.shows("1 1 0 2 1", "N/A")
	d.stands(false, seating.SeatsExhausted, "n4")
	d.reapply(aPool().named(2))
	d.stands(true, seating.SeatHeld, "n3", "n4")
}

func TestSeatsThatAreBoughtGoToThoseWhoWaitInTheirOrder(t *testing.T) {
	d := aPool().named(0).concurrent(0).opens(t)
	d.hire(aNamed("n1"), aNamed("n2"), aNamed("n3"))
	c1 := d.signsOn(by("c1").waiting(hour))
	c2 := d.signsOn(by("c2").waiting(hour))
	c3 := d.signsOn(by("c3").waiting(hour))
	d.reapply(aPool().named(2).concurrent(2))
	c1.got(seating.SeatGranted)
	c2.got(seating.SeatGranted)
	c3.got(seating.Waiting)
	d.stands(true, seating.SeatHeld, "n1", "n2")
	d.stands(false, seating.SeatsExhausted, "n3")
}

// Which connections live is what was granted. New sharing rules only say which one a newcomer joins.
func TestA2NewSharingRulesSplitNoLiveConnection(t *testing.T) {
	d := aPool().concurrent(3).opens(t)
	laptop := d.signsOn(by("ann").on("laptop"))
	phone := d.signsOn(by("ann").on("phone")).shares(laptop)
	d.reapply(aPool().concurrent(3).perHost())
	d.shows("N/A", "3 1 2 1 1")
	phone.shares(laptop)

	// Newcomers join what their host is part of, and else open their own.
	d.signsOn(by("ann").on("phone").to("Desktop")).shares(laptop)
	tablet := d.signsOn(by("ann").on("tablet")).got(seating.SeatGranted)
	d.shows("N/A", "3 2 1 1 2")

	// The laptop leaves: its connection lives on the phone, and the laptop is a newcomer to it.
	laptop.ends()
	d.shows("N/A", "3 2 1 1 2")
	d.signsOn(by("ann").on("laptop")).got(seating.SeatGranted)
	d.signsOn(by("ann").on("tablet").to("Desktop")).shares(tablet)
	d.shows("N/A", "3 3 0 1 3")
}

func TestA2NewSharingRulesMergeNoLiveConnections(t *testing.T) {
	d := aPool().concurrent(3).perHost().opens(t)
	laptop := d.signsOn(by("ann").on("laptop")).got(seating.SeatGranted)
	phone := d.signsOn(by("ann").on("phone")).got(seating.SeatGranted)
	d.reapply(aPool().concurrent(3))
	d.shows("N/A", "3 2 1 1 2")

	// A newcomer could join either, and joins one of them: the same each time.
	joins := d.signsOn(by("ann").on("tablet")).got(seating.SeatShared)
	d.signsOn(by("ann").on("desk")).shares(joins)
	d.shows("N/A", "3 2 1 1 2")

	// Each connection ends with its own last session.
	laptop.ends()
	phone.ends()
	d.shows("N/A", "3 1 2 1 1")
	d.reapply(aPool().concurrent(3).perHost())
	d.shows("N/A", "3 1 2 1 1")
	d.signsOn(by("ann").on("phone")).got(seating.SeatGranted)
}

func TestA2NewModuleGroupsRegroupOnlyNewcomers(t *testing.T) {
	d := aPool().concurrent(9).groups("Web Desktop").opens(t)
	web := d.signsOn(by("ann").to("Web"))
	desktop := d.signsOn(by("ann").to("Desktop")).shares(web)
	mobile := d.signsOn(by("ann").to("Mobile")).got(seating.SeatGranted)
	d.reapply(aPool().concurrent(9).groups("Desktop Mobile"))
	d.shows("N/A", "9 2 7 1 2")
	desktop.shares(web)
	if k := d.signsOn(by("ann").to("Desktop")).got(seating.SeatShared); k.connection() != web.connection() && k.connection() != mobile.connection() {
		t.Errorf("it joined %s", k.connection())
	}
	d.signsOn(by("ann").to("Web")).shares(web)
	d.shows("N/A", "9 2 7 1 2")
}

func TestSpellingsOfANameFoldTogetherOnlyForNewcomers(t *testing.T) {
	d := aPool().concurrent(3).caseSensitive().opens(t)
	lower := d.signsOn(by("ann")).got(seating.SeatGranted)
	upper := d.signsOn(by("ANN")).got(seating.SeatGranted)
	d.shows("N/A", "3 2 1 2 2")

	// Two accounts of what is now one user: the first counts. The connections stay two.
	d.reapply(aPool().concurrent(3))
	d.shows("N/A", "3 2 1 1 2")
	d.signsOn(by("Ann")).got(seating.SeatShared)
	d.shows("N/A", "3 2 1 1 2")

	d.reapply(aPool().concurrent(3).caseSensitive())
	d.shows("N/A", "3 2 1 2 2")
	lower.got(seating.SeatGranted)
	upper.got(seating.SeatGranted)
}

func TestA3AModelTakenAwayAndGivenBackCountsWhoeverStayed(t *testing.T) {
	both := aPool().named(1).concurrent(2)
	d := both.opens(t)
	d.hire(aNamed("ann"))
	ann := d.signsOn(by("ann"))
	bob := d.signsOn(by("bob"))
	d.reapply(both.withoutNamed())
	d.shows("N/A", "2 1 1 1 1")
	ann.got(seating.SeatGranted)
	d.signsOn(by("ann").to("Desktop")).got(seating.ModelNotLicensed)
	d.reapply(both.withoutConcurrent())
	d.shows("1 1 0 1 1", "N/A")
	bob.got(seating.SeatGranted)
	d.signsOn(by("bob").to("Desktop")).got(seating.ModelNotLicensed)
	d.reapply(both)
	d.shows("1 1 0 1 1", "2 1 1 1 1")
	d.signsOn(by("ann").to("Desktop")).shares(ann)
	d.signsOn(by("bob").to("Desktop")).shares(bob)
}

// Sessions are written one by one, so that of two who share a seat the one that joined may be on record and the one that opened it still wait:
// when another pool of the same name takes over, or in the view of a manager that grants nothing.
func TestASessionWhoseConnectionOthersAlreadyHoldIsCountedOnce(t *testing.T) {
	joined := func(t *testing.T, p pool) (*desk, *ticket) {
		t.Helper()
		d := p.opens(t)
		opener := d.arrives(by("ann").to("Web").on("laptop"))
		joiner := d.arrives(by("ann").to("Desktop").on("laptop"))
		for _, g := range d.Decide(d.now, unlimited).Grants {
			if g.Session == joiner.id {
				d.Grant(g)
			}
		}
		return d, opener
	}
	t.Run("it joins, and the seat that is left goes to the next", func(t *testing.T) {
		d, opener := joined(t, aPool().concurrent(2))
		bob := d.arrives(by("bob"))
		if plan := d.settle(); plan.Table().Concurrent.Used != 2 {
			t.Errorf("the plan foresaw %d seats in use", plan.Table().Concurrent.Used)
		}
		opener.got(seating.SeatGranted)
		bob.got(seating.SeatGranted)
		d.shows("N/A", "2 2 0 2 2")
	})
	t.Run("it joins though the pool is full", func(t *testing.T) {
		d, opener := joined(t, aPool().concurrent(1))
		d.settle()
		opener.got(seating.SeatGranted)
		d.shows("N/A", "1 1 0 1 1")
	})
	t.Run("it joins though the rules would part them now, and so do those who share with it", func(t *testing.T) {
		d, opener := joined(t, aPool().concurrent(1))
		mobile := d.arrives(by("ann").to("Mobile"))
		d.reapply(aPool().concurrent(1).groups("Web Mobile"))
		opener.got(seating.SeatGranted)
		mobile.shares(opener)
		d.shows("N/A", "1 1 0 1 1")
	})
	t.Run("it takes a seat of its own where its account is of another type by now", func(t *testing.T) {
		for range 20 { // a ledger that is counted anew takes sessions in any order
			d, opener := joined(t, aPool().named(1).concurrent(1))
			d.hire(aNamed("ann"))
			opener.got(seating.SeatGranted)
			d.shows("1 1 0 1 1", "1 1 0 0 1")
			d.SetRules(d.Rules())
			d.shows("1 1 0 1 1", "1 1 0 0 1")
			d.signsOn(by("bob")).got(seating.SeatsExhausted)
		}
	})
}
