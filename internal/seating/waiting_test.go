// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package seating_test

import (
	"testing"
	"time"

	"github.com/seatkeeper/seatkeeper/internal/seating"
)

const (
	minute = time.Minute
	hour   = time.Hour
	// instant is the least that a clock can tell apart.
	instant = time.Nanosecond
)

func TestWaitersAreServedInTheOrderOfArrival(t *testing.T) {
	d := aPool().concurrent(1).opens(t)
	ann := d.signsOn(by("ann")).got(seating.SeatGranted)
	bob := d.signsOn(by("bob").waiting(hour)).got(seating.Waiting)
	d.passes(minute)
	cy := d.signsOn(by("cy").waiting(hour)).got(seating.Waiting)
	d.passes(minute)

	// One who does not wait is denied, and one who comes as the seat is freed does not pass those who wait.
	d.signsOn(by("dee")).got(seating.SeatsExhausted)
	eve := d.arrives(by("eve"))
	ann.ends()
	bob.got(seating.SeatGranted)
	cy.got(seating.Waiting)
	eve.got(seating.SeatsExhausted)
	bob.ends()
	cy.got(seating.SeatGranted)
}

func TestOfTwoWhoCameInTheSameSecondTheLowerRevisionCameFirst(t *testing.T) {
	for _, order := range []string{"as the watch shows them", "the other way around"} {
		t.Run(order, func(t *testing.T) {
			d := aPool().concurrent(1).opens(t)
			queue := []seating.Session{
				{ID: "z", User: "first", Arrival: seating.Arrival{Time: nine, Revision: 99, ID: "z"}},
				{ID: "a", User: "second", Arrival: seating.Arrival{Time: nine, Revision: 100, ID: "a"}},
				{ID: "0", User: "third", Arrival: seating.Arrival{Time: nine.Add(time.Second), Revision: 1, ID: "0"}},
			}
			if order != "as the watch shows them" {
				queue[0], queue[2] = queue[2], queue[0]
			}
			for _, s := range queue {
				d.PutSession(s)
			}
			d.settle()
			(&ticket{d, "z"}).got(seating.SeatGranted)
			(&ticket{d, "a"}).got(seating.SeatsExhausted)
			(&ticket{d, "0"}).got(seating.SeatsExhausted)
		})
	}
}

func TestArrivalsAreOrderedByTimeThenRevisionThenID(t *testing.T) {
	at := func(second int, revision uint64, id string) seating.Arrival {
		return seating.Arrival{Time: nine.Add(time.Duration(second) * time.Second), Revision: revision, ID: id}
	}
	inOrder := []seating.Arrival{at(0, 9, "b"), at(0, 10, "a"), at(0, 10, "b"), at(1, 1, "a"), at(1, 2, "")}
	for i, a := range inOrder {
		for j, b := range inOrder {
			if got := a.Before(b); got != (i < j) {
				t.Errorf("%v before %v: %t", a, b, got)
			}
		}
	}
	// The same moment told in another time zone is the same moment.
	east := inOrder[0]
	east.Time = east.Time.In(time.FixedZone("east", 7200))
	if east.Before(inOrder[0]) || inOrder[0].Before(east) || !east.Before(inOrder[1]) {
		t.Error("a time zone changed the order")
	}
}

func TestAWaitEndsExactlyAtItsTime(t *testing.T) {
	d := aPool().concurrent(1).opens(t)
	ann := d.signsOn(by("ann"))
	bob := d.signsOn(by("bob").waiting(minute)).got(seating.Waiting)
	if s, _ := d.Session(bob.id); !s.WaitUntil.Equal(nine.Add(minute)) {
		t.Errorf("waits until %s", s.WaitUntil)
	}
	plan := d.passes(minute - instant)
	bob.got(seating.Waiting)
	if !plan.Empty() || !plan.Next.Equal(nine.Add(minute)) {
		t.Errorf("just before its time: %+v", plan)
	}
	plan = d.passes(instant)
	bob.got(seating.WaitExpired)
	if !plan.Next.IsZero() {
		t.Errorf("nobody waits, and the plan is to look again at %s", plan.Next)
	}
	ann.ends()
	d.shows("N/A", "1 0 1 1 0")
}

func TestAWaiterWhoseTimeHasComeStillTakesAFreeSeat(t *testing.T) {
	d := aPool().concurrent(1).opens(t)
	ann := d.signsOn(by("ann"))
	bob := d.signsOn(by("bob").waiting(minute))
	d.RemoveSession(ann.id) // nobody decides: the operator is away
	d.passes(hour)
	bob.got(seating.SeatGranted)
}

