// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package chart

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/seatkeeper/seatkeeper/internal/usage"
)

// anyChart is a chart of whatever may come: gaps, seats that change or are not licensed, denials in gaps, a record that ends early.
func anyChart() *rapid.Generator[*Chart] {
	return rapid.Custom(func(t *rapid.T) *Chart {
		period := rapid.SampledFrom(usage.Periods()).Draw(t, "period")
		step := steps[period]
		most := rapid.SampledFrom([]int{1, 3, 50, 10000}).Draw(t, "most")
		s := &usage.Series{Model: rapid.SampledFrom([]usage.Model{usage.Named, usage.Concurrent}).Draw(t, "model"), Period: period, Step: step}
		s.From = now.Add(-period.Length()).Truncate(step)
		var points []usage.Point
		licensed := rapid.IntRange(0, most).Draw(t, "licensed")
		for s.To = s.From; s.To.Before(now); {
			p := usage.Point{Start: s.To, Length: step, Licensed: licensed}
			p.Covered = time.Duration(rapid.Int64Range(0, 3).Draw(t, "covered")) * step / 3
			if rapid.IntRange(0, 40).Draw(t, "change") == 0 {
				licensed = rapid.IntRange(usage.NotLicensed, most).Draw(t, "licensed")
			}
			p.Peak = rapid.IntRange(0, most).Draw(t, "peak")
			p.Mean = rapid.Float64Range(0, float64(p.Peak)).Draw(t, "mean")
			if rapid.IntRange(0, 9).Draw(t, "denials") == 0 {
				n := rapid.IntRange(1, 300).Draw(t, "denied")
				p.Denials = map[string]usage.Count{"SeatsExhausted": {Denied: n, True: rapid.IntRange(0, n).Draw(t, "true")}}
			}
			// Runs of a hundred alike keep drawing fast and gaps wide.
			for range rapid.SampledFrom([]int{1, 1, 2, 20, 100}).Draw(t, "alike") {
				p.Start = s.To
				points = append(points, p)
				if s.To = s.To.Add(step); !s.To.Before(now) {
					break
				}
			}
		}
		if rapid.IntRange(0, 20).Draw(t, "empty") == 0 {
			for i := range points {
				points[i].Covered = 0
			}
		}
		s.Points = points
		s.Through = s.To.Add(-time.Duration(rapid.Int64Range(0, int64(2*step)).Draw(t, "through")))
		return &Chart{
			Namespace: rapid.StringMatching(`[a-z][a-z-]{0,62}`).Draw(t, "namespace"), Pool: rapid.StringMatching(`[a-z][a-z.-]{0,252}`).Draw(t, "pool"),
			Series: s, Now: rapid.SampledFrom([]time.Time{{}, now}).Draw(t, "now"), Since: s.From.Add(time.Duration(rapid.Int64Range(-int64(step), int64(period.Length())).Draw(t, "since"))), Connected: rapid.IntRange(0, most).Draw(t, "connected"),
			Zone: time.FixedZone("X", 900*rapid.IntRange(-48, 56).Draw(t, "zone")), Note: rapid.SampledFrom([]string{"", "31 of 50 seats was the most ever in use in 30 days. 34 would leave 10% headroom."}).Draw(t, "note"),
		}
	})
}

func anySize() *rapid.Generator[Size] {
	return rapid.Custom(func(t *rapid.T) Size {
		return Size{rapid.IntRange(0, 2000).Draw(t, "width"), rapid.IntRange(0, 1200).Draw(t, "height")}
	})
}

// room is where a text stands, as narrow as it can be: without the slack that its place was found with.
func room(s shape) box {
	l := s.role.look()
	width := s.role.typeface().width(s.text, l.size)
	left := s.at[0].x
	switch s.anchor {
	case anchorStart:
	case anchorMiddle:
		left -= width / 2
	case anchorEnd:
		left -= width
	}
	return box{left, s.at[0].y - 0.7*l.size, left + width, s.at[0].y + 0.2*l.size}
}

func TestNothingLeavesThePicture(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := anyChart().Draw(t, "chart").draw(anySize().Draw(t, "size"))
		var texts []shape
		for _, s := range d.scene.shapes {
			for _, p := range s.at {
				if !(p.x >= 0 && p.x <= d.scene.width && p.y >= 0 && p.y <= d.scene.height) {
					t.Fatalf("%s %q is out of the picture of %v x %v: %v", s.role, s.text, d.scene.width, d.scene.height, p)
				}
				switch s.role {
				case roleBand, roleOpen, roleLicensed, rolePeak:
					legend := p.y < d.top-1
					if !legend && (p.x < d.left-1e-9 || p.x > d.right+1e-9 || p.y < d.top-1e-9 || p.y > d.bottom+1e-9) {
						t.Fatalf("%s is out of the plot: %v", s.role, p)
					}
				default:
				}
			}
			if s.kind != kindText {
				continue
			}
			r := room(s)
			if r.left < 0 || r.right > d.scene.width || r.top < 0 || r.bottom > d.scene.height {
				t.Fatalf("%q is out of the picture of %v x %v: %+v", s.text, d.scene.width, d.scene.height, r)
			}
			for _, o := range texts {
				if r.meets(room(o)) {
					t.Fatalf("%q and %q overlap in a picture of %v x %v: %+v, %+v", s.text, o.text, d.scene.width, d.scene.height, r, room(o))
				}
			}
			texts = append(texts, s)
		}
	})
}

