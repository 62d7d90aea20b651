// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package chart

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestScale(t *testing.T) {
	for highest, want := range map[int]scale{
		0: {2, 1}, 1: {2, 1}, 3: {4, 1}, 10: {12, 2}, 19: {20, 5}, 20: {25, 5}, 50: {60, 20}, 10000: {12000, 2000},
	} {
		if got := scaleFor(highest, 5); got.top < want.top || got.step > want.top {
			t.Errorf("up to %d: %v", highest, got)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		highest, ticks := rapid.IntRange(0, 1_000_000).Draw(t, "highest"), rapid.IntRange(1, 20).Draw(t, "ticks")
		s := scaleFor(highest, ticks)
		if float64(s.top) < float64(highest)*1.05 || s.top%s.step != 0 || s.top-s.step >= max(2*highest, 2) {
			t.Fatalf("up to %d: %+v", highest, s)
		}
		leading := s.step
		for leading%10 == 0 {
			leading /= 10
		}
		if leading != 1 && leading != 2 && leading != 5 {
			t.Fatalf("steps must be round: %d", s.step)
		}
		if n := len(s.ticks()) - 1; n > ticks+1 {
			t.Fatalf("%d ticks where %d were asked for", n, ticks)
		}
	})
}

func TestTicksGoByTheCalendar(t *testing.T) {
	berlin, kathmandu, sydney := zone(t, "Europe/Berlin"), zone(t, "Asia/Kathmandu"), zone(t, "Australia/Sydney")
	for name, test := range map[string]struct {
		pace     pace
		from, to string
		zone     *time.Location
		want     []string
	}{
		"hours": {pace{minutes: 360}, "2026-03-02T05:59:00Z", "2026-03-03T06:00:00Z", time.UTC,
			[]string{"06:00", "12:00", "18:00", "Tue 3 Mar", "06:00"}},
		"minutes": {pace{minutes: 15}, "2026-03-02T23:40:00Z", "2026-03-03T00:20:00Z", time.UTC,
			[]string{"23:45", "Tue 3 Mar", "00:15"}},
		"hours of a day that has 23": {pace{minutes: 60}, "2026-03-28T23:00:00Z", "2026-03-29T03:00:00Z", berlin,
			[]string{"Sun 29 Mar", "01:00", "03:00", "04:00", "05:00"}},
		"hours of a day that has 25": {pace{minutes: 60}, "2026-10-24T22:00:00Z", "2026-10-25T03:00:00Z", berlin,
			[]string{"Sun 25 Oct", "01:00", "02:00", "03:00", "04:00"}},
		"hours of a clock that is 45 minutes off": {pace{minutes: 720}, "2026-03-01T18:00:00Z", "2026-03-02T18:20:00Z", kathmandu,
			[]string{"Mon 2 Mar", "12:00", "Tue 3 Mar"}},
		"days over a change of the clocks": {pace{days: 1}, "2026-04-03T12:00:00Z", "2026-04-06T14:00:00Z", sydney,
			[]string{"Sat 4 Apr", "Sun 5 Apr", "Mon 6 Apr", "Tue 7 Apr"}},
		"weeks begin on Monday": {pace{weeks: 1}, "2025-12-25T00:00:00Z", "2026-01-13T00:00:00Z", time.UTC,
			[]string{"29 Dec", "5 Jan", "12 Jan"}},
		"months": {pace{months: 1}, "2025-11-01T00:00:00Z", "2026-02-28T00:00:00Z", time.UTC,
			[]string{"Nov", "Dec", "Jan 2026", "Feb"}},
		"quarters of the year": {pace{months: 3}, "2025-11-15T00:00:00Z", "2026-07-02T00:00:00Z", time.UTC,
			[]string{"Jan 2026", "Apr", "Jul"}},
		"before 1970": {pace{weeks: 1}, "1969-12-28T00:00:00Z", "1970-01-06T00:00:00Z", time.UTC,
			[]string{"29 Dec", "5 Jan"}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, tick := range test.pace.ticks(at(t, test.from), at(t, test.to), test.zone) {
				got = append(got, tick.label)
			}
			if len(got) != len(test.want) {
				t.Fatalf("got %q, want %q", got, test.want)
			}
			for i := range got {
				if got[i] != test.want[i] {
					t.Fatalf("got %q, want %q", got, test.want)
				}
			}
		})
	}
}

// In every zone and at every time, ticks are within bounds, rise, and stand on the hour of the local clock, or on its midnight where that exists.
func TestTicksRise(t *testing.T) {
	names := []string{"UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "Asia/Beirut", "Pacific/Apia", "America/Sao_Paulo"}
	rapid.Check(t, func(rt *rapid.T) {
		place := zone(t, rapid.SampledFrom(names).Draw(rt, "zone"))
		from := time.Unix(rapid.Int64Range(0, 2_000_000_000).Draw(rt, "from"), 0)
		span := time.Duration(rapid.Int64Range(3600, 400*86400).Draw(rt, "seconds")) * time.Second
		to := from.Add(span)
		labelled, between := axisOf(span)
		for _, p := range append(labelled, between) {
			last := from.Add(-1)
			for _, tick := range p.ticks(from, to, place) {
				if tick.at.Before(from) || tick.at.After(to) || !tick.at.After(last) {
					rt.Fatalf("%+v: %v after %v, of %v to %v", p, tick.at, last, from, to)
				}
				last = tick.at
				if local := tick.at.In(place); local.Second() != 0 || p.minutes == 0 && local.Hour() > 1 && local.Hour() < 23 {
					rt.Fatalf("%+v: %v is no such time", p, local)
				}
			}
		}
	})
}

func TestLabelsHaveRoom(t *testing.T) {
	const letter = 6.0
	rapid.Check(t, func(rt *rapid.T) {
		from := now.Add(-time.Duration(rapid.Int64Range(1, 400*24).Draw(rt, "hours")) * time.Hour)
		width := rapid.Float64Range(1, 2000).Draw(rt, "width")
		r := ruler{
			place: func(at time.Time) float64 { return 40 + width*float64(at.Sub(from))/float64(now.Sub(from)) },
			width: func(s string) float64 { return letter * float64(len(s)) },
			left:  2, right: width + 60, gap: 10,
		}
		labels, _ := timeAxis(from, now, time.UTC, r)
		free := r.left
		for _, l := range labels {
			if l.centre-l.width/2 < free || l.centre+l.width/2 > r.right {
				rt.Fatalf("%q at %v has no room: %+v", l.text, l.centre, labels)
			}
			free = l.centre + l.width/2 + r.gap
		}
		if width > 400 && now.Sub(from) > 62*24*time.Hour && len(labels) < 2 {
			rt.Fatalf("two months or more must have labels: %+v", labels)
		}
	})
}

func at(t *testing.T, text string) time.Time {
	t.Helper()
	when, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return when
}
