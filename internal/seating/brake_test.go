// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package seating_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/seatkeeper/seatkeeper/internal/seating"
)

// clients puts sessions on that go by the same prefix and differ by a number, which is passed.
func clients(n int, prefix string, as func(i int, l login) login) []login {
	var sessions []login
	for i := range n {
		sessions = append(sessions, as(i, on(fmt.Sprintf("%s-%02d", prefix, i))))
	}
	return sessions
}

// left counts the sessions of this prefix that are still on.
func (n *night) left(prefix string) int {
	left := 0
	for i := range 100 {
		if _, ok := n.Session(fmt.Sprintf("%s-%02d", prefix, i)); ok {
			left++
		}
	}
	return left
}

// leaves wants that so many sessions of this prefix are on, and that the brake is on or not.
func (n *night) leaves(prefix string, left int, held bool) {
	n.t.Helper()
	if got := n.left(prefix); got != left {
		n.t.Errorf("at %s there are %d of %s; want %d", n.now, got, prefix, left)
	}
	if got := n.moment.Brake.On(); got != held {
		n.t.Errorf("at %s the brake is on: %t; want %t (%+v)", n.now, got, held, n.moment.Brake)
	}
}

// beat lets the clients of this prefix that are on be heard.
func (n *night) beat(count int, prefix string, active bool) {
	for i := range count {
		id := fmt.Sprintf("%s-%02d", prefix, i)
		if _, ok := n.Session(id); ok {
			n.becomes(id, func(l login) login {
				l.Life.LastHeartbeat = n.now
				if active {
					l.Life.LastActivity = n.now
				}
				return l
			})
		}
	}
}

// outage is a pool of 50 clients, 40 of which fall silent within four seconds of nine; the ten others go on. All were busy at nine.
func outage(t *testing.T, p pool) *night {
	t.Helper()
	n := p.keeps(t, clients(40, "gone", func(i int, l login) login { return l.heard(time.Duration(i) * 100 * time.Millisecond) })...)
	n.puts(clients(10, "here", func(_ int, l login) login { return l.heard(0) })...)
	return n
}

// heals lets time pass like goesOn, with some of the clients that had fallen silent heard again.
func (n *night) heals(until time.Duration, back int) {
	for n.now.Before(nine.Add(until)) {
		n.at(n.now.Add(time.Second).Sub(nine))
		n.beat(10, "here", true)
		n.beat(back, "gone", true)
	}
}

// goesOn lets time pass second by second up to a time after nine; here's clients beat and are active.
func (n *night) goesOn(until time.Duration) {
	for n.now.Before(nine.Add(until)) {
		n.at(n.now.Add(time.Second).Sub(nine))
		n.beat(10, "here", true)
	}
}

var cautious = office().idle(hour).lost(10 * minute)

func TestTheBrakeHoldsWhenMostClientsFallSilentAtOnce(t *testing.T) {
	n := outage(t, cautious)
	n.puts(clients(2, "named", func(_ int, l login) login { return l.seated(seating.Named).heard(0) })...)
	n.goesOn(10*minute - time.Second)
	n.leaves("gone", 40, false)
	n.goesOn(10 * minute)
	n.leaves("gone", 40, true)
	n.leaves("named", 2, true)
	if b := n.moment.Brake; !b.Since.Equal(nine.Add(10*minute)) || !b.Released.IsZero() {
		t.Errorf("%+v", b)
	}
	n.goesOn(20 * minute)
	n.leaves("gone", 40, true)
	n.leaves("here", 10, true)
}

// Sessions may be lost after as little as two intervals. Clients beat at different moments, so of those that stop at once the first is lost an interval before the last.
func TestTheBrakeSeesAnOutageAtItsFirstLoss(t *testing.T) {
	p := office().lost(time.Minute) // with a heartbeat every half minute
	n := p.keeps(t, clients(40, "gone", func(i int, l login) login { return l.heard(time.Duration(i) * 750 * time.Millisecond) })...)
	n.puts(clients(10, "here", func(_ int, l login) login { return l.heard(0) })...)
	n.goesOn(2 * minute)
	n.leaves("gone", 40, true)
	n.leaves("here", 10, true)
}

