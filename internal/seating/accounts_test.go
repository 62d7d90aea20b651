// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package seating_test

import (
	"slices"
	"testing"

	"github.com/seatkeeper/seatkeeper/internal/seating"
)

func TestOfTwoAccountsForOneUserTheFirstCounts(t *testing.T) {
	d := aPool().named(1).concurrent(1).opens(t)
	d.hire(aConcurrent("ann").called("first"), aNamed("ANN").called("second"))
	d.stands(true, seating.SharesSeats, "first")
	d.stands(false, seating.DuplicateAccount, "second")
	d.shows("1 0 1 0 0", "1 0 1 1 0")
	ann := d.signsOn(by("Ann")).got(seating.SeatGranted)
	d.shows("1 0 1 0 0", "1 1 0 1 1")

	// The first goes, and the second counts: it takes its named seat.
	d.dismiss("first")
	d.stands(true, seating.SeatHeld, "second")
	d.shows("1 1 0 1 0", "1 1 0 0 1")
	d.signsOn(by("ann").to("Desktop")).got(seating.SeatGranted)
	d.shows("1 1 0 1 1", "1 1 0 0 1")
	ann.ends()
	d.shows("1 1 0 1 1", "1 0 1 0 0")
}

func TestWhichAccountCameFirstIsByArrivalAndNotByWhenItIsSeen(t *testing.T) {
	for _, c := range []struct {
		sentence      string
		first, second seating.Arrival
	}{
		{"an earlier second", seating.Arrival{Time: nine, Revision: 9}, seating.Arrival{Time: nine.Add(minute), Revision: 5}},
		{"a lower revision within a second", seating.Arrival{Time: nine, Revision: 9}, seating.Arrival{Time: nine, Revision: 10}},
		{"the lesser id, at one revision", seating.Arrival{Time: nine, Revision: 9, ID: "a"}, seating.Arrival{Time: nine, Revision: 9, ID: "b"}},
	} {
		for _, lateNews := range []bool{false, true} {
			t.Run(c.sentence, func(t *testing.T) {
				d := aPool().named(1).opens(t)
				x, y := aNamed("ann").called("first"), aNamed("ann").called("second")
				x.Arrival, y.Arrival = c.first, c.second
				accounts := []seating.Account{x.Account, y.Account}
				if lateNews {
					slices.Reverse(accounts)
				}
				for _, a := range accounts {
					d.PutAccount(a)
				}
				d.settle()
				d.stands(true, seating.SeatHeld, "first")
				d.stands(false, seating.DuplicateAccount, "second")
			})
		}
	}
}

// A later account never takes an earlier one's seat, nor does an earlier one take a later one's that already has it.
func TestANamedSeatIsSticky(t *testing.T) {
	d := aPool().named(2).opens(t)
	late := aNamed("late")
	late.Arrival = seating.Arrival{Time: nine.Add(hour), Revision: 100, ID: "late"}
	d.PutAccount(late.Account)
	d.hire(aNamed("n1"))
	d.stands(true, seating.SeatHeld, "late", "n1")

	// This one was created before, and is seen after: the seats are gone.
	d.hire(aNamed("n2"))
	d.stands(false, seating.SeatsExhausted, "n2")
	d.stands(true, seating.SeatHeld, "late", "n1")

	// Disabling is no reason to lose a seat (the account still exists); removing is.
	d.change("n1", func(a *seating.Account) { a.Disabled = true })
	d.stands(true, seating.SeatHeld, "n1")
	d.stands(false, seating.SeatsExhausted, "n2")
	d.signsOn(by("n1")).got(seating.AccountDisabled)
	d.shows("2 2 0 3 0", "N/A")
	d.change("n1", func(a *seating.Account) { a.Disabled = false })
	d.signsOn(by("n1")).got(seating.SeatGranted)
	d.dismiss("late")
	d.stands(true, seating.SeatHeld, "n2")
}

func TestFreeNamedSeatsGoToAccountsInTheOrderOfArrival(t *testing.T) {
	d := aPool().named(2).opens(t)
	d.create(aNamed("n1"), aNamed("n2"), aNamed("n3"), aNamed("n4"))
	plan := d.settle()
	if !slices.Equal(plan.License, []string{"n1", "n2"}) {
		t.Errorf("licensed: %v", plan.License)
	}
	d.dismiss("n1")
	d.stands(true, seating.SeatHeld, "n2", "n3")
	d.stands(false, seating.SeatsExhausted, "n4")
}

// An account that is made anew while a session of its user still holds the seat needs no second one, and waits for nobody.
func TestAnAccountMadeAnewFindsItsUsersSeatHeldByALiveSession(t *testing.T) {
	d := aPool().named(1).opens(t)
	d.hire(aNamed("ann"), aNamed("bob"))
	d.signsOn(by("ann")).got(seating.SeatGranted)
	d.dismiss("ann")
	d.stands(false, seating.SeatsExhausted, "bob")
	d.hire(aNamed("ann").called("again"))
	d.stands(true, seating.SeatHeld, "again")
	d.stands(false, seating.SeatsExhausted, "bob")
	d.shows("1 1 0 2 1", "N/A")
}

