// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package chart

import (
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/seatkeeper/seatkeeper/internal/usage"
)

// sentences tell the figures.
func (c *Chart) sentences(f figures) []string {
	if f.last == nil {
		return nil
	}
	open := "Open: " + ofLicensed(c.Connected, f.last.licensed)
	if through := c.Series.Through; !through.After(c.to()) { // one that is ahead of the viewer's clock is no time at which it was so
		open += ", " + c.minute(through)
	}
	return append([]string{open, fmt.Sprintf("Most at once: %s, %s", ofLicensed(f.peak.peak, f.peak.licensed), c.when(f.peak.peakStart))},
		append(denied(f), "On record: "+c.recorded(f))...)
}

// recorded says how much of the period is on record; of a record that began within the picture, of the time since then.
func (c *Chart) recorded(f figures) string {
	young := c.Since.After(c.from()) && c.Since.Before(c.to())
	if young {
		f.recorded = min(1, float64(f.covered)/float64(c.to().Sub(c.Since)))
	}
	text := "all of the time"
	switch {
	case f.recorded < 0.001:
		text = "less than 0.1% of the time"
	case !f.complete():
		text = strconv.FormatFloat(math.Floor(f.recorded*1000)/10, 'f', -1, 64) + "% of the time"
	}
	if young || c.from().After(c.Series.From) {
		text += " since it began, " + c.moment(c.Since)
	}
	return text
}

func ofLicensed(connections, licensed int) string {
	if licensed == usage.NotLicensed {
		return strconv.Itoa(connections)
	}
	return fmt.Sprintf("%d of %d", connections, licensed)
}

// when names the time of the point that began then, as far as it is on record: nobody knows in which minute of it its peak was.
func (c *Chart) when(start time.Time) string {
	if c.Series.Step >= 24*time.Hour { // such a point is a day in UTC, and may be parts of two elsewhere
		text := start.UTC().Format("2 Jan 2006")
		if _, offset := start.In(c.zone()).Zone(); offset != 0 {
			text += " (UTC)"
		}
		return text
	}
	return c.between(c.Span(start))
}

// Span is the point that began then as far as it can be on record: from when the record began, up to its end.
func (c *Chart) Span(start time.Time) (from, to time.Time) {
	from, to = start, start.Add(c.Series.Step)
	if c.Since.After(from) && c.Since.Before(to) {
		from = c.Since
	}
	if end := c.to(); end.After(from) && end.Before(to) {
		to = end
	}
	return from, to
}

// between names a stretch of time in the viewer's time zone, to the minute.
func (c *Chart) between(from, to time.Time) string {
	from, to = from.In(c.zone()), to.In(c.zone())
	const clock = "15:04"
	first, last := from.Format(clock), to.Format(clock)
	_, before := from.Zone()
	_, after := to.Zone()
	day := to.Add(-time.Second) // a stretch that ends at midnight is not of the next day
	if last == "00:00" && day.After(from) {
		last = "24:00"
	}
	switch {
	case before != after:
		return c.minute(from) + from.Format(" MST") + " to " + to.Format(clock+" MST")
	case to.Sub(from) < time.Minute && first == to.Format(clock):
		return c.minute(from)
	case from.YearDay() == day.YearDay():
		return from.Format("Mon 2 Jan") + " between " + first + " and " + last
	default:
		return "between " + c.minute(from) + " and " + day.Format("Mon 2 Jan ") + last
	}
}

func (c *Chart) minute(at time.Time) string { return at.In(c.zone()).Format("Mon 2 Jan 15:04") }

// moment names a time of the period in the viewer's time zone, as exactly as the period asks for.
func (c *Chart) moment(at time.Time) string {
	if c.Series.Step >= 24*time.Hour {
		return at.In(c.zone()).Format("2 Jan 2006")
	}
	return c.minute(at)
}
