// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/internal/usage"
)

// points are those of the day's chart of which something is known.
func (d *diary) points() map[time.Time]usage.Point {
	d.t.Helper()
	_, h := d.stored()
	known := map[time.Time]usage.Point{}
	for _, p := range h.Series(usage.Concurrent, usage.Day, d.clock.Now()).Points {
		if !p.Gap() {
			known[p.Start] = p
		}
	}
	return known
}

// checkBeside compares the points of the day that do not touch the time between two.
func (d *diary) checkBeside(from, to time.Time) {
	d.t.Helper()
	known := d.points()
	_, h := d.stored()
	whole := 0
	for start := d.began; !start.Add(5 * time.Minute).After(h.Through()); start = start.Add(5 * time.Minute) {
		end := start.Add(5 * time.Minute)
		if start.Before(to) && end.After(from) {
			continue
		}
		whole++
		sum, peak := 0, 0
		for second := start; second.Before(end); second = second.Add(time.Second) {
			level := d.levels[int(second.Sub(d.began)/time.Second)]
			sum, peak = sum+level, max(peak, level)
		}
		mean := float64(sum) / (5 * time.Minute).Seconds()
		if p := known[start]; p.Covered != p.Length || p.Covered == 0 || p.Peak != peak || p.Mean-mean > 1e-9 || mean-p.Mean > 1e-9 {
			d.t.Errorf("%s: %s known, mean %v, peak %d, and not %v, %d", start.Format(time.TimeOnly), p.Covered, p.Mean, p.Peak, mean, peak)
		}
	}
	if whole < 3 {
		d.t.Errorf("%d points are beside the gap", whole)
	}
}

func TestALeaderWhoseClockWasAheadStopsNoHistory(t *testing.T) {
	for _, ahead := range []time.Duration{15 * time.Minute, 3 * time.Hour, 90 * 24 * time.Hour, 20 * 365 * 24 * time.Hour} {
		t.Run(ahead.String(), func(t *testing.T) {
			d := newDiary(t, keptPool().Obj())
			right := d.clerk()
			d.morning()
			d.goes(right)
			_, before := d.stored()

			wrong := d.clerkAhead(ahead)
			d.passes(time.Minute)
			d.logon("theirs", "theirs")
			d.deny("denied", "eve", licensing.ReasonWaitExpired)
			d.passes(9 * time.Minute)
			d.goes(wrong)
			if _, h := d.stored(); !h.Through().After(d.clock.Now().Add(usage.Apart / 2)) {
				t.Fatalf("it told up to %s alone", h.Through())
			}

			d.passes(time.Second)
			right = d.clerk()
			back := d.clock.Now()
			d.passes(20 * time.Minute)
			d.logoff("theirs")
			d.passes(20 * time.Minute)
			object, h := d.stored()
			if behind := d.clock.Now().Sub(h.Through()); behind > 2*time.Minute+usageSteady {
				t.Errorf("the history is %s behind", behind)
			}
			if said := right.said(); !slices.Equal(said, []string{licensing.ReasonClocksDisagree}) {
				t.Errorf("said: %v", said)
			}
			if n := *object.Status.Denials30Days.Denied; ahead < 24*time.Hour && n != 1 {
				t.Errorf("%d denied", n)
			}
			if ahead > 20*time.Hour { // otherwise what the other clock told is within this day
				d.checkBeside(before.Through(), back.Add(usageLooks))
			}
		})
	}
}

func TestALeaderWhoseClockWasBehindCostsNoHistory(t *testing.T) {
	for _, behind := range []time.Duration{15 * time.Minute, 3 * time.Hour, 40 * 24 * time.Hour, 56 * 365 * 24 * time.Hour} {
		t.Run(behind.String(), func(t *testing.T) {
			d := newDiary(t, keptPool().Obj())
			right := d.clerk()
			d.morning()
			d.deny("denied", "eve", licensing.ReasonSeatsExhausted)
			d.passes(3 * time.Minute)
			d.goes(right)
			before, told := d.points(), 0

			wrong := d.clerkAhead(-behind)
			d.passes(10 * time.Minute)
			d.goes(wrong)
			if said := wrong.said(); !slices.Equal(said, []string{licensing.ReasonClocksDisagree}) {
				t.Errorf("said: %v", said)
			}
			d.passes(time.Second)
			d.clerk()
			d.passes(10 * time.Minute)
			after := d.points()
			for start, p := range before {
				if p.Covered == p.Length {
					told++
					if got := after[start]; got.Mean != p.Mean || got.Peak != p.Peak || got.Grants != p.Grants {
						t.Errorf("%s: %+v, and not %+v", start, got, p)
					}
				}
			}
			if told < 3 {
				t.Fatalf("%d points were whole", told)
			}
			object, h := d.stored()
			if lag := d.clock.Now().Sub(h.Through()); lag > 2*time.Minute+usageSteady {
				t.Errorf("the history is %s behind", lag)
			}
			if n := *object.Status.Denials30Days.Denied; n != 1 {
				t.Errorf("%d denied, and not the one", n)
			}
		})
	}
}

