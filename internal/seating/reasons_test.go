// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package seating_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/seatkeeper/seatkeeper/internal/seating"
)

// Each reason for a denial, and which one is told when there are several: a cause that nobody in the pool can help goes before one of the user's
// account, and that before one that time will mend.
func TestWhyALoginIsDeniedAndWhichReasonIsTold(t *testing.T) {
	combined := aPool().named(1).concurrent(1)
	ended := func(p pool) pool { return p.until(nine) }
	named, shared := aNamed("ann"), aConcurrent("ann")
	for _, c := range []struct {
		sentence string
		pool     pool
		accounts []account
		login    login
		want     seating.Reason
		says     string
	}{
		{"A3: a pool that has not begun", combined.from(nine.Add(hour)), nil, by("ann"), seating.PoolNotInForce, "from 2026-03-02T10:00:00Z"},
		{"A3: a pool that has ended", ended(combined), nil, by("ann"), seating.PoolNotInForce, "until 2026-03-02T09:00:00Z"},
		{"a pool that has ended, before an account that is required", ended(combined.accountsOnly()), nil, by("ann"), seating.PoolNotInForce, ""},
		{"a pool that has ended, before a disabled account", ended(combined), []account{shared.disabled()}, by("ann"), seating.PoolNotInForce, ""},
		{"a pool that has ended, before seats that are taken", ended(combined.concurrent(0)), nil, by("ann").waiting(hour), seating.PoolNotInForce, ""},

		{"an unknown user where accounts are required", combined.accountsOnly(), nil, by("ann"), seating.AccountRequired, "administrator must create"},
		{"an unknown user where accounts are required, before seats that are taken", combined.accountsOnly().concurrent(0), nil, by("ann"), seating.AccountRequired, ""},
		{"A3: an unknown user in a pool of named seats alone, though enrollment is open", aPool().named(1), nil, by("ann"), seating.AccountRequired, "named seats only"},

		{"a disabled account", combined, []account{shared.disabled()}, by("ann"), seating.AccountDisabled, "disabled"},
		{"a disabled named account, though it holds a seat", combined, []account{named.disabled()}, by("ann"), seating.AccountDisabled, ""},
		{"a disabled account, before a model that the pool lacks", aPool().named(1), []account{shared.disabled()}, by("ann"), seating.AccountDisabled, ""},
		{"a disabled account, before a named seat that it lacks", combined.named(0), []account{named.disabled()}, by("ann"), seating.AccountDisabled, ""},
		{"a disabled account, before seats that are taken", combined.concurrent(0), []account{shared.disabled()}, by("ann"), seating.AccountDisabled, ""},
		{"a disabled account counts though a later one of its user is not", combined, []account{shared.disabled(), aConcurrent("ann").called("second")}, by("ann"), seating.AccountDisabled, ""},

		{"A3: a named account in a pool of concurrent seats", aPool().concurrent(1), []account{named}, by("ann"), seating.ModelNotLicensed, "no named seats"},
		{"A3: a concurrent account in a pool of named seats", aPool().named(1), []account{shared}, by("ann"), seating.ModelNotLicensed, "no concurrent seats"},
		{"A3: a model that the pool lacks, though the session would wait", aPool().named(1), []account{shared}, by("ann").waiting(hour), seating.ModelNotLicensed, ""},

		{"A4: a named account beyond the seats", combined.named(0), []account{named}, by("ann"), seating.AccountNotLicensed, "All 0 named seats"},
		{"A4: a named account beyond the seats does not wait", combined.named(0), []account{named}, by("ann").waiting(hour), seating.AccountNotLicensed, ""},

		{"A4: no concurrent seat is left", combined.concurrent(0), []account{shared}, by("ann"), seating.SeatsExhausted, "All 0 concurrent seats are taken."},
		{"A4: no concurrent seat is left for an unknown user", combined.concurrent(0), nil, by("ann"), seating.SeatsExhausted, ""},
		{"no concurrent seat is left, and the session waits", combined.concurrent(0), nil, by("ann").waiting(hour), seating.Waiting, "waits its turn until 2026-03-02T10:00:00Z"},
		{"a wait of less than nothing is none", combined.concurrent(0), nil, by("ann").waiting(-hour), seating.SeatsExhausted, ""},

		{"a seat", combined, nil, by("ann"), seating.SeatGranted, "has a concurrent seat"},
		{"a named seat", combined, []account{named}, by("ann"), seating.SeatGranted, "has a named seat"},
	} {
		t.Run(c.sentence, func(t *testing.T) {
			d := c.pool.opens(t)
			d.hire(c.accounts...)
			k := d.arrives(c.login)
			plan := d.settle()
			k.got(c.want)
			if message := messageTo(plan, k.id); message == "" || !strings.Contains(message, c.says) {
				t.Errorf("the message is %q; want one with %q", message, c.says)
			}
		})
	}
}

