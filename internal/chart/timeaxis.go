// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package chart

import (
	"math"
	"time"
)

// tick is a moment that the time axis marks.
type tick struct {
	at time.Time
	// label is what the tick is called where there is room, and brief where there is less.
	label, brief string
}

// pace is the distance of ticks on the time axis, in units of the calendar: a day is what the viewer's clock calls a day, of 23 or 25 hours at times.
type pace struct{ minutes, days, weeks, months int }

// axisOf says which paces suit a span of time, finest first, and which one marks the time between labels.
func axisOf(span time.Duration) (labelled []pace, between pace) {
	const day = 24 * time.Hour
	switch {
	case span <= 3*time.Hour:
		return []pace{{minutes: 5}, {minutes: 10}, {minutes: 15}, {minutes: 30}, {minutes: 60}}, pace{minutes: 5}
	case span <= 14*time.Hour:
		return []pace{{minutes: 30}, {minutes: 60}, {minutes: 120}, {minutes: 180}, {minutes: 360}}, pace{minutes: 30}
	case span <= 2*day:
		return []pace{{minutes: 60}, {minutes: 120}, {minutes: 180}, {minutes: 360}, {minutes: 720}, {days: 1}}, pace{minutes: 60}
	case span <= 10*day:
		return []pace{{days: 1}, {days: 2}, {days: 4}}, pace{minutes: 360}
	case span <= 45*day:
		return []pace{{weeks: 1}, {weeks: 2}}, pace{days: 1}
	case span <= 120*day:
		return []pace{{weeks: 1}, {weeks: 2}, {weeks: 4}}, pace{weeks: 1}
	default:
		return []pace{{months: 1}, {months: 2}, {months: 3}, {months: 6}, {months: 12}}, pace{months: 1}
	}
}

// ticks are the moments of a pace from the first to the last, both included, by the clock and calendar of a place.
func (p pace) ticks(from, to time.Time, zone *time.Location) []tick {
	from, to = from.In(zone), to.In(zone)
	var ticks []tick
	add := func(at time.Time) {
		// In spring one o'clock and two o'clock may be the same moment.
		again := len(ticks) > 0 && !at.After(ticks[len(ticks)-1].at)
		if !at.Before(from) && !at.After(to) && !again {
			ticks = append(ticks, tick{at, p.label(at), p.brief(at)})
		}
	}
	year, month, day := from.Date()
	if p.months > 0 {
		for m := 0; ; m++ {
			at := time.Date(year, month+time.Month(m), 1, 0, 0, 0, 0, zone)
			if at.After(to) {
				return ticks
			}
			if (int(at.Month())-1)%p.months == 0 {
				add(at)
			}
		}
	}
	for d := 0; ; d++ {
		at := time.Date(year, month, day+d, 0, 0, 0, 0, zone)
		switch {
		case at.After(to):
			return ticks
		case p.minutes > 0:
			y, m, d := at.Date()
			for minute := 0; minute < 24*60; minute += p.minutes {
				add(time.Date(y, m, d, 0, minute, 0, 0, zone))
			}
		case dayNumber(at)%(7*p.weeks+p.days) == 0:
			add(at)
		}
	}
}

// dayNumber counts the days of the calendar since Monday, 5 January 1970.
func dayNumber(at time.Time) int {
	year, month, day := at.Date()
	const firstMonday = 4
	return int(time.Date(year, month, day, 0, 0, 0, 0, time.UTC).Unix()/(24*60*60)) - firstMonday
}

func (p pace) label(at time.Time) string {
	switch {
	case p.minutes > 0 && at.Hour() == 0 && at.Minute() == 0, p.days > 0:
		return at.Format("Mon 2 Jan")
	case p.minutes > 0:
		return at.Format("15:04")
	case p.weeks > 0:
		return at.Format("2 Jan")
	case at.Month() == time.January || p.months >= 12:
		return at.Format("Jan 2006")
	default:
		return at.Format("Jan")
	}
}

// brief is the label without what the period's dates say anyway.
func (p pace) brief(at time.Time) string {
	switch {
	case p.days > 0:
		return at.Format("Mon 2")
	case p.months > 0:
		return at.Format("Jan")
	default:
		return p.label(at)
	}
}

// placed is a label that has its place: centred on its tick.
type placed struct {
	at            time.Time
	text          string
	centre, width float64
}

// ruler is where labels of a time axis may stand, in the units of a picture or the columns of a terminal.
type ruler struct {
	place            func(time.Time) float64
	width            func(string) float64
	left, right, gap float64
}

// put gives labels their places, less those that would reach over an end. It says whether all others had room.
func (r ruler) put(ticks []tick, text func(tick) string) (labels []placed, fit bool) {
	fit = true
	free := math.Inf(-1)
	for _, t := range ticks {
		l := placed{at: t.at, text: text(t), centre: r.place(t.at), width: r.width(text(t))}
		start, end := l.centre-l.width/2, l.centre+l.width/2
		switch {
		case start < r.left || end > r.right:
		case start < free:
			fit = false
		default:
			labels = append(labels, l)
			free = end + r.gap
		}
	}
	return labels, fit
}

// timeAxis labels the time axis with the finest pace whose labels all have room; of the coarsest it leaves out those that have none. Ticks between are all of
// the finer pace.
func timeAxis(from, to time.Time, zone *time.Location, r ruler) (labels []placed, between []tick) {
	paces, minor := axisOf(to.Sub(from))
	between = minor.ticks(from, to, zone)
	for _, p := range paces {
		ticks := p.ticks(from, to, zone)
		for _, text := range []func(tick) string{func(t tick) string { return t.label }, func(t tick) string { return t.brief }} {
			var fit bool
			if labels, fit = r.put(ticks, text); fit {
				return labels, between
			}
		}
	}
	return labels, between
}