// TestAClockThatIsSetCostsNoMoreThanAGap: forward by hours, and back, while the same manager leads.
func TestAClockThatIsSetCostsNoMoreThanAGap(t *testing.T) {
	for _, ahead := range []time.Duration{25 * time.Hour, 100 * 24 * time.Hour} {
		d := newDiary(t, keptPool().Obj())
		c := d.clerk()
		d.morning()
		before := d.clock.Now().Add(-usageSettles - usageLooks)
		c.ahead = ahead
		d.passes(5 * time.Minute)
		d.logon("wrong", "wrong")
		d.passes(5 * time.Minute)
		c.ahead = 0
		back := d.clock.Now()
		d.passes(20 * time.Minute)
		d.logoff("wrong")
		d.passes(5 * time.Minute)
		d.logon("last", "last")
		d.passes(5 * time.Minute)
		d.checkBeside(before, back.Add(usageLooks))
		if _, h := d.stored(); d.clock.Now().Sub(h.Through()) > 2*time.Minute+usageSteady {
			t.Errorf("through %s", h.Through())
		}
	}
}

// TestWhoSleptLongerThanRecordsAreKeptKnowsNothingOfIt: sessions may have come, gone and been cleared in that time.
func TestWhoSleptLongerThanRecordsAreKeptKnowsNothingOfIt(t *testing.T) {
	d := newDiary(t, keptPool().Obj())
	c := d.clerk()
	d.morning()
	asleep := d.clock.Now()
	c.next = d.clock.Now().Add(24 * time.Hour)
	d.passes(time.Hour + time.Minute)
	c.look()
	back := d.clock.Now()
	d.passes(3 * time.Minute)
	d.checkBeside(asleep.Add(-usageSettles-usageLooks), back)
	known, all := d.points(), 0
	for start := range known {
		if start.After(asleep) && start.Before(back.Add(-5*time.Minute)) {
			all++
		}
	}
	if all > 0 {
		t.Errorf("%d points of the time in which it slept", all)
	}
}

// TestWrongClocksTakeNothingAway: managers follow each other, each with a clock of its own. What is known of a whole stretch stays known as it was, and a manager whose clock is right
// keeps the history going, and keeps it right where no other clock told.
func TestWrongClocksTakeNothingAway(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		d := newDiary(t, keptPool().Obj())
		offsets := []time.Duration{
			0, 0, 0, 5 * time.Minute, -5 * time.Minute, 40 * time.Minute, -40 * time.Minute, 5 * time.Hour, -5 * time.Hour, 50 * 24 * time.Hour, -50 * 24 * time.Hour,
			40 * 365 * 24 * time.Hour, -56 * 365 * 24 * time.Hour,
		}
		type stretch struct{ from, to time.Time }
		var wrong, right []stretch
		var whole map[time.Time]usage.Point
		names := 0
		for range rapid.IntRange(1, 6).Draw(rt, "leads") {
			ahead := rapid.SampledFrom(offsets).Draw(rt, "ahead")
			c := d.clerkAhead(ahead)
			began := d.clock.Now()
			for range rapid.IntRange(1, 8).Draw(rt, "steps") {
				d.passes(time.Duration(rapid.IntRange(1, 500).Draw(rt, "pause")) * time.Second)
				if len(d.live) > 0 && rapid.Bool().Draw(rt, "leaves") {
					for name := range d.live {
						d.logoff(name)
						break
					}
				} else {
					names++
					d.logon(fmt.Sprintf("s%d", names), fmt.Sprintf("u%d", names%5))
				}
			}
			d.passes(2 * time.Minute)
			d.goes(c)
			if ahead != 0 {
				wrong = append(wrong, stretch{began.Add(ahead - time.Hour), d.clock.Now().Add(ahead)}) // what came before it tells from records whose times another clock made
			}
			object := &licensing.LicenseUsage{}
			if d.api.Get(t.Context(), poolKey, object) != nil {
				continue // its clock was never set
			}
			if told := object.Status.ThroughTime.Time; ahead == 0 && told.Before(d.clock.Now()) { // what it left untold others tell, from records whose times their clocks made
				right = append(right, stretch{began, told})
			}
			now := d.points()
			for start, p := range whole {
				if got := now[start]; got.Covered != p.Covered || got.Mean != p.Mean || got.Peak != p.Peak {
					rt.Errorf("%s was %+v, and is %+v", start, p, got)
				}
			}
			whole = map[time.Time]usage.Point{}
			for start, p := range now {
				if p.Covered > p.Length {
					rt.Errorf("%s: %s of %s are known", start, p.Covered, p.Length)
				}
				if p.Covered == p.Length {
					whole[start] = p
				}
			}
			if behind := d.clock.Now().Sub(object.Status.ThroughTime.Time); ahead == 0 && behind > usageSteady+2*time.Minute {
				rt.Errorf("under a right clock the history is %s behind", behind)
			}
		}

		for start, p := range whole {
			end := start.Add(p.Length)
			if slices.ContainsFunc(wrong, func(s stretch) bool { return s.from.Before(end) && start.Before(s.to) }) {
				continue
			}
			if !slices.ContainsFunc(right, func(s stretch) bool { return !start.Before(s.from) && !end.After(s.to) }) {
				continue
			}
			sum := 0
			for second := start; second.Before(end); second = second.Add(time.Second) {
				sum += d.levels[int(second.Sub(d.began)/time.Second)]
			}
			if mean := float64(sum) / p.Length.Seconds(); p.Mean-mean > 1e-9 || mean-p.Mean > 1e-9 {
				rt.Errorf("%s: mean %v, and not %v", start, p.Mean, mean)
			}
		}
	})
}
