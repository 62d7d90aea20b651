// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package seating_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seatkeeper/seatkeeper/internal/seating"
)

func (p pool) perUser(sessions int, oldestEnds bool) pool {
	p.Lifetimes.MaxPerUser, p.Lifetimes.DisplaceOldest = sessions, oldestEnds
	return p
}

// front is a desk where sessions sign on for good: their logon is recorded, a second after the one before.
type front struct {
	*desk

	ended []string // as "session by action", in order
	steps []string // what each plan granted (+) and ended (-), in order
}

func (p pool) greets(t *testing.T) *front {
	t.Helper()
	return &front{desk: p.opens(t)}
}

// comes signs a session on and plays on until all is decided.
func (f *front) comes(l login) *ticket {
	f.t.Helper()
	k := f.arrives(l)
	f.play()
	return k
}

// play decides and carries out until nothing is to be decided at once.
func (f *front) play() {
	f.t.Helper()
	f.now = f.now.Add(time.Second)
	for range 100 {
		plan := f.settle()
		for _, g := range plan.Grants {
			s, _ := f.Session(g.Session)
			s.Life.Logon = f.now
			f.PutSession(s)
			f.steps = append(f.steps, "+"+g.Session)
		}
		for _, e := range plan.Ends {
			if s, ok := f.Session(e.Session); !ok || s.State != seating.Held || e.Message == "" {
				f.t.Errorf("%+v ends %+v", e, s)
			}
			f.RemoveSession(e.Session)
			f.ended = append(f.ended, e.Session+" by "+string(e.Action))
			f.steps = append(f.steps, "-"+e.Session)
		}
		if !plan.Next.Equal(f.now) {
			return
		}
	}
	f.t.Fatal("there is always more to decide")
}

// displaced wants that these sessions, and no others, have made room for newer ones, in this order.
func (f *front) displaced(tickets ...*ticket) {
	f.t.Helper()
	var want []string
	for _, k := range tickets {
		want = append(want, k.id+" by "+string(seating.OldestSessionTerminated))
	}
	if !slices.Equal(f.ended, want) {
		f.t.Errorf("ended: %v; want %v", f.ended, want)
	}
}

func TestAUserAtTheLimitIsDenied(t *testing.T) {
	f := office().perUser(2, false).greets(t)
	first := f.comes(by("ann")).got(seating.SeatGranted)
	f.comes(by("ANN").to("Desktop")).got(seating.SeatShared)
	f.comes(by("Ann").waiting(hour)).got(seating.UserLimitReached)
	f.comes(by("ann").ofSystem()).got(seating.SystemLogin) // C4: exempt
	f.comes(by("bob")).got(seating.SeatGranted)
	f.displaced()
	first.ends()
	f.comes(by("ann")).got(seating.SeatShared)
	f.comes(by("ann")).got(seating.UserLimitReached)
}

func TestOfSeveralLoginsAtOnceTheFirstAreSeated(t *testing.T) {
	f := office().perUser(2, false).greets(t)
	a, b, c := f.arrives(by("ann")), f.arrives(by("ann")), f.arrives(by("ann"))
	f.play()
	a.got(seating.SeatGranted)
	b.got(seating.SeatShared)
	c.got(seating.UserLimitReached)
}

func TestTheOldestEndsBeforeTheNewestIsGranted(t *testing.T) {
	f := office().perUser(3, true).greets(t)
	a, b, c := f.comes(by("ann")), f.comes(by("ann")), f.comes(by("ann"))
	f.comes(by("bob"))
	f.displaced()
	d := f.comes(by("ann")).got(seating.SeatShared)
	f.displaced(a)
	if got, want := strings.Join(f.steps[len(f.steps)-2:], " "), "-"+a.id+" +"+d.id; got != want {
		t.Errorf("steps: %v; want %s last", f.steps, want)
	}
	f.comes(by("ann").to("Desktop")).got(seating.SeatShared)
	f.displaced(a, b)
	f.comes(by("ann").ofSystem()).got(seating.SystemLogin)
	f.displaced(a, b)
	f.comes(by("ann"))
	f.displaced(a, b, c)
}

// C4: a system login is not counted, and never the one that goes.
func TestC4SystemLoginsHaveNoLimit(t *testing.T) {
	f := office().perUser(1, true).greets(t)
	for range 3 {
		f.comes(by("ann").ofSystem()).got(seating.SystemLogin)
	}
	a := f.comes(by("ann")).got(seating.SeatGranted)
	f.comes(by("ann")).got(seating.SeatGranted)
	f.displaced(a)
}