func TestAnAccountThatChangesItsTypeTakesAndGivesSeats(t *testing.T) {
	d := aPool().named(1).concurrent(1).opens(t)
	d.hire(aNamed("ann"), aNamed("bob"))
	d.stands(false, seating.SeatsExhausted, "bob")

	// Ann becomes concurrent. Until her record says that she gave the seat back, it is hers.
	d.change("ann", func(a *seating.Account) { a.Type = seating.Concurrent })
	d.stands(true, seating.SharesSeats, "ann")
	d.stands(false, seating.SeatsExhausted, "bob")
	d.shows("1 1 0 1 0", "1 0 1 1 0")
	d.change("ann", func(a *seating.Account) { a.Licensed = false })
	d.stands(true, seating.SeatHeld, "bob")
	d.shows("1 1 0 1 0", "1 0 1 1 0")

	// She becomes named again, and comes too late.
	d.change("ann", func(a *seating.Account) { a.Type = seating.Named })
	d.stands(false, seating.SeatsExhausted, "ann")
	d.shows("1 1 0 2 0", "1 0 1 0 0")
}

func TestA3AnAccountOfAModelThatThePoolLacksIsNotLicensed(t *testing.T) {
	named := aPool().named(1).opens(t)
	named.hire(aConcurrent("ann"), aNamed("bob"))
	named.stands(false, seating.ModelNotLicensed, "ann")
	named.stands(true, seating.SeatHeld, "bob")

	concurrent := aPool().concurrent(1).opens(t)
	concurrent.hire(aConcurrent("ann"), aNamed("bob"), aNamed("ANN").called("twice"))
	concurrent.stands(true, seating.SharesSeats, "ann")
	concurrent.stands(false, seating.ModelNotLicensed, "bob")
	concurrent.stands(false, seating.DuplicateAccount, "twice") // this is told first: another model would not help it

	if got := concurrent.Standing("nobody"); got != (seating.Standing{}) {
		t.Errorf("an unknown account stands as %+v", got)
	}
}

// A duplicate that holds a seat, as after user names began to fold, holds it together with the first.
func TestTwoLicensedAccountsOfWhatIsNowOneUserHoldOneSeat(t *testing.T) {
	d := aPool().named(2).caseSensitive().opens(t)
	d.hire(aNamed("ann"), aNamed("ANN"))
	d.shows("2 2 0 2 0", "N/A")
	d.reapply(aPool().named(2))
	d.shows("2 1 1 1 0", "N/A")
	d.stands(true, seating.SeatHeld, "ann")
	d.stands(false, seating.DuplicateAccount, "ANN")
	d.dismiss("ann")
	d.stands(true, seating.SeatHeld, "ANN")
	d.shows("2 1 1 1 0", "N/A")
}

func TestAccountsWhoseStandingMayHaveChangedAreTouched(t *testing.T) {
	d := aPool().named(1).concurrent(1).opens(t)
	touches := func(what string, want ...string) {
		t.Helper()
		got := d.TakeTouched()
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%s touched %v; want %v", what, got, want)
		}
	}
	touches("nothing")
	d.create(aNamed("ann").called("a1"))
	touches("a new account", "a1")
	d.create(aNamed("bob"), aNamed("ANN").called("a2"))
	touches("a second account of a user", "a1", "a2", "bob")
	d.settle()
	touches("a seat", "a1", "a2")
	d.signsOn(by("ann"))
	touches("a login")
	d.dismiss("a1")
	touches("a removal", "a2")
	d.dismiss("unknown")
	touches("the removal of an unknown account")
	d.SetRules(d.Rules())
	touches("new rules", "a2", "bob")
	d.create(aConcurrent("cy"))
	d.RemoveAccount("cy")
	touches("an account that came and went")
}

func TestALedgerAnswersForItsUsersAndAccounts(t *testing.T) {
	d := aPool().concurrent(1).opens(t)
	d.create(aConcurrent("ann"))
	if !d.KnowsUser("ANN") || d.KnowsUser("bob") {
		t.Error("knows the wrong users")
	}
	if a, ok := d.Account("ann"); !ok || a.User != "ann" {
		t.Errorf("account: %+v, %t", a, ok)
	}
	d.RemoveAccount("ann")
	if _, ok := d.Account("ann"); ok || d.KnowsUser("ann") {
		t.Error("a removed account is still known")
	}
	d.Grant(seating.Grant{Session: "unknown", Seat: seating.Concurrent, Connection: "unknown"})
	d.RemoveSession("unknown")
	d.shows("N/A", "1 0 1 0 0")
	held := d.signsOn(by("bob"))
	d.Grant(seating.Grant{Session: held.id, Seat: seating.Concurrent, Connection: "another"}) // what is granted is not granted again
	if held.connection() != held.id {
		t.Errorf("the connection became %s", held.connection())
	}
}
