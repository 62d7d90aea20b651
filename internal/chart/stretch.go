// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package chart

import (
	"time"

	"github.com/seatkeeper/seatkeeper/internal/usage"
)

// stretch is what is drawn of a point of the series, or of several that one picture has no room to tell apart.
type stretch struct {
	start, end     time.Time
	covered        time.Duration // 0: a gap
	mean           float64
	peak, licensed int
	peakStart      time.Time // of the point that had the peak
	denials        usage.Count
	forSeat        usage.Count // those of the denials that were for want of a seat of the model
}

func (s stretch) gap() bool { return s.covered == 0 }

func (s stretch) hasLicense() bool { return !s.gap() && s.licensed != usage.NotLicensed }

// stretches are the points as far as they lie within the chart.
func (c *Chart) stretches() []stretch {
	from, to := c.from(), c.to()
	var all []stretch
	for _, p := range c.Series.Points {
		if p.Start.Before(from) {
			continue
		}
		s := stretch{
			start: p.Start, end: p.Start.Add(p.Length), covered: p.Covered, mean: p.Mean, peak: p.Peak, licensed: p.Licensed, peakStart: p.Start, denials: usage.Denied(p.Denials), forSeat: c.forSeat(p.Denials),
		}
		if s.end.After(to) {
			s.end = to
		}
		s.covered = min(s.covered, max(s.end.Sub(s.start), 0))
		if s.end.After(s.start) {
			all = append(all, s)
		}
	}
	return all
}

// coarser joins so many neighbours to one, but never over the border of a gap: gaps stay.
func coarser(stretches []stretch, n int) []stretch {
	var joined []stretch
	members := 0
	for _, s := range stretches {
		if members == 0 || members >= n || joined[len(joined)-1].gap() != s.gap() {
			joined = append(joined, s)
			members = 1
			continue
		}
		joined[len(joined)-1] = joined[len(joined)-1].and(s)
		members++
	}
	return joined
}

// and joins a stretch with the one that follows.
func (s stretch) and(next stretch) stretch {
	joined := s
	joined.end = next.end
	joined.covered += next.covered
	if joined.covered > 0 {
		joined.mean = (s.mean*float64(s.covered) + next.mean*float64(next.covered)) / float64(joined.covered)
	}
	if next.peak > s.peak {
		joined.peak, joined.peakStart = next.peak, next.peakStart
	}
	joined.licensed = max(s.licensed, next.licensed)
	joined.denials.Denied += next.denials.Denied
	joined.denials.True += next.denials.True
	joined.forSeat.Denied += next.forSeat.Denied
	joined.forSeat.True += next.forSeat.True
	return joined
}

// figures are the numbers that a chart tells beside its drawing.
type figures struct {
	// last is the newest stretch on record, peak the first with the most connections; nil: none is on record.
	last, peak   *stretch
	licensed     int // the highest
	denials      usage.Count
	forSeat      usage.Count // those of them for want of a seat of the model
	denialsInOne int         // the most in one stretch
	// covered is how much of the period is on record; recorded the part of it, from 0 to 1.
	covered  time.Duration
	recorded float64
}

func figuresOf(stretches []stretch) figures {
	var f figures
	var span time.Duration
	for i := range stretches {
		s := &stretches[i]
		f.denials.Denied += s.denials.Denied
		f.denials.True += s.denials.True
		f.forSeat.Denied += s.forSeat.Denied
		f.forSeat.True += s.forSeat.True
		f.denialsInOne = max(f.denialsInOne, s.denials.Denied)
		span += s.end.Sub(s.start)
		f.covered += s.covered
		if s.gap() {
			continue
		}
		f.licensed = max(f.licensed, s.licensed)
		f.last = s
		if f.peak == nil || s.peak > f.peak.peak {
			f.peak = s
		}
	}
	if span > 0 {
		f.recorded = float64(f.covered) / float64(span)
	}
	return f
}

// highest is what the upright axis must reach.
func (f figures) highest() int {
	if f.peak == nil {
		return f.licensed
	}
	return max(f.licensed, f.peak.peak)
}

// complete says that the whole period is on record, but for what nobody would see.
func (f figures) complete() bool { return f.recorded > 0.9995 }