func TestTheOldestIsByLogonAndThenByArrival(t *testing.T) {
	f := office().perUser(3, true).greets(t)
	late, first, second := f.comes(by("ann")), f.comes(by("ann")), f.comes(by("ann"))
	for k, logon := range map[*ticket]time.Duration{late: minute, first: 0, second: 0} { // who waited longest signed on last
		s, _ := f.Session(k.id)
		s.Life.Logon, s.Life.LastActivity = nine.Add(logon), nine.Add(hour-logon)
		f.PutSession(s)
	}
	f.now = nine.Add(hour)
	d := f.comes(by("ann"))
	f.displaced(first)
	e := f.comes(by("ann"))
	f.displaced(first, second)
	f.comes(by("ann"))
	f.displaced(first, second, late)
	d.got(seating.SeatShared)
	e.got(seating.SeatShared)
}

func TestSeveralLoginsAtOnceDisplaceOneAfterTheOther(t *testing.T) {
	f := office().perUser(2, true).greets(t)
	a, b := f.comes(by("ann")), f.comes(by("ann"))
	c, d, e := f.arrives(by("ann")), f.arrives(by("ann")), f.arrives(by("ann"))
	f.play()
	f.displaced(a, b, c)
	for _, k := range []*ticket{d, e} {
		if s, ok := f.Session(k.id); !ok || s.State != seating.Held {
			t.Errorf("%s is not on", k.id)
		}
	}
}

// What was granted and is not written yet is counted, and cannot be ended yet.
func TestNobodyIsDisplacedWhoseGrantIsStillToBeWritten(t *testing.T) {
	d := office().perUser(1, true).opens(t)
	d.signsOn(by("ann")).got(seating.SeatGranted)
	d.arrives(by("ann"))
	if plan := d.Decide(d.now, unlimited); !plan.Empty() || !plan.Next.Equal(d.now) {
		t.Errorf("%+v", plan)
	}
}

func TestB1APurelyNamedPoolHasNoLimit(t *testing.T) {
	for _, oldestEnds := range []bool{false, true} {
		f := office().withoutConcurrent().perUser(1, oldestEnds).greets(t)
		f.hire(aNamed("ann"))
		f.comes(by("ann")).got(seating.SeatGranted)
		f.comes(by("ann")).got(seating.SeatShared)
		f.displaced()
	}
	f := office().perUser(1, true).greets(t) // a combined one has, for its named accounts too
	f.hire(aNamed("ann"))
	a := f.comes(by("ann")).got(seating.SeatGranted)
	f.comes(by("ann")).got(seating.SeatGranted)
	f.displaced(a)
	f = office().perUser(1, false).greets(t)
	f.hire(aNamed("ann"))
	f.comes(by("ann")).got(seating.SeatGranted)
	f.comes(by("ann")).got(seating.UserLimitReached)
}