// messageTo is what a plan tells a session.
func messageTo(plan *seating.Plan, session string) string {
	for _, g := range plan.Grants {
		if g.Session == session {
			return g.Message()
		}
	}
	for _, d := range append(plan.Denials, plan.Waits...) {
		if d.Session == session {
			return d.Message
		}
	}
	return ""
}

// Which denials another look at the accounts might turn into a seat.
func TestWhichReasonsAreOfTheAccount(t *testing.T) {
	for reason, want := range map[seating.Reason]bool{
		seating.AccountRequired: true, seating.AccountDisabled: true, seating.AccountNotLicensed: true, seating.ModelNotLicensed: true,
		seating.SeatsExhausted: false, seating.WaitExpired: false, seating.Waiting: false, seating.PoolNotInForce: false,
		seating.SeatGranted: false, seating.SeatShared: false, seating.SystemLogin: false,
	} {
		if got := reason.OfAccount(); got != want {
			t.Errorf("%s: %t", reason, got)
		}
	}
}

func TestAWaitThatExpiresSaysSo(t *testing.T) {
	d := aPool().concurrent(0).opens(t)
	k := d.signsOn(by("ann").waiting(minute)).got(seating.Waiting)
	if message := messageTo(d.passes(minute), k.id); !strings.Contains(message, "None came free") {
		t.Errorf("the message is %q", message)
	}
	k.got(seating.WaitExpired)
}

// Of one seat it is not said that all of it are taken.
func TestADenialSpeaksOfOneSeatAsOfOne(t *testing.T) {
	for seats, want := range map[int]string{1: "The only concurrent seat is taken.", 2: "All 2 concurrent seats are taken."} {
		d := aPool().concurrent(seats).opens(t)
		for i := range seats {
			d.signsOn(by(fmt.Sprintf("holder-%d", i))).got(seating.SeatGranted)
		}
		k := d.arrives(by("ann"))
		if message := messageTo(d.settle(), k.id); message != want {
			t.Errorf("the message is %q, want %q", message, want)
		}
	}
	d := aPool().named(1).opens(t)
	d.hire(aNamed("bob"), aNamed("ann"))
	k := d.arrives(by("ann"))
	if message := messageTo(d.settle(), k.id); !strings.HasPrefix(message, "The only named seat is taken.") {
		t.Errorf("the message is %q", message)
	}
}

