// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package seating_test

import (
	"testing"

	"github.com/seatkeeper/seatkeeper/internal/seating"
)

func TestA4TheTableOfACombinedPool(t *testing.T) {
	d := aPool().named(3).concurrent(2).opens(t)
	d.shows("3 0 3 0 0", "2 0 2 0 0")

	// Three named accounts take the three named seats by existing; nobody is connected.
	d.hire(aNamed("n1"))
	d.shows("3 1 2 1 0", "2 0 2 0 0")
	d.hire(aNamed("n2"), aNamed("n3"))
	d.shows("3 3 0 3 0", "2 0 2 0 0")

	// The fourth exists, and has no seat.
	d.hire(aNamed("n4"))
	d.shows("3 3 0 4 0", "2 0 2 0 0")
	d.stands(true, seating.SeatHeld, "n1", "n2", "n3")
	d.stands(false, seating.SeatsExhausted, "n4")
	d.signsOn(by("n4")).got(seating.AccountNotLicensed)
	d.shows("3 3 0 4 0", "2 0 2 0 0")

	// A named login connects and takes nothing more.
	n1 := d.signsOn(by("n1")).got(seating.SeatGranted)
	d.shows("3 3 0 4 1", "2 0 2 0 0")

	// Concurrent logins take seats by being connected; their accounts stay when they leave.
	c1 := d.signsOn(by("c1")).got(seating.SeatGranted)
	d.shows("3 3 0 4 1", "2 1 1 1 1")
	c2 := d.signsOn(by("c2")).got(seating.SeatGranted)
	d.shows("3 3 0 4 1", "2 2 0 2 2")
	d.signsOn(by("c3")).got(seating.SeatsExhausted)
	d.shows("3 3 0 4 1", "2 2 0 2 2")
	c1.ends()
	d.shows("3 3 0 4 1", "2 1 1 2 1")
	c3 := d.signsOn(by("c3")).got(seating.SeatGranted)
	d.shows("3 3 0 4 1", "2 2 0 3 2")

	// The seat of a removed account is held for as long as its session lives.
	d.dismiss("n1")
	d.shows("3 3 0 3 1", "2 2 0 3 2")
	d.stands(false, seating.SeatsExhausted, "n4")
	d.signsOn(by("n4")).got(seating.AccountNotLicensed)
	n1.ends()
	d.shows("3 3 0 3 0", "2 2 0 3 2")
	d.stands(true, seating.SeatHeld, "n4")
	n4 := d.signsOn(by("n4")).got(seating.SeatGranted)
	d.shows("3 3 0 3 1", "2 2 0 3 2")

	// An account whose user is signed off gives its seat back at once.
	d.dismiss("n2")
	d.shows("3 2 1 2 1", "2 2 0 3 2")
	for _, k := range []*ticket{c2, c3, n4} {
		k.ends()
	}
	d.shows("3 2 1 2 0", "2 0 2 3 0")
}

func TestA4TheTableCountsSeatsAndConnectionsAndNotSessions(t *testing.T) {
	d := aPool().named(1).concurrent(2).opens(t)
	d.hire(aNamed("ann"))
	ann := []*ticket{d.signsOn(by("ann").to("Web")), d.signsOn(by("ann").to("Desktop")), d.signsOn(by("ann").to("Mobile"))}
	bob := []*ticket{d.signsOn(by("bob").to("Web")), d.signsOn(by("bob").to("Desktop"))}
	d.shows("1 1 0 1 1", "2 1 1 1 1")
	ann[0].ends()
	bob[0].ends()
	d.shows("1 1 0 1 1", "2 1 1 1 1")
	ann[1].ends()
	ann[2].ends()
	bob[1].ends()
	d.shows("1 1 0 1 0", "2 0 2 1 0")
}

func TestA4AModelThatThePoolLacksHasNoRow(t *testing.T) {
	named := aPool().named(2).opens(t)
	named.hire(aNamed("ann"), aConcurrent("bob"))
	named.shows("2 1 1 1 0", "N/A")

	concurrent := aPool().concurrent(2).opens(t)
	concurrent.hire(aNamed("ann"), aConcurrent("bob"))
	concurrent.shows("N/A", "2 0 2 1 0")

	// Zero seats are not the same as no model.
	aPool().named(0).concurrent(0).opens(t).shows("0 0 0 0 0", "0 0 0 0 0")
}

func TestA4AvailableIsNeverNegative(t *testing.T) {
	d := aPool().named(2).concurrent(2).opens(t)
	d.hire(aNamed("ann"), aNamed("bob"))
	d.signsOn(by("cy"))
	d.signsOn(by("dee"))
	d.reapply(aPool().named(1).concurrent(0))
	d.shows("1 2 0 2 0", "0 2 0 2 2")
}

