// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package seating_test

import (
	"fmt"
	"testing"

	"github.com/seatkeeper/seatkeeper/internal/seating"
)

func TestABudgetStopsThePlanAndLooksAgainAtOnce(t *testing.T) {
	d := aPool().concurrent(9).opens(t)
	var queue []*ticket
	for i := range 5 {
		queue = append(queue, d.arrives(by(fmt.Sprintf("user%d", i))))
	}
	for round, want := range []int{2, 2, 1} {
		plan := d.settleWith(2)
		if len(plan.Grants) != want || len(plan.Denials)+len(plan.Waits) != 0 {
			t.Errorf("round %d: %+v", round, plan)
		}
		if again := plan.Next.Equal(d.now); again != (round < 2) {
			t.Errorf("round %d: looks again at %s", round, plan.Next)
		}
	}
	for _, k := range queue {
		k.got(seating.SeatGranted)
	}
}

func TestABudgetThatIsJustEnoughLeavesNothingToLookAgainFor(t *testing.T) {
	d := aPool().named(1).concurrent(1).opens(t)
	d.create(aNamed("ann"), aNamed("bob"))
	d.arrives(by("ann"))
	d.arrives(by("cy"))
	d.arrives(by("dee"))
	d.arrives(by("bob"))
	plan := d.settleWith(3)
	if len(plan.License) != 1 || len(plan.Grants) != 2 || len(plan.Denials) != 2 || !plan.Next.IsZero() {
		t.Errorf("%+v", plan)
	}
}

// Joining a connection and a system login take no seat, and yet are written: they count towards the budget.
func TestABudgetCountsEveryGrant(t *testing.T) {
	d := aPool().concurrent(1).opens(t)
	d.signsOn(by("ann"))
	d.arrives(by("ann").to("Desktop"))
	d.arrives(by("monitor").ofSystem())
	d.arrives(by("ann").to("Mobile"))
	for round := range 3 {
		if plan := d.settleWith(1); len(plan.Grants) != 1 || plan.Next.Equal(d.now) != (round < 2) {
			t.Errorf("round %d: %+v", round, plan)
		}
	}
}

func TestNothingIsDeniedOrToldToWaitForWantOfABudget(t *testing.T) {
	t.Run("a concurrent login while seats are free", func(t *testing.T) {
		d := aPool().concurrent(2).opens(t)
		for _, user := range []string{"ann", "bob", "cy"} {
			d.arrives(by(user).waiting(hour))
		}
		plan := d.settleWith(1)
		if len(plan.Grants) != 1 || len(plan.Denials)+len(plan.Waits) != 0 || !plan.Next.Equal(d.now) {
			t.Errorf("%+v", plan)
		}
	})
	t.Run("a named login whose account's seat is free and not yet given", func(t *testing.T) {
		d := aPool().named(3).concurrent(0).opens(t)
		d.create(aNamed("n1"), aNamed("n2"), aNamed("n3"), aNamed("n4"))
		n3, n4 := d.arrives(by("n3")), d.arrives(by("n4"))
		plan := d.settleWith(1)
		if len(plan.License) != 1 || len(plan.Denials) != 0 || !plan.Next.Equal(d.now) {
			t.Errorf("%+v", plan)
		}
		for range 4 {
			d.settleWith(1)
		}
		n3.got(seating.SeatGranted)
		n4.got(seating.AccountNotLicensed)
		d.shows("3 3 0 4 1", "0 0 0 0 0")
	})
	t.Run("while denials that no budget could help are told", func(t *testing.T) {
		d := aPool().named(2).opens(t)
		d.create(aNamed("n1"), aNamed("n2"), aNamed("off").disabled(), aConcurrent("c"))
		for _, user := range []string{"off", "c", "stranger"} {
			d.arrives(by(user))
		}
		if plan := d.settleWith(1); len(plan.License) != 1 || len(plan.Denials) != 3 {
			t.Errorf("%+v", plan)
		}
	})
	t.Run("with no budget at all", func(t *testing.T) {
		d := aPool().named(1).concurrent(1).opens(t)
		d.create(aNamed("ann"))
		d.arrives(by("ann"))
		d.arrives(by("bob"))
		if plan := d.settleWith(0); !plan.Empty() || !plan.Next.Equal(d.now) {
			t.Errorf("%+v", plan)
		}
	})
}

func TestAPlanIsEmptyExactlyWhenThereIsNothingToTell(t *testing.T) {
	for sentence, plan := range map[string]seating.Plan{
		"an account's seat": {License: []string{"ann"}},
		"a grant":           {Grants: []seating.Grant{{Session: "s"}}},
		"a denial":          {Denials: []seating.Denial{{Session: "s"}}},
		"a wait":            {Waits: []seating.Denial{{Session: "s"}}},
	} {
		if plan.Empty() {
			t.Errorf("a plan with %s is empty", sentence)
		}
	}
	if plan := (seating.Plan{Next: nine}); !plan.Empty() {
		t.Error("a plan that only looks again is not empty")
	}
}