// What bars a waiter's user bars the waiter, whatever it waits for.
func TestAWaiterIsDeniedWhenItsCauseChanges(t *testing.T) {
	for _, c := range []struct {
		sentence string
		happens  func(*desk)
		want     seating.Reason
	}{
		{"the pool ends", func(d *desk) { d.passes(8 * hour) }, seating.PoolNotInForce},
		{"the account is disabled", func(d *desk) { d.change("ann", func(a *seating.Account) { a.Disabled = true }) }, seating.AccountDisabled},
		{"the account is removed where one is required", func(d *desk) { d.dismiss("ann") }, seating.AccountRequired},
		{"the account becomes named, beyond the seats", func(d *desk) { d.change("ann", func(a *seating.Account) { a.Type = seating.Named }) }, seating.AccountNotLicensed},
		{"the pool loses its concurrent seats", func(d *desk) { d.reapply(aPool().named(0).accountsOnly()) }, seating.ModelNotLicensed},
		{"seats are bought", func(d *desk) { d.reapply(aPool().concurrent(1)) }, seating.SeatGranted},
		{"the account becomes named, and there are seats", func(d *desk) {
			d.SetRules(aPool().named(1).concurrent(0).Rules)
			d.change("ann", func(a *seating.Account) { a.Type = seating.Named })
		}, seating.SeatGranted},
	} {
		t.Run(c.sentence, func(t *testing.T) {
			d := aPool().named(0).concurrent(0).accountsOnly().until(nine.Add(8 * hour)).opens(t)
			d.hire(aConcurrent("ann"))
			k := d.signsOn(by("ann").waiting(24 * hour)).got(seating.Waiting)
			c.happens(d)
			k.got(c.want)
		})
	}
}

func TestC4ASystemLoginIsAlwaysGranted(t *testing.T) {
	for sentence, p := range map[string]pool{
		"no seats":                aPool().named(0).concurrent(0),
		"named seats alone":       aPool().named(0),
		"accounts required":       aPool().concurrent(0).accountsOnly(),
		"a pool not begun":        aPool().concurrent(1).from(nine.Add(hour)),
		"a pool that has ended":   aPool().concurrent(1).until(nine),
		"a pool without a model":  aPool(),
		"a pool with seats to go": aPool().concurrent(1),
	} {
		t.Run(sentence, func(t *testing.T) {
			d := p.opens(t)
			d.hire(aConcurrent("off").disabled())
			for _, user := range []string{"monitor", "off"} {
				k := d.arrives(by(user).ofSystem())
				if message := messageTo(d.settle(), k.id); message != "A system login takes no seat." {
					t.Errorf("the message is %q", message)
				}
				k.got(seating.SystemLogin)
				if s, _ := d.Session(k.id); s.Seat != seating.Uncounted {
					t.Errorf("the seat is %s", s.Seat)
				}
			}
		})
	}
}

func TestA3SeatsAreGrantedFromNotBeforeOnUntilJustBeforeNotAfter(t *testing.T) {
	p := aPool().concurrent(9).from(nine).until(nine.Add(hour))
	for _, c := range []struct {
		sentence                     string
		at                           time.Duration
		notYet, inForce, over, looks bool
	}{
		{"just before it begins", -instant, true, false, false, true},
		{"as it begins", 0, false, true, false, true},
		{"just before it ends", hour - instant, false, true, false, true},
		{"as it ends", hour, false, false, true, false},
		{"after it ended", hour + instant, false, false, true, false},
	} {
		t.Run(c.sentence, func(t *testing.T) {
			d := p.opens(t)
			d.now = nine.Add(c.at)
			if d.Rules().NotYetValid(d.now) != c.notYet || d.Rules().InForce(d.now) != c.inForce || d.Rules().Expired(d.now) != c.over {
				t.Errorf("not yet valid: %t, in force: %t, expired: %t", d.Rules().NotYetValid(d.now), d.Rules().InForce(d.now), d.Rules().Expired(d.now))
			}
			want := seating.PoolNotInForce
			if c.inForce {
				want = seating.SeatGranted
			}
			k := d.signsOn(by("ann")).got(want)
			if plan := d.settle(); plan.Next.After(d.now) != c.looks {
				t.Errorf("looks again at %s", plan.Next)
			}
			// Who was let in stays, whatever the time.
			d.passes(24 * hour)
			k.got(want)
		})
	}
	if r := aPool().Rules; !r.InForce(time.Time{}) || !r.InForce(nine) {
		t.Error("a pool without bounds is in force at any time")
	}
}