// Nobody is displaced for a login that would then be denied.
func TestNobodyIsDisplacedInVain(t *testing.T) {
	full := office().perUser(2, true).perHost()
	t.Run("the pool is full, and the oldest shares its seat with one that stays", func(t *testing.T) {
		f := full.concurrent(1).greets(t)
		f.comes(by("ann"))
		f.comes(by("ann"))
		f.comes(by("ann").on("phone")).got(seating.SeatsExhausted)
		f.comes(by("ann").on("phone").waiting(hour)).got(seating.Waiting)
		f.displaced()
	})
	t.Run("the pool is full, and the oldest gives its seat back", func(t *testing.T) {
		f := full.concurrent(2).greets(t)
		a := f.comes(by("ann"))
		f.comes(by("ann").on("tablet"))
		f.comes(by("ann").on("phone")).got(seating.SeatGranted)
		f.displaced(a)
	})
	t.Run("somebody waits ahead for the seat that would come free", func(t *testing.T) {
		f := full.concurrent(2).greets(t)
		a := f.comes(by("ann"))
		f.comes(by("ann").on("tablet"))
		bob := f.comes(by("bob").waiting(hour)).got(seating.Waiting)
		f.comes(by("ann").on("phone")).got(seating.SeatsExhausted)
		f.displaced()
		a.ends()
		bob.got(seating.SeatGranted)
	})
	t.Run("somebody waits ahead, and the seat that is joined is the one that would come free", func(t *testing.T) {
		f := office().perUser(1, true).concurrent(1).greets(t)
		f.comes(by("ann"))
		f.comes(by("bob").waiting(hour)).got(seating.Waiting)
		f.comes(by("ann")).got(seating.SeatsExhausted)
		f.displaced()
	})
	t.Run("somebody waits ahead, and the seat that is joined lives on", func(t *testing.T) {
		f := office().perUser(2, true).concurrent(1).greets(t)
		a := f.comes(by("ann"))
		f.comes(by("ann"))
		f.comes(by("bob").waiting(hour)).got(seating.Waiting)
		f.comes(by("ann")).got(seating.SeatShared)
		f.displaced(a)
	})
	t.Run("somebody waits ahead, and two at once join one after the other what lives on", func(t *testing.T) {
		f := office().perUser(2, true).concurrent(1).greets(t)
		a, b := f.comes(by("ann")), f.comes(by("ann"))
		f.comes(by("bob").waiting(hour)).got(seating.Waiting)
		c, d := f.arrives(by("ann")), f.arrives(by("ann"))
		f.play()
		f.displaced(a, b)
		c.got(seating.SeatShared)
		d.got(seating.SeatShared)
	})
	t.Run("somebody waits, and of two at once the later would end what the earlier is to join", func(t *testing.T) {
		f := full.concurrent(2).perUser(3, true).greets(t)
		a := f.comes(by("ann"))
		f.comes(by("ann").on("phone"))
		f.comes(by("ann"))
		f.comes(by("bob").waiting(hour)).got(seating.Waiting)
		phone, pc := f.arrives(by("ann").on("phone")), f.arrives(by("ann"))
		f.play()
		phone.got(seating.SeatShared)
		pc.got(seating.SeatShared)
		if len(f.ended) != 2 || f.ended[0] != a.id+" by OldestSessionTerminated" {
			t.Errorf("ended: %v", f.ended)
		}
	})
	t.Run("the seat that is joined lives on, and with a change of the sharing rules is not joined any more", func(t *testing.T) {
		f := office().perUser(2, true).concurrent(1).greets(t)
		f.comes(by("ann"))
		f.comes(by("ann").on("phone")).got(seating.SeatShared)
		f.SetRules(full.concurrent(1).Rules)
		f.comes(by("ann")).got(seating.SeatsExhausted)
		f.displaced()
	})
	t.Run("there are more on than seats, since seats were taken away", func(t *testing.T) {
		f := full.concurrent(3).greets(t)
		f.comes(by("ann"))
		f.comes(by("ann").on("tablet"))
		f.comes(by("bob"))
		f.SetRules(full.concurrent(2).Rules)
		f.comes(by("ann").on("phone")).got(seating.SeatsExhausted)
		f.displaced()
	})
	t.Run("another who came later would take the last free seat meanwhile", func(t *testing.T) {
		f := full.concurrent(2).greets(t)
		a := f.comes(by("ann"))
		f.comes(by("ann"))
		phone, bob := f.arrives(by("ann").on("phone")), f.arrives(by("bob"))
		f.play()
		f.displaced(a)
		phone.got(seating.SeatGranted)
		bob.got(seating.SeatsExhausted)
	})
	t.Run("another who came earlier is to get the last free seat by the next plan", func(t *testing.T) {
		f := full.concurrent(2).greets(t)
		f.comes(by("ann"))
		f.comes(by("ann"))
		bob, phone := f.arrives(by("bob")), f.arrives(by("ann").on("phone"))
		if plan := f.settleWith(0); !plan.Empty() || !plan.Next.Equal(f.now) {
			t.Errorf("%+v", plan)
		}
		f.play()
		f.displaced()
		bob.got(seating.SeatGranted)
		phone.got(seating.SeatsExhausted)
	})
	t.Run("the account does not let its user in", func(t *testing.T) {
		f := office().perUser(1, true).greets(t)
		f.create(aConcurrent("ann"))
		f.comes(by("ann"))
		f.change("ann", func(a *seating.Account) { a.Disabled = true })
		f.comes(by("ann")).got(seating.AccountDisabled)
		f.displaced()
	})
}

func TestALoweredLimitActsOnTheNextLogin(t *testing.T) {
	p := office()
	f := p.perUser(3, true).concurrent(1).greets(t)
	a, b, c := f.comes(by("ann")), f.comes(by("ann")), f.comes(by("ann"))
	f.SetRules(p.perUser(1, true).concurrent(1).Rules)
	f.play()
	f.displaced() // by itself it ends nobody
	bob := f.comes(by("bob").waiting(hour)).got(seating.Waiting)
	f.comes(by("ann")).got(seating.SeatsExhausted)
	f.displaced() // not two of three in vain
	f.RemoveSession(bob.id)
	f.comes(by("ann")).got(seating.SeatGranted)
	f.displaced(a, b, c)

	f = p.perUser(3, false).greets(t)
	f.comes(by("ann"))
	f.comes(by("ann"))
	f.SetRules(p.perUser(1, false).Rules)
	f.comes(by("ann")).got(seating.UserLimitReached)
	f.displaced()
	f.SetRules(p.perUser(0, false).Rules) // none
	f.comes(by("ann")).got(seating.SeatShared)
}