func TestC4SystemLoginsAreCountedNowhere(t *testing.T) {
	d := aPool().named(1).concurrent(1).opens(t)
	d.hire(aNamed("ann"))
	monitor := d.signsOn(by("monitor").ofSystem()).got(seating.SystemLogin)
	d.signsOn(by("ann").ofSystem()).got(seating.SystemLogin)
	d.shows("1 1 0 1 0", "1 0 1 0 0")
	if d.KnowsUser("monitor") {
		t.Error("a system login enrolled its user")
	}
	d.signsOn(by("bob")).got(seating.SeatGranted)
	d.signsOn(by("monitor").ofSystem()).got(seating.SystemLogin)
	d.shows("1 1 0 1 0", "1 1 0 1 1")
	monitor.ends()
	d.shows("1 1 0 1 0", "1 1 0 1 1")
	// A seat is not to be had by way of a system login of the same user.
	d.signsOn(by("monitor")).got(seating.SeatsExhausted)
}

// The pool's status is written with the counts that the plan leads to, before the plan is carried out.
func TestA4APlansTableIsWhatTheLedgerShowsOnceItIsCarriedOut(t *testing.T) {
	d := aPool().named(2).concurrent(2).opens(t)
	d.create(aNamed("n1"), aNamed("n2"), aNamed("n3"), aConcurrent("c1"), aConcurrent("c2"), aConcurrent("c3"))
	for _, user := range []string{"n1", "n3", "c1", "c1", "c2", "c3"} {
		d.arrives(by(user))
	}
	d.arrives(by("monitor").ofSystem())
	d.shows("2 0 2 3 0", "2 0 2 3 0")
	plan := d.settle()
	d.shows("2 2 0 3 1", "2 2 0 3 2")
	if got, want := inWords(plan.Table()), inWords(d.Table()); got != want {
		t.Errorf("the plan foresaw %s; it became %s", got, want)
	}
}

func TestTheAvailabilityOfSeatsInAWord(t *testing.T) {
	row := func(licensed, used int) *seating.Row {
		return &seating.Row{Licensed: licensed, Used: used, Available: max(0, licensed-used)}
	}
	for _, c := range []struct {
		sentence          string
		named, concurrent *seating.Row
		want              seating.Availability
	}{
		{"an empty pool", nil, row(10, 0), seating.Available},
		{"one short of nine tenths", nil, row(10, 8), seating.Available},
		{"nine tenths", nil, row(10, 9), seating.NearlyExhausted},
		{"just short of nine tenths", nil, row(100, 89), seating.Available},
		{"exactly nine tenths", nil, row(100, 90), seating.NearlyExhausted},
		{"the last seat", nil, row(100, 99), seating.NearlyExhausted},
		{"no seat left", nil, row(100, 100), seating.Exhausted},
		{"one too many", nil, row(100, 101), seating.Overcommitted},
		{"eight of nine seats, not yet nine tenths", nil, row(9, 8), seating.Available},
		{"ten of eleven seats, past nine tenths", nil, row(11, 10), seating.NearlyExhausted},
		{"a single seat that is free", nil, row(1, 0), seating.Available},
		{"a single seat that is taken", nil, row(1, 1), seating.Exhausted},
		{"no seats at all", nil, row(0, 0), seating.Exhausted},
		{"no seats, and one in use", nil, row(0, 1), seating.Overcommitted},
		{"named seats alone", row(10, 9), nil, seating.NearlyExhausted},
		{"named seats alone, all taken", row(10, 10), nil, seating.Exhausted},
		{"named seats alone, one too many", row(10, 11), nil, seating.Overcommitted},
		{"no model", nil, nil, seating.Exhausted},
		{"combined: newcomers take concurrent seats, so full named seats say nothing", row(10, 10), row(10, 0), seating.Available},
		{"combined: nor do free named seats", row(10, 0), row(10, 10), seating.Exhausted},
		{"combined: too many named accounts always show", row(10, 11), row(10, 0), seating.Overcommitted},
		{"combined: too many named accounts show before full concurrent seats", row(10, 11), row(10, 10), seating.Overcommitted},
		{"combined: too many connections show", row(10, 0), row(10, 11), seating.Overcommitted},
	} {
		t.Run(c.sentence, func(t *testing.T) {
			if got := (seating.Table{Named: c.named, Concurrent: c.concurrent}).Availability(); got != c.want {
				t.Errorf("got %s; want %s", got, c.want)
			}
		})
	}
}
