// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package chart

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/seatkeeper/seatkeeper/internal/usage"
)

var zones = map[string]*time.Location{}

// zone is a place on earth by its name.
func zone(tb testing.TB, name string) *time.Location {
	tb.Helper()
	if zones[name] == nil {
		z, err := time.LoadLocation(name)
		if err != nil {
			tb.Fatal(err)
		}
		zones[name] = z
	}
	return zones[name]
}

// now of all samples: a Monday, a week before the clocks of Berlin are set forward. It is within a point of every period.
var now = time.Date(2026, time.March, 23, 14, 22, 0, 0, time.UTC)

// steps are how long points are.
var steps = map[usage.Period]time.Duration{
	usage.Day: 5 * time.Minute, usage.Week: time.Hour, usage.Month: 2 * time.Hour, usage.Quarter: 6 * time.Hour, usage.Year: 24 * time.Hour,
}

// sample is a pool whose people work from Monday to Friday: 50 seats, lowered to 45 in the middle; denials where all seats are taken; no record for a while.
func sample(tb testing.TB, period usage.Period) *Chart {
	tb.Helper()
	berlin := zone(tb, "Europe/Berlin")
	chance := rand.New(rand.NewPCG(1, 2))
	step := steps[period]
	s := &usage.Series{Model: usage.Concurrent, Period: period, Through: now.Add(-10 * time.Second), Step: step}
	s.From = now.Add(-period.Length()).Truncate(step)
	for s.To = s.From; s.To.Before(now); s.To = s.To.Add(step) {
		p := usage.Point{Start: s.To, Length: step, Covered: min(step, s.Through.Sub(s.To)), Licensed: 50}
		part := float64(s.To.Sub(s.From)) / float64(period.Length())
		switch {
		case part > 0.3 && part < 0.34:
			s.Points = append(s.Points, usage.Point{Start: s.To, Length: step, Licensed: usage.NotLicensed})
			continue
		case part > 0.55:
			p.Licensed = 45
		}
		p.Mean = busy(s.To, step, berlin) + 4*chance.Float64()
		p.Peak = min(int(p.Mean*(1.1+step.Hours()/30))+1+chance.IntN(4), p.Licensed)
		p.Mean = min(p.Mean, float64(p.Peak))
		if p.Peak == p.Licensed && chance.IntN(3) > 0 {
			n := 1 + chance.IntN(5)
			p.Denials = map[string]usage.Count{"SeatsExhausted": {Denied: n, True: chance.IntN(n + 1)}}
		}
		s.Points = append(s.Points, p)
	}
	return &Chart{Namespace: "itsm", Pool: "service-desk", Series: s, Connected: 31, Now: now, Zone: berlin}
}

// busy is how many connections are open on average in a stretch of time.
func busy(start time.Time, length time.Duration, zone *time.Location) float64 {
	sum, n := 0.0, 0
	for at := start; at.Before(start.Add(length)); at = at.Add(5 * time.Minute) {
		local := at.In(zone)
		sum += 3
		if day := local.Weekday(); day != time.Saturday && day != time.Sunday {
			hour := float64(local.Hour()) + float64(local.Minute())/60
			sum += 38*hump((hour-10.5)/2.2) + 30*hump((hour-14.5)/2)
		}
		n++
	}
	return sum / float64(n)
}

func hump(x float64) float64 { return math.Exp(-x * x) }