// The brake acts on missing clients only: not on those that beat and do nothing, on those that never beat, on ends that were asked for, or on lifetimes.
func TestTheBrakeHoldsNobodyElse(t *testing.T) {
	n := outage(t, office().idle(5*minute).lost(10*minute).lifetime(12*hour))
	n.puts(clients(2, "beats", func(_ int, l login) login { return l.active(minute) })...)
	n.puts(clients(2, "never-beat", func(_ int, l login) login { return l.active(time.Minute) })...)
	n.puts(on("asked").heard(0), on("old").heard(0).since(6*minute-12*hour).active(5*minute))
	for range 6 * 60 {
		n.at(n.now.Add(time.Second).Sub(nine))
		n.beat(10, "here", true)
		n.beat(2, "beats", false)
		if n.now.Equal(nine.Add(5 * minute)) {
			n.leaves("gone", 40, true) // idle, and missing
			n.becomes("asked", func(l login) login { return l.told(seating.RequestedByAdministrator, "") })
		}
		if n.now.Equal(nine.Add(6*minute - time.Second)) {
			n.leaves("beats", 2, true)
			n.leaves("never-beat", 2, true)
			n.isOn("old")
		}
	}
	n.leaves("gone", 40, true)
	n.leaves("here", 10, true)
	n.leaves("beats", 0, true)
	n.leaves("never-beat", 0, true)
	n.hasEnded("asked", seating.RequestedByAdministrator, "An administrator ended the session.")
	n.hasEnded("old", seating.TerminatedBySystem, "The session reached its maximum lifetime of 12h0m0s.")
	n.shows("gone-00", false, false, 5*minute)
}

func TestThereIsNoBrake(t *testing.T) {
	for sentence, c := range map[string]struct {
		pool          pool
		gone, here    int
		every         time.Duration // those who go are last heard one after the other
		beats         bool          // the silent ones beat, and do nothing
		left, allGone time.Duration
	}{
		"for 10 of 50":                         {pool: cautious, gone: 10, here: 40, left: 10 * minute, allGone: 10*minute + 10*time.Second, every: time.Second},
		"for half of them":                     {pool: cautious, gone: 25, here: 25, left: 10 * minute, allGone: 10 * minute},
		"for 40 of 50 within ten minutes":      {pool: cautious, gone: 40, here: 10, left: 10 * minute, allGone: 20 * minute, every: 15 * time.Second},
		"for clients that beat and do nothing": {pool: cautious.idle(20 * minute), gone: 50, beats: true, left: 20 * minute, allGone: 20 * minute},
		"where there are but four clients":     {pool: cautious, gone: 4, left: 10 * minute, allGone: 10 * minute},
	} {
		t.Run(sentence, func(t *testing.T) {
			n := c.pool.keeps(t, clients(c.gone, "gone", func(i int, l login) login { return l.heard(time.Duration(i) * c.every) })...)
			n.puts(clients(c.here, "here", func(_ int, l login) login { return l.heard(0) })...)
			for n.now.Before(nine.Add(c.allGone)) {
				n.at(n.now.Add(time.Second).Sub(nine))
				n.beat(c.here, "here", true)
				if c.beats {
					n.beat(c.gone, "gone", false)
				}
				if n.now.Equal(nine.Add(c.left - time.Second)) {
					n.leaves("gone", c.gone, false)
				}
				for i := range c.gone { // each at its own deadline
					_, ended := n.ended[fmt.Sprintf("gone-%02d", i)]
					if due := !n.now.Before(nine.Add(c.left + time.Duration(i)*c.every)); due != ended {
						t.Fatalf("at %s gone-%02d is due: %t, ended: %t", n.now, i, due, ended)
					}
				}
				if !n.moment.Brake.Since.IsZero() {
					t.Fatalf("at %s: %+v", n.now, n.moment.Brake)
				}
			}
			n.leaves("here", c.here, false)
		})
	}
}

func TestFiveClientsAreEnoughForABrake(t *testing.T) {
	n := cautious.keeps(t, clients(5, "gone", func(_ int, l login) login { return l.heard(0) })...).at(10 * minute)
	n.leaves("gone", 5, true)
	// Sessions that never sent a heartbeat are no clients: they neither make a majority nor prevent one.
	n = cautious.keeps(t, clients(5, "gone", func(_ int, l login) login { return l.heard(0) })...)
	n.puts(clients(50, "quiet", func(_ int, l login) login { return l })...)
	n.at(10*minute).leaves("gone", 5, true)
}

func TestTheBrakeLetsGoWhenClientsAreHeardAgain(t *testing.T) {
	n := outage(t, cautious)
	n.goesOn(12 * minute)
	n.heals(12*minute+10*time.Second, 14)
	n.leaves("gone", 40, true) // 26 of 50 are still missing
	n.heals(13*minute+10*time.Second, 15)
	n.leaves("gone", 40, true) // clients come back one by one: it holds for two heartbeats more
	n.heals(13*minute+20*time.Second, 15)
	if b := n.moment.Brake; b.On() || b.Released.IsZero() {
		t.Errorf("%+v", b)
	}
	// Those who are still missing end, at most ten a second.
	n.heals(13*minute+25*time.Second, 15)
	n.leaves("gone", 15, false)
	n.leaves("here", 10, false)
}

