// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package usage

import (
	"maps"
	"time"
)

// Point is a stretch of a chart.
type Point struct {
	// Start is its beginning, UTC; Length how long it is.
	Start  time.Time
	Length time.Duration
	// Covered is how much of it is known; 0: it is a gap, and the connections in it mean nothing.
	Covered time.Duration
	// Mean is the connections open on average while it was covered, Peak the most at once.
	Mean float64
	Peak int
	// Licensed is the most seats that there were; NotLicensed: the pool lacked the model, or did not exist.
	Licensed int
	// Grants is the number of sessions of the model that got a seat.
	Grants int
	// Denials are by reason, of any model: who is denied has no seat by which to tell.
	Denials map[string]Count
}

// Gap says that nothing is known of the point's connections.
func (p Point) Gap() bool { return p.Covered == 0 }

// Series is what a chart of one model and period shows (A5).
type Series struct {
	Model  Model
	Period Period
	// From and To are its ends: From is the first point's start, To the last one's end, which is after `now` unless now ends a point.
	From, To time.Time
	// Through is up to when the history tells what happened; what comes after is not known yet. Zero: nothing is known.
	Through time.Time
	// Step is the length of a point.
	Step time.Duration
	// Points follow each other without a hole, gaps included: 288 for a day, 168 for a week, 360 for a month, 364 for a quarter, 364 for a year, and one more where now is within a point.
	Points []Point

	// Covered is how much of the period is known; Mean is over that, Peak the most at once and PeakStart the start of the first point that had it.
	Covered   time.Duration
	Mean      float64
	Peak      int
	PeakStart time.Time
	// Licensed is that of the last point that is known; NotLicensed where none is or the pool lacks the model.
	Licensed int
	Grants   int
	Denials  map[string]Count
}

// Empty says that nothing at all is known of the period's connections.
func (s *Series) Empty() bool { return s.Covered == 0 }

// Denied adds up the denials for all reasons.
func Denied(reasons map[string]Count) Count {
	var sum Count
	for _, n := range reasons {
		sum = sum.plus(n)
	}
	return sum
}

// grain is which ring a period is drawn from, and how long a point is.
func (p Period) grain() (ringIndex int, step int64) {
	switch p {
	case Day:
		return 0, fineLength
	case Week:
		return 1, hour
	case Month:
		return 1, 2 * hour
	case Quarter:
		return 1, 6 * hour
	case Year:
		return 2, day
	default:
		return 2, day
	}
}

// Series is the chart of a model over the period that ends at now, from the finest ring that reaches back so far.
func (h *History) Series(m Model, p Period, now time.Time) *Series {
	index, step := p.grain()
	from := now.Unix() - int64(p.Length()/time.Second)
	from -= mod(from, step)
	s := &Series{Model: m, Period: p, From: instant(from), Through: h.Through(), Step: time.Duration(step) * time.Second, Licensed: NotLicensed}

	all, total := h.rings[index].buckets, newBucket(from)
	for len(all) > 0 && all[0].start < from {
		all = all[1:]
	}
	for start := from; start < now.Unix(); start += step {
		b := newBucket(start)
		for len(all) > 0 && all[0].start < start+step {
			b = b.merge(all[0])
			all = all[1:]
		}
		use := b.uses[m.index()]
		point := Point{Start: instant(start), Length: s.Step, Covered: time.Duration(b.covered) * time.Second, Peak: use.peak, Licensed: use.licensed, Grants: use.grants, Denials: maps.Clone(b.denials)}
		if b.covered > 0 {
			point.Mean = float64(use.seconds) / float64(b.covered)
			s.Licensed = use.licensed
			if s.PeakStart.IsZero() || use.peak > s.Peak {
				s.Peak, s.PeakStart = use.peak, point.Start
			}
		}
		s.Points = append(s.Points, point)
		total = total.merge(b)
		s.To = instant(start + step)
	}
	s.Covered = time.Duration(total.covered) * time.Second
	if total.covered > 0 {
		s.Mean = float64(total.uses[m.index()].seconds) / float64(total.covered)
	}
	s.Grants, s.Denials = total.uses[m.index()].grants, total.denials
	return s
}