// A wait is told once; what was told then stands, though the operator restarts or the session is seen anew.
func TestAWaitIsToldOnceAndKeepsItsEnd(t *testing.T) {
	d := aPool().concurrent(0).opens(t)
	d.signsOn(by("ann").waiting(hour)).got(seating.Waiting)
	plan := d.passes(minute)
	if !plan.Empty() || !plan.Next.Equal(nine.Add(hour)) {
		t.Errorf("told again: %+v", plan)
	}
	d.SetRules(d.Rules())
	if plan := d.passes(minute); !plan.Empty() || !plan.Next.Equal(nine.Add(hour)) {
		t.Errorf("after a restart: %+v", plan)
	}
}

func TestAWaiterJoinsItsOwnUsersConnectionAtOnce(t *testing.T) {
	d := aPool().concurrent(2).perHost().opens(t)
	d.signsOn(by("ann").on("laptop"))
	bob := d.signsOn(by("bob"))
	first := d.signsOn(by("cy").waiting(hour)).got(seating.Waiting)
	phone := d.signsOn(by("ann").on("phone").waiting(hour)).got(seating.Waiting)
	desk := d.signsOn(by("ann").on("desk").waiting(hour)).got(seating.Waiting)

	// The rules change: now all of Ann's sessions share, and hers need not wait for those who came before.
	d.reapply(aPool().concurrent(2))
	phone.got(seating.SeatShared)
	desk.shares(phone)
	first.got(seating.Waiting)
	d.shows("N/A", "2 2 0 2 2")
	bob.ends()
	first.got(seating.SeatGranted)
}

func TestAJoinerPassesTheQueueForItTakesNoSeat(t *testing.T) {
	d := aPool().concurrent(1).opens(t)
	ann := d.signsOn(by("ann").to("Web"))
	bob := d.signsOn(by("bob").waiting(hour)).got(seating.Waiting)
	d.signsOn(by("ann").to("Desktop")).shares(ann)
	bob.got(seating.Waiting)
}

// Two of one user wait: when the first gets the seat the second shares it, past those between them.
func TestASecondWaiterOfOneUserComesInWithTheFirst(t *testing.T) {
	d := aPool().concurrent(1).opens(t)
	ann := d.signsOn(by("ann"))
	web := d.signsOn(by("bob").to("Web").waiting(hour)).got(seating.Waiting)
	cy := d.signsOn(by("cy").waiting(hour)).got(seating.Waiting)
	desktop := d.signsOn(by("bob").to("Desktop").waiting(hour)).got(seating.Waiting)
	ann.ends()
	web.got(seating.SeatGranted)
	desktop.shares(web)
	cy.got(seating.Waiting)
}

func TestNextIsTheEarliestTimeAtWhichSomethingChanges(t *testing.T) {
	evening := nine.Add(8 * hour)
	for _, c := range []struct {
		sentence string
		pool     pool
		waits    []time.Duration
		want     time.Time
	}{
		{"nobody waits and the pool is for ever: never", aPool().concurrent(0), nil, time.Time{}},
		{"the only wait", aPool().concurrent(0), []time.Duration{hour}, nine.Add(hour)},
		{"the shortest of several, last in the queue", aPool().concurrent(0), []time.Duration{hour, 3 * minute, 2 * minute}, nine.Add(2 * minute)},
		{"the shortest of several, first in the queue", aPool().concurrent(0), []time.Duration{minute, hour}, nine.Add(minute)},
		{"the pool's end", aPool().concurrent(0).until(evening), nil, evening},
		{"a wait that ends before the pool", aPool().concurrent(0).until(evening), []time.Duration{hour}, nine.Add(hour)},
		{"the pool's end before a wait's", aPool().concurrent(0).until(evening), []time.Duration{9 * hour}, evening},
		{"the pool's beginning", aPool().concurrent(0).from(evening).until(evening.Add(hour)), nil, evening},
		{"a pool that has ended", aPool().concurrent(0).until(nine), nil, time.Time{}},
		{"a pool that has begun and has no end", aPool().concurrent(0).from(nine), nil, time.Time{}},
		{"a wait that is granted", aPool().concurrent(1), []time.Duration{hour}, time.Time{}},
	} {
		t.Run(c.sentence, func(t *testing.T) {
			d := c.pool.opens(t)
			for i, wait := range c.waits {
				d.arrives(by(string(rune('a' + i))).waiting(wait))
			}
			for range 2 { // while it is told, and once it is known
				if plan := d.settle(); !plan.Next.Equal(c.want) {
					t.Errorf("next: %s; want %s", plan.Next, c.want)
				}
			}
		})
	}
}
