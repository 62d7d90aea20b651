// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package chart

import (
	"strings"
	"testing"
	"time"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/internal/usage"
)

// The peak was somewhere within its point, and never before the record began or after it ended.
func TestThePeaksTimeIsAStretch(t *testing.T) {
	for name, test := range map[string]struct {
		period usage.Period
		start  string
		since  string
		zone   string
		want   string
	}{
		"an hour":                             {usage.Week, "2026-03-18T10:00:00Z", "", "UTC", "Wed 18 Mar between 10:00 and 11:00"},
		"five minutes":                        {usage.Day, "2026-03-23T10:05:00Z", "", "UTC", "Mon 23 Mar between 10:05 and 10:10"},
		"the hour before midnight":            {usage.Week, "2026-03-18T23:00:00Z", "", "UTC", "Wed 18 Mar between 23:00 and 24:00"},
		"six hours over midnight":             {usage.Quarter, "2026-03-18T18:00:00Z", "", "Europe/Berlin", "between Wed 18 Mar 19:00 and Thu 19 Mar 01:00"},
		"an hour in which clocks are changed": {usage.Quarter, "2026-03-08T06:00:00Z", "", "America/New_York", "Sun 8 Mar 01:00 EST to 08:00 EDT"},
		"a day":                               {usage.Year, "2026-03-18T00:00:00Z", "", "UTC", "18 Mar 2026"},
		"a day of another clock":              {usage.Year, "2026-03-18T00:00:00Z", "", "Asia/Tokyo", "18 Mar 2026 (UTC)"},
		"in which the record began":           {usage.Week, "2026-03-18T10:00:00Z", "2026-03-18T10:47:30Z", "UTC", "Wed 18 Mar between 10:47 and 11:00"},
		"in which the record ends":            {usage.Week, "2026-03-23T14:00:00Z", "", "UTC", "Mon 23 Mar between 14:00 and 14:21"},
		"of which a moment is on record":      {usage.Week, "2026-03-23T14:00:00Z", "2026-03-23T14:21:45Z", "UTC", "Mon 23 Mar 14:21"},
	} {
		t.Run(name, func(t *testing.T) {
			c := sample(t, test.period)
			c.Zone = zone(t, test.zone)
			if test.since != "" {
				c.Since = at(t, test.since)
			}
			if got := c.when(at(t, test.start)); got != test.want {
				t.Errorf("%q, want %q", got, test.want)
			}
		})
	}
}

// A record of some minutes in a picture of an hour: no time before it began is told.
func TestNothingIsToldOfTheTimeBeforeTheRecord(t *testing.T) {
	c := sample(t, usage.Day)
	c.Since = at(t, "2026-03-23T14:17:00Z")
	for i := range c.Series.Points {
		if p := &c.Series.Points[i]; p.Start.Before(c.Since.Add(-c.Series.Step)) {
			*p = usage.Point{Start: p.Start, Length: p.Length, Licensed: usage.NotLicensed}
		} else {
			p.Peak = 7
		}
	}
	c.Zone = time.UTC
	if text := c.Terminal(TerminalOptions{Columns: 200}); !strings.Contains(text, "Most at once: 7 of 45, Mon 23 Mar between 14:17 and 14:20 ·") {
		t.Error(text)
	}
}

