// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package usage

import (
	"math"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// diary is a history of one concurrent model: so many connections for so long, one after the other. Negative: a gap.
func diary(seats int, stretches ...int) *History {
	h := NewHistory()
	h.begin(eight.Unix())
	for i := 0; i < len(stretches); i += 2 {
		to := h.through + int64(stretches[i+1])
		if stretches[i] < 0 {
			h.begin(to)
			continue
		}
		h.add(to, [2]opening{{}, {level: stretches[i]}}, [2]int{NotLicensed, seats})
	}
	return h
}

func (h *History) advise(share float64) *Advice {
	return h.Advise(Question{Model: Concurrent, Period: Month, Now: h.Through(), Share: share, Held: Unknown, Dormant: Unknown})
}

func TestThePeakIsEnoughForEverybody(t *testing.T) {
	h := diary(50, 12, 20*86400, 31, 3600, 12, 10*86400-3600)
	a := h.advise(0)
	if a.Enough != 31 || a.Comfortable != 34 || a.Peak != 31 || a.Licensed != 50 || a.Turned != 0 {
		t.Errorf("%+v", a)
	}
	want := "31 of 50 seats was the most ever in use in 30 days. Nobody was truly denied for want of a seat. 34 would leave 10% headroom."
	if a.Reasoning != want {
		t.Errorf("%s", a.Reasoning)
	}
}

func TestAShareOfTheDemandMayBeTurnedAway(t *testing.T) {
	h := diary(50, 10, 99*3600, 30, 3600) // of 1,020 connection-hours the 20 above 10 are 1.96 %
	if a := h.advise(0.02); a.Enough != 10 || math.Abs(a.Turned-20.0/1020) > 1e-9 || !strings.Contains(a.Reasoning, "With 10, 1.96% of the demand would have been turned away (at most 2% was asked for).") {
		t.Errorf("%+v", a)
	}
	if a := h.advise(0.019); a.Enough != 11 {
		t.Errorf("%+v", a)
	}
}

func TestWhoWasTrulyDeniedIsDemandAsWell(t *testing.T) {
	h := diary(20, 15, 3600, 20, 3600)
	h.addDenials(h.through-10, reasonSeatsExhausted, Count{7, 2})
	h.addDenials(h.through-20, reasonWaitExpired, Count{1, 1})
	h.addDenials(h.through-400, reasonSeatsExhausted, Count{1, 1})
	h.addDenials(h.through-30, "AccountDisabled", Count{9, 9})
	for range 96 {
		h.addGrant(h.through-100, Concurrent, 0)
	}
	a := h.advise(0)
	if a.Enough != 23 || a.Denials != (Count{9, 4}) || !strings.Contains(a.Reasoning, "4 logins were truly denied for want of a seat, 3 of them within the same five minutes; 96 logins got in. 23 seats would have been needed at least") {
		t.Errorf("%+v", a)
	}
	if a := h.advise(0.04); a.Enough != 20 { // four of a hundred were turned away as it was
		t.Errorf("%+v", a)
	}
}

func TestNamedSeatsAreForAccounts(t *testing.T) {
	h := NewHistory()
	h.begin(eight.Unix())
	h.add(h.through+100*day, [2]opening{{level: 7}, {}}, [2]int{25, NotLicensed})
	ask := Question{Model: Named, Period: Quarter, Now: h.Through(), Held: 20, Dormant: 4}
	a := h.Advise(ask)
	if a.Enough != 16 || a.Comfortable != 16 {
		t.Errorf("%+v", a)
	}
	if want := "20 of 25 seats are held by accounts. At most 7 of their users were signed on at once in 93 days. 4 accounts did not sign in for 90 days, so 16 seats would be enough."; a.Reasoning != want {
		t.Error(a.Reasoning)
	}
	ask.Dormant = Unknown
	if a := h.Advise(ask); a.Enough != 20 || !strings.Contains(a.Reasoning, "90 days old; it began on 2026-03-02") {
		t.Errorf("%+v", a)
	}
	if a := h.Advise(Question{Model: Concurrent, Period: Quarter, Now: h.Through()}); a.Enough != Unknown || a.Reasoning != "The pool had no concurrent seats in this time." {
		t.Errorf("%+v", a)
	}
}

func TestOfWhatIsNotKnownThereIsNoAdvice(t *testing.T) {
	if a := NewHistory().advise(0); a.Enough != Unknown || a.Reasoning != "Nothing is known of this time yet." {
		t.Errorf("%+v", a)
	}
	h := diary(50, 31, 3600)
	if a := h.Advise(Question{Model: Concurrent, Period: Week, Now: h.Through().Add(20 * 24 * time.Hour)}); a.Enough != Unknown || a.Covered != 0 {
		t.Errorf("%+v", a)
	}
}

// TestAdviceIsTheSmallestNumberOfSeats: against every number, one by one, with the levels themselves.
func TestAdviceIsTheSmallestNumberOfSeats(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var stretches []int
		for range rapid.IntRange(1, 20).Draw(t, "stretches") {
			stretches = append(stretches, rapid.IntRange(-1, 31).Draw(t, "level"), rapid.IntRange(1, 40_000).Draw(t, "seconds"))
		}
		share := rapid.Float64Range(0, 0.5).Draw(t, "share")
		a := diary(40, stretches...).advise(share)
		if a.Covered == 0 {
			return
		}
		above := func(seats int) float64 {
			over, all := 0.0, 0.0
			for i := 0; i < len(stretches); i += 2 {
				all += float64(max(0, stretches[i]) * stretches[i+1])
				over += float64(max(0, stretches[i]-seats) * stretches[i+1])
			}
			return over / max(1, all)
		}
		if above(a.Enough) > share || a.Enough > 0 && above(a.Enough-1) <= share {
			t.Errorf("%d seats turn away %v, one less %v, of %v", a.Enough, above(a.Enough), above(a.Enough-1), share)
		}
	})
}

// TestCoarseLevelsAreNeverTooLowInAdvice: above 31 the advice may be too high by one part in sixteen, and never too low.
func TestCoarseLevelsAreNeverTooLowInAdvice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		low, high := rapid.IntRange(32, 5000).Draw(t, "low"), rapid.IntRange(5000, 10_000).Draw(t, "high")
		a := diary(10_000, low, 1_000_000, high, 100).advise(0.05)
		if a.Enough < low-low/19-1 || a.Enough > low+low/16 {
			t.Errorf("%d for a use of %d", a.Enough, low)
		}
	})
}
