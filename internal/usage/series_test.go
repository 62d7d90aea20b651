// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package usage

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestAChartsPointsFollowEachOther(t *testing.T) {
	h := busyYears(30)
	for period, want := range map[Period]int{Day: 288, Week: 168, Month: 360, Quarter: 364, Year: 364} {
		for _, now := range []time.Time{eight, eight.Add(-77 * time.Second)} {
			s := h.Series(Concurrent, period, now)
			if n := len(s.Points); n != want && n != want+1 {
				t.Errorf("%s has %d points", period, n)
			}
			next := s.From
			for _, p := range s.Points {
				if !p.Start.Equal(next) || p.Length != s.Step || p.Gap() || p.Licensed != 30 || p.Mean > float64(p.Peak) {
					t.Fatalf("%s: %+v after %s", period, p, next)
				}
				next = p.Start.Add(p.Length)
			}
			if !s.To.Equal(next) || s.To.Before(now) || s.From.After(now.Add(-period.Length())) || s.Empty() {
				t.Errorf("%s is from %s to %s", period, s.From, s.To)
			}
		}
	}
}

// TestAllChartsOfOneTimeAgree: what a day shows in 288 points a year shows in one.
func TestAllChartsOfOneTimeAgree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := NewHistory()
		h.begin(eight.Unix() - 8*hour) // midnight
		for h.through < eight.Unix()+10*hour {
			opened := opening{level: rapid.IntRange(0, 9).Draw(t, "level")}
			h.add(h.through+int64(rapid.IntRange(1, 9000).Draw(t, "lasts")), [2]opening{{}, opened}, [2]int{NotLicensed, 9})
			h.addDenials(h.through-1, "SeatsExhausted", Count{2, 1})
			h.addGrant(h.through-1, Concurrent, 0)
		}
		now := h.Through()
		daily := h.Series(Concurrent, Day, now)
		for _, period := range Periods()[1:] {
			other := h.Series(Concurrent, period, now)
			if other.Covered != daily.Covered || other.Peak != daily.Peak || other.Grants != daily.Grants || Denied(other.Denials) != Denied(daily.Denials) || abs(other.Mean-daily.Mean) > 1e-9 {
				t.Errorf("%s: %+v\nday: %+v", period, other, daily)
			}
		}
	})
}

func TestAYoungHistoryIsLookedAtByTheDay(t *testing.T) {
	h := NewHistory()
	if got := h.DefaultPeriod(eight); got != Week {
		t.Errorf("one that knows nothing: %s", got)
	}
	h.begin(eight.Unix())
	for _, trial := range []struct {
		age  time.Duration
		want Period
	}{{-time.Hour, Day}, {0, Day}, {24*time.Hour - time.Second, Day}, {24 * time.Hour, Week}, {400 * 24 * time.Hour, Week}} {
		if got := h.DefaultPeriod(eight.Add(trial.age)); got != trial.want {
			t.Errorf("%s old: %s", trial.age, got)
		}
	}
}

func abs(x float64) float64 { return max(x, -x) }

func TestAGapIsAGap(t *testing.T) {
	h := diary(9, 3, 3600, -1, 3600, 4, 3600)
	s := h.Series(Concurrent, Day, h.Through())
	if s.Covered != 2*time.Hour || s.Peak != 4 || s.Mean != 3.5 {
		t.Errorf("%+v", s)
	}
	for _, p := range s.Points {
		known := !p.Start.Before(eight) && (p.Start.Before(eight.Add(time.Hour)) || !p.Start.Before(eight.Add(2*time.Hour)))
		if p.Gap() == known || p.Gap() && (p.Licensed != NotLicensed || p.Peak != 0) {
			t.Errorf("%+v", p)
		}
	}
	if s := NewHistory().Series(Named, Year, eight); !s.Empty() || len(s.Points) == 0 || s.Licensed != NotLicensed {
		t.Errorf("%+v", s)
	}
	if s := h.Series(Named, Day, h.Through()); s.Licensed != NotLicensed || s.Peak != 0 {
		t.Errorf("%+v", s)
	}
}

func TestALimitThatChangesIsSeen(t *testing.T) {
	h := NewHistory()
	h.begin(eight.Unix())
	for _, seats := range []int{5, 8, NotLicensed, 3} {
		h.add(h.through+3600, [2]opening{{}, {level: 1}}, [2]int{NotLicensed, seats})
	}
	s := h.Series(Concurrent, Week, h.Through())
	last := s.Points[len(s.Points)-4:]
	if last[0].Licensed != 5 || last[1].Licensed != 8 || last[2].Licensed != NotLicensed || last[3].Licensed != 3 || s.Licensed != 3 {
		t.Errorf("%+v", last)
	}
}
