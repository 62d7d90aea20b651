// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package chart

import (
	"math"
	"strconv"
	"time"
)

// Size is that of a picture, in pixels of CSS. What is 0 is taken from DefaultSize. A picture whose words need more height gets it.
type Size struct{ Width, Height int }

// DefaultSize is that of a picture whose size nobody asked for.
var DefaultSize = Size{Width: 960, Height: 440}

// The bounds of a picture's sides: below there is no room for words, above nobody looks.
const (
	MinWidth, MaxWidth   = 280, 8000
	MinHeight, MaxHeight = 200, 8000
)

// bounded fills in what is 0 and keeps all within bounds.
func (s Size) bounded() Size {
	if s.Width <= 0 {
		s.Width = DefaultSize.Width
	}
	if s.Height <= 0 {
		s.Height = DefaultSize.Height
	}
	return Size{min(max(s.Width, MinWidth), MaxWidth), min(max(s.Height, MinHeight), MaxHeight)}
}

const (
	edge        = 12.0 // between the picture's edge and what is in it
	lineHeight  = 18.0
	deniedRoom  = 40.0 // the panel of denials
	deniedAbove = 24.0 // between it and the plot
	axisRoom    = 28.0 // for the labels of the time axis
	leastPlot   = 130.0
)

// drawing lays a chart out. All coordinates are rounded to a tenth of a pixel when they are written, not here.
type drawing struct {
	*Chart

	scene     scene
	stretches []stretch
	each      time.Duration // how long stretches are
	figures   figures
	scale     scale

	// The plot's edges.
	left, top, right, bottom float64
}

type box struct{ left, top, right, bottom float64 }

func (b box) meets(o box) bool {
	return b.left < o.right && o.left < b.right && b.top < o.bottom && o.top < b.bottom
}

// draw makes the scene of a chart.
func (c *Chart) draw(size Size) *drawing {
	size = size.bounded()
	d := &drawing{Chart: c, stretches: c.stretches(), each: c.Series.Step}
	// Steps of less than two pixels would be a blot.
	if n := int(math.Ceil(2 * float64(len(d.stretches)) / float64(size.Width-80))); n > 1 {
		d.stretches, d.each = coarser(d.stretches, n), time.Duration(n)*d.each
	}
	d.figures = figuresOf(d.stretches)
	d.scene.width = float64(size.Width)
	d.top = d.header()
	footer := d.footerLines()
	below := axisRoom + float64(len(footer))*lineHeight + edge
	panel := d.figures.denials.Denied > 0
	if panel {
		below += deniedAbove + deniedRoom
	}
	// A picture that is too low for its words grows.
	d.scene.height = max(float64(size.Height), math.Ceil(d.top+leastPlot+below))
	d.bottom = d.scene.height - below
	d.footer(footer)
	d.scale = scaleFor(d.figures.highest(), max(int(math.Round((d.bottom-d.top)/45)), 3))
	d.left = edge + max(roleMuted.width(strconv.Itoa(d.scale.top)), roleMuted.width(strconv.Itoa(d.figures.denialsInOne))) + 8
	d.right = d.scene.width - edge - d.marginWidth()

	d.gaps(d.top, d.bottom)
	d.uprightAxis()
	d.timeAxis(panel)
	if d.figures.last == nil {
		d.nothing()
	} else {
		d.bands()
		d.licensed()
		d.open()
		d.marginLabels()
		d.peak()
	}
	if panel {
		d.denied(d.bottom+deniedAbove, d.bottom+deniedAbove+deniedRoom)
	}
	paper := scene{}
	paper.box(rolePaper, 0, 0, d.scene.width, d.scene.height)
	d.scene.shapes = append(paper.shapes, d.scene.shapes...)
	return d
}

// x is where a moment stands.
func (d *drawing) x(at time.Time) float64 {
	span := d.to().Sub(d.from())
	if span <= 0 {
		return d.left
	}
	part := float64(at.Sub(d.from())) / float64(span)
	return d.left + min(max(part, 0), 1)*(d.right-d.left)
}

// y is where a number of connections stands.
func (d *drawing) y(connections float64) float64 {
	return d.bottom - d.scale.part(connections)*(d.bottom-d.top)
}

func (d *drawing) uprightAxis() {
	for _, t := range d.scale.ticks() {
		y := d.y(float64(t))
		if t > 0 {
			d.scene.line(roleGrid, point{d.left, y}, point{d.right, y})
		}
		d.scene.text(roleMuted, point{d.left - 8, y + 4}, anchorEnd, strconv.Itoa(t))
	}
}

// timeAxis draws the axis below the plot; with a panel of denials below it, the labels go under that.
func (d *drawing) timeAxis(panel bool) {
	under := d.bottom
	if panel {
		under += deniedAbove + deniedRoom
	}
	labels, between := timeAxis(d.from(), d.to(), d.zone(), ruler{place: d.x, width: roleMuted.width, left: 2, right: d.scene.width - 2, gap: 10})
	for _, t := range between {
		x := d.x(t.at)
		d.scene.line(roleAxis, point{x, under}, point{x, under + 3})
	}
	for _, l := range labels {
		d.scene.line(roleGrid, point{l.centre, d.top}, point{l.centre, d.bottom})
		d.scene.line(roleAxis, point{l.centre, under}, point{l.centre, under + 6})
		d.scene.text(roleMuted, point{l.centre, under + 18}, anchorMiddle, l.text)
	}
	d.scene.line(roleAxis, point{d.left, d.bottom}, point{d.right, d.bottom})
	if panel {
		d.scene.line(roleAxis, point{d.left, under}, point{d.right, under})
	}
}

// gaps hatches the time without a record.
func (d *drawing) gaps(top, bottom float64) {
	if d.figures.last == nil {
		return // one sentence says it
	}
	from := d.from()
	shade := func(to time.Time) {
		if left, right := d.x(from), d.x(to); right-left >= 0.05 {
			d.hatch(left, top, right, bottom)
		}
	}
	for _, s := range d.stretches {
		if s.gap() {
			continue
		}
		if s.start.After(from) {
			shade(s.start)
		}
		from = s.end
	}
	if from.Before(d.to()) {
		shade(d.to())
	}
}

// hatch fills a box with a ground and strokes that rise to the right.
func (d *drawing) hatch(left, top, right, bottom float64) {
	const apart = 8
	d.scene.box(roleGap, left, top, right, bottom)
	height := bottom - top
	// A stroke begins at the bottom at x0 and reaches the top at x0 + height. All lie on one raster, so that neighbours meet.
	for x0 := math.Floor((left-height)/apart) * apart; x0 < right; x0 += apart {
		from, to := max(x0, left), min(x0+height, right)
		if from < to {
			d.scene.line(roleHatch, point{from, bottom - (from - x0)}, point{to, bottom - (to - x0)})
		}
	}
}

// nothing says in the picture that there is nothing to draw.
func (d *drawing) nothing() {
	lines := roleText.wrap(d.emptyText(), d.right-d.left-20)
	y := (d.top+d.bottom)/2 - float64(len(lines)-1)*lineHeight/2 + 5
	for _, line := range lines {
		d.scene.text(roleText, point{(d.left + d.right) / 2, y}, anchorMiddle, line)
		y += lineHeight
	}
}