// What the lines say, read back from their coordinates, is what the series says; and no line is drawn where nothing is on record.
func TestLinesTellTheSeries(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := anyChart().Draw(t, "chart")
		d := c.draw(Size{Width: 1600, Height: 700})
		if d.each != c.Series.Step {
			t.Fatalf("so wide a picture must show each point: %v", d.each)
		}
		open, licensed := d.pieces(roleOpen), d.pieces(roleLicensed)
		for _, p := range c.Series.Points {
			end := p.Start.Add(p.Length)
			if end.After(c.to()) {
				end = c.to()
			}
			if !end.After(p.Start) || p.Start.Before(c.from()) {
				continue
			}
			middle := (d.x(p.Start) + d.x(end)) / 2
			var want []float64
			if !p.Gap() {
				want = []float64{p.Mean}
			}
			compare(t, d, "open", middle, open, want)
			if want = nil; !p.Gap() && p.Licensed != usage.NotLicensed {
				want = []float64{float64(p.Licensed)}
			}
			compare(t, d, "licensed", middle, licensed, want)
		}
	})
}

// pieces are the level parts of the lines in a role, less those of the legend.
func (d *drawing) pieces(r role) [][2]point {
	var all [][2]point
	for _, s := range d.scene.shapes {
		if s.role != r || s.at[0].y < d.top-1 {
			continue
		}
		for i := 1; i < len(s.at); i++ {
			if s.at[i-1].y == s.at[i].y {
				all = append(all, [2]point{s.at[i-1], s.at[i]})
			}
		}
	}
	return all
}

func compare(t *rapid.T, d *drawing, what string, x float64, pieces [][2]point, want []float64) {
	t.Helper()
	var got []float64
	for _, p := range pieces {
		if p[0].x < x && x < p[1].x {
			got = append(got, (d.bottom-p[0].y)/(d.bottom-d.top)*float64(d.scale.top))
		}
	}
	if len(got) != len(want) || len(got) == 1 && math.Abs(got[0]-want[0]) > 1e-6*float64(d.scale.top) {
		t.Fatalf("%s at %v: the picture says %v, the series %v", what, x, got, want)
	}
}

func TestCoarserKeepsWhatCounts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := anyChart().Draw(t, "chart").stretches()
		few := coarser(all, rapid.IntRange(2, 50).Draw(t, "n"))
		a, b := figuresOf(all), figuresOf(few)
		if a.denials != b.denials || a.highest() != b.highest() || math.Abs(a.recorded-b.recorded) > 1e-9 {
			t.Fatalf("figures differ: %+v, %+v", a, b)
		}
		if a.peak != nil && !a.peak.peakStart.Equal(b.peak.peakStart) {
			t.Fatalf("the peak was at %v, not at %v", a.peak.peakStart, b.peak.peakStart)
		}
		sum := func(stretches []stretch) (seconds, gaps float64) {
			for _, s := range stretches {
				if s.gap() {
					gaps += s.end.Sub(s.start).Seconds()
				} else {
					seconds += s.mean * s.covered.Seconds()
				}
			}
			return seconds, gaps
		}
		seconds, gaps := sum(all)
		if coarse, same := sum(few); math.Abs(coarse-seconds) > 1e-6*(seconds+1) || math.Abs(same-gaps) > 1e-3 {
			t.Fatalf("%v connection-seconds and %v s of gaps became %v and %v", seconds, gaps, coarse, same)
		}
	})
}

// A record that ends a little before now is as new as can be: the chart ends with it. One that ends long before is followed by a gap up to now.
func TestTheEndOfTheRecord(t *testing.T) {
	for name, test := range map[string]struct {
		ago, want time.Duration
		complete  bool
	}{
		"a moment ago":               {10 * time.Second, 10 * time.Second, true},
		"as an idle pool's":          {15 * time.Minute, 15 * time.Minute, true},
		"the operator is away":       {21 * time.Minute, 0, false},
		"the operator is long gone":  {5 * time.Hour, 0, false},
		"somebody's clock is behind": {-time.Second, 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			c := sample(t, usage.Day)
			c.Series.Through = now.Add(-test.ago)
			for i := range c.Series.Points {
				p := &c.Series.Points[i]
				p.Covered = max(0, min(p.Length, c.Series.Through.Sub(p.Start)))
			}
			if got := now.Sub(c.to()); got != test.want {
				t.Errorf("must end %v before now, and not %v", test.want, got)
			}
			if f := figuresOf(c.stretches()); f.complete() != test.complete {
				t.Errorf("on record: %v", f.recorded)
			}
		})
	}
}

// A young record fills the picture, and yet there is room for twelve points.
func TestTheBeginningOfTheRecord(t *testing.T) {
	for name, test := range map[string]struct {
		since, want time.Duration
	}{
		"long ago":       {9 * 24 * time.Hour, 7*24*time.Hour + 22*time.Minute},
		"three days ago": {72 * time.Hour, 72*time.Hour + 22*time.Minute},
		"just now":       {time.Minute, 11*time.Hour + 22*time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			c := sample(t, usage.Week)
			c.Since = now.Add(-test.since)
			if got := now.Sub(c.from()); got != test.want {
				t.Errorf("must begin %v before now, and not %v", test.want, got)
			}
		})
	}
}