// endsTenASecond wants that the 40 end by tens from this second on.
func (n *night) endsTenASecond() {
	n.t.Helper()
	for left := 40; left > 0; left -= 10 {
		if got := n.left("gone"); got != left-10 || n.moment.Brake.On() {
			n.t.Errorf("at %s there are %d left; want %d (%+v)", n.now, got, left-10, n.moment.Brake)
		}
		if w := n.plan(); left > 10 && !w.Next.Equal(n.now.Add(time.Second)) {
			n.t.Errorf("at %s: looks again at %s", n.now, w.Next)
		}
		n.at(n.now.Add(400 * time.Millisecond).Sub(nine)) // within the second nothing more
		if got := n.left("gone"); got != left-10 {
			n.t.Errorf("at %s there are %d left; want %d", n.now, got, left-10)
		}
		n.at(n.now.Add(600 * time.Millisecond).Sub(nine))
	}
}

func TestAnAdministratorReleasesTheBrake(t *testing.T) {
	n := outage(t, cautious)
	n.moment.Release = nine.Add(10*minute - time.Second) // of a brake before this one
	n.goesOn(12 * minute)
	n.leaves("gone", 40, true)
	n.moment.Release = nine.Add(12 * minute)
	n.at(12 * minute)
	n.endsTenASecond()
	n.leaves("here", 10, false)
}

func TestTheBrakeLetsGoAfterItsLongestTime(t *testing.T) {
	n := outage(t, cautious)
	n.goesOn(25*minute - time.Second)
	n.leaves("gone", 40, true)
	if w := n.plan(); !w.Next.Equal(nine.Add(25 * minute)) {
		t.Errorf("looks again at %s", w.Next)
	}
	n.beat(10, "here", true)
	n.at(25 * minute)
	n.endsTenASecond()
}

// What the brake let go long ago still ends at a bounded rate: the rate is no budget that grows while nothing ends.
func TestTheRateIsNotSavedUp(t *testing.T) {
	n := outage(t, cautious)
	n.puts(clients(1, "idle", func(_ int, l login) login { return l.heard(0).active(5*minute - hour) })...) // due, and missing, long before the others
	n.goesOn(5 * minute)
	n.leaves("idle", 1, true)
	n.moment.Release = nine.Add(5*minute + time.Second)
	most := 0
	for n.now.Before(nine.Add(11 * minute)) {
		before := len(n.order)
		n.goesOn(n.now.Add(time.Second).Sub(nine))
		most = max(most, len(n.order)-before)
	}
	n.leaves("idle", 0, false)
	n.leaves("gone", 0, false)
	if most != 10 {
		t.Errorf("%d ended in one second", most)
	}
}

func TestTheBrakeIsPutOnOnceForOneSilence(t *testing.T) {
	n := outage(t, cautious)
	n.goesOn(11 * minute)
	n.moment.Release = n.now
	for n.left("gone") > 0 {
		n.goesOn(n.now.Add(time.Second).Sub(nine))
		if n.moment.Brake.On() {
			t.Fatalf("at %s it is on again", n.now)
		}
	}
	// A new silence is a new brake, though the old release is still on record.
	n.puts(clients(40, "gone", func(_ int, l login) login {
		l.Life.Logon = n.now
		return l.active(n.now.Sub(nine)).heard(n.now.Sub(nine))
	})...)
	again := n.now.Sub(nine)
	n.goesOn(again + 10*minute - time.Second)
	n.leaves("gone", 40, false)
	n.goesOn(again + 10*minute)
	n.leaves("gone", 40, true)
}

// When an outage heals, clients come back spread over a heartbeat interval. None of them is ended though most are heard before the last.
func TestTheBrakeHoldsUntilAllHaveHadTimeToComeBack(t *testing.T) {
	n := outage(t, cautious)
	n.goesOn(12 * minute)
	for back := 1; back <= 40; back++ {
		n.heals(12*minute+time.Duration(back)*time.Second, back)
	}
	n.heals(20*minute, 40)
	n.leaves("gone", 40, false)
}

func TestTheBrakeIsPutOnAnewWhenClientsThatWereHeardAgainFallSilent(t *testing.T) {
	n := outage(t, cautious)
	n.goesOn(12 * minute)
	n.heals(13*minute+10*time.Second, 40)
	n.leaves("gone", 40, false)
	n.goesOn(23*minute + 9*time.Second)
	n.leaves("gone", 40, false)
	n.goesOn(23*minute + 10*time.Second)
	n.leaves("gone", 40, true)
}

// A new allocator is passed the brake's state, its times in whole seconds.
func TestTheBrakeOutlivesTheLedger(t *testing.T) {
	first := outage(t, cautious)
	first.goesOn(12 * minute)
	takeOver := func(b seating.Brake) *night {
		n := outage(t, cautious)
		n.now, n.moment.Brake = first.now, seating.Brake{Since: b.Since.Truncate(time.Second), Released: b.Released.Truncate(time.Second)}
		n.beat(10, "here", true)
		return n
	}
	n := takeOver(first.moment.Brake)
	n.goesOn(25*minute - time.Second)
	n.leaves("gone", 40, true)
	n.beat(10, "here", true)
	n.at(25 * minute)
	n.leaves("gone", 30, false)
	first.now = n.now
	n = takeOver(n.moment.Brake)
	n.at(25*minute + time.Second)
	n.leaves("gone", 30, false)
}