func TestDenialsAreToldApart(t *testing.T) {
	for name, test := range map[string]struct {
		denials usage.Count
		forSeat usage.Count
		want    string
	}{
		"none":                      {usage.Count{}, usage.Count{}, "Denied: none"},
		"one, who got in":           {usage.Count{Denied: 1}, usage.Count{Denied: 1}, "Denied: 1 login; Truly denied (no seat within 5 min): 0"},
		"some for good":             {usage.Count{Denied: 7, True: 2}, usage.Count{Denied: 7, True: 2}, "Denied: 7 logins; Truly denied (no seat within 5 min): 2"},
		"some for other reasons":    {usage.Count{Denied: 7, True: 3}, usage.Count{Denied: 5, True: 1}, "Denied: 7 logins, 2 of them not for want of a seat; Truly denied (no seat within 5 min): 3, 2 of them not for want of a seat"},
		"none for want of a seat":   {usage.Count{Denied: 2, True: 1}, usage.Count{}, "Denied: 2 logins, not for want of a seat; Truly denied (no seat within 5 min): 1, not for want of a seat"},
		"all true ones for a seat":  {usage.Count{Denied: 7, True: 1}, usage.Count{Denied: 5, True: 1}, "Denied: 7 logins, 2 of them not for want of a seat; Truly denied (no seat within 5 min): 1"},
		"counted apart by replicas": {usage.Count{Denied: 1, True: 2}, usage.Count{Denied: 1, True: 2}, "Denied: 1 login; Truly denied (no seat within 5 min): 2"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := strings.Join(denied(figures{denials: test.denials, forSeat: test.forSeat}), "; "); got != test.want {
				t.Errorf("%q, want %q", got, test.want)
			}
		})
	}
}

// Each model's chart has the denials for want of its own seats, and those of which nobody knows the model.
func TestDenialsAreShownWithTheirModel(t *testing.T) {
	h := usage.NewHistory()
	began := now.Add(-2 * time.Hour)
	line := usage.NewTimeline(began)
	line.License(began, 5, 4)
	for i, reason := range []string{licensing.ReasonSeatsExhausted, licensing.ReasonWaitExpired, licensing.ReasonAccountNotLicensed, licensing.ReasonAccountDisabled} {
		line.Put(usage.Session{ID: reason, User: reason, Denied: reason, Ended: began.Add(time.Duration(i+1) * 10 * time.Minute)})
	}
	line.Tell(h, now, time.Hour)
	for model, want := range map[usage.Model]string{
		usage.Concurrent: "Denied: 3 logins, 1 of them not for want of a seat · Truly denied (no seat within 5 min): 3, 1 of them not for want of a seat",
		usage.Named:      "Denied: 2 logins, 1 of them not for want of a seat · Truly denied (no seat within 5 min): 2, 1 of them not for want of a seat",
	} {
		c := Of("itsm", "service-desk", h, model, usage.Day, now)
		if text := c.Terminal(TerminalOptions{Columns: 300}); !strings.Contains(text, want) {
			t.Errorf("%s: no %q in\n%s", model, want, text)
		}
		if sum := usage.Denied(c.Series.Denials); sum.Denied != map[usage.Model]int{usage.Concurrent: 3, usage.Named: 2}[model] {
			t.Errorf("%s: %+v", model, c.Series.Denials)
		}
	}
	if got := usage.Denied(h.Series(usage.Named, usage.Day, now).Denials).Denied; got != 4 {
		t.Errorf("the history itself must be left as it is: %d", got)
	}
}

// A leader's clock that was ahead made the record run ahead of the viewer's: no time to come is told.
func TestARecordThatRunsAhead(t *testing.T) {
	h := usage.NewHistory()
	began := now.Add(-time.Hour)
	line := usage.NewTimeline(began)
	line.License(began, usage.NotLicensed, 4)
	line.Put(usage.Session{ID: "a", User: "a", Connection: "a", Model: usage.Concurrent, Logon: began.Add(10 * time.Minute)})
	line.Tell(h, now.AddDate(0, 0, 3), time.Hour)
	text := Of("itsm", "service-desk", h, usage.Concurrent, usage.Week, now).Terminal(TerminalOptions{Columns: 200})
	for _, told := range []string{"Week: Mon 23 Mar 2026 03:00 to Mon 23 Mar 2026 14:22 UTC", "Open: 1 of 4 · Most at once: 1 of 4, Mon 23 Mar between 13:22 and 14:00 ·", "On record: all of the time since it began"} {
		if !strings.Contains(text, told) {
			t.Errorf("no %q in\n%s", told, text)
		}
	}
	if strings.Contains(text, "26 Mar") {
		t.Error(text)
	}
}
