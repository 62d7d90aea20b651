// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package chart

import (
	"slices"
	"strconv"
)

// runs are the stretches that hold, cut where one does not.
func runs(stretches []stretch, holds func(stretch) bool) [][]stretch {
	var all [][]stretch
	before := false
	for _, s := range stretches {
		switch {
		case !holds(s):
		case before:
			all[len(all)-1] = append(all[len(all)-1], s)
		default:
			all = append(all, []stretch{s})
		}
		before = holds(s)
	}
	return all
}

func onRecord(s stretch) bool { return !s.gap() }

// steps is the line of a run: level over each stretch, since what is known holds for all of it.
func (d *drawing) steps(run []stretch, value func(stretch) float64) []point {
	var line []point
	for _, s := range run {
		y := d.y(value(s))
		if n := len(line); n >= 2 && line[n-1].y == y {
			line[n-1].x = d.x(s.end)
			continue
		}
		line = append(line, point{d.x(s.start), y}, point{d.x(s.end), y})
	}
	return line
}

func mean(s stretch) float64     { return s.mean }
func peak(s stretch) float64     { return float64(s.peak) }
func licensed(s stretch) float64 { return float64(s.licensed) }

// bands fill from the mean up to the peak.
func (d *drawing) bands() {
	for _, run := range runs(d.stretches, onRecord) {
		outline := d.steps(run, peak)
		for _, p := range slices.Backward(d.steps(run, mean)) {
			outline = append(outline, p)
		}
		d.scene.area(roleBand, outline...)
	}
}

func (d *drawing) open() {
	for _, run := range runs(d.stretches, onRecord) {
		d.scene.line(roleOpen, d.steps(run, mean)...)
	}
}

func (d *drawing) licensed() {
	for _, run := range runs(d.stretches, stretch.hasLicense) {
		d.scene.line(roleLicensed, d.steps(run, licensed)...)
	}
}

// marginLabel stands right of the plot: what a line has come to.
type marginLabel struct {
	text string
	y    float64
}

// margin are the texts of the labels; none where the record does not reach the end.
func (d *drawing) margin() (licensed, open string) {
	last := d.figures.last
	if last == nil || last.end.Before(d.to()) {
		return "", ""
	}
	if last.hasLicense() {
		licensed = strconv.Itoa(last.licensed)
		if !d.narrow() {
			licensed += " licensed"
		}
	}
	return licensed, number(last.mean)
}

func (d *drawing) marginWidth() float64 {
	licensed, open := d.margin()
	return 8 + max(roleMuted.width(licensed), roleMuted.width(open))
}

// marginLabels puts the labels beside their lines, and apart from each other.
func (d *drawing) marginLabels() {
	licensed, open := d.margin()
	if open == "" {
		return
	}
	labels := []marginLabel{{open, d.y(d.figures.last.mean)}}
	if licensed != "" {
		labels = append(labels, marginLabel{licensed, d.y(float64(d.figures.last.licensed))})
		part(&labels[0].y, &labels[1].y, 15, d.top, d.bottom-4)
	}
	for _, l := range labels {
		d.scene.text(roleMuted, point{d.right + 6, l.y + 4}, anchorStart, l.text)
	}
}

// part moves two labels so far apart as they need, and keeps both within bounds.
func part(a, b *float64, apart, top, bottom float64) {
	if *a > *b {
		a, b = b, a
	}
	if missing := apart - (*b - *a); missing > 0 {
		*a -= missing / 2
		*b += missing / 2
	}
	if over := *b - bottom; over > 0 {
		*b -= over
		*a = min(*a, *b-apart)
	}
	if under := top - *a; under > 0 {
		*a += under
		*b = max(*b, *a+apart)
	}
}

// peak marks the most connections that were open at once.
func (d *drawing) peak() {
	p := d.figures.peak
	if p.peak == 0 {
		return
	}
	at := point{(d.x(p.start) + d.x(p.end)) / 2, d.y(float64(p.peak))}
	label := "peak " + strconv.Itoa(p.peak)
	width := roleText.width(label)
	if base, free := d.freeBeside(at, width); free {
		b := labelBox(base, width)
		d.scene.box(roleHalo, b.left, b.top, b.right, b.bottom)
		d.scene.text(roleText, base, anchorMiddle, label)
	}
	d.scene.ring(rolePeak, at, 4)
}

func labelBox(base point, width float64) box {
	return box{base.x - width/2, base.y - 12, base.x + width/2, base.y + 4}
}

// freeBeside is where a label of this width may stand at a mark: above it if that is free, else beside or below, or further above. Free is what has no line in it, or at least not
// that of the licensed maximum. There is some room above the plot.
func (d *drawing) freeBeside(at point, width float64) (base point, found bool) {
	for _, covers := range []func(box) bool{func(b box) bool { return d.onLicensed(b) || d.onOpen(b) }, d.onLicensed} {
		for _, try := range []point{{0, -10}, {12 + width/2, 4}, {-12 - width/2, 4}, {0, 22}, {12 + width/2, 20}, {-12 - width/2, 20}, {0, -28}, {width / 2, -28}, {-width / 2, -28}} {
			base := point{at.x + try.x, at.y + try.y}
			b := labelBox(base, width)
			if b.left >= d.left+2 && b.right <= d.right-2 && b.top >= d.top-8 && b.bottom <= d.bottom && !covers(b) {
				return base, true
			}
		}
	}
	return point{}, false
}

// onLicensed says whether a box would cover the line of the licensed maximum.
func (d *drawing) onLicensed(b box) bool {
	return slices.ContainsFunc(d.stretches, func(s stretch) bool {
		y := d.y(float64(s.licensed))
		return s.hasLicense() && b.meets(box{d.x(s.start), y - 1, d.x(s.end), y + 1})
	})
}

// onOpen says whether a box would cover the line of open connections, or the band from there up to the peak.
func (d *drawing) onOpen(b box) bool {
	return slices.ContainsFunc(d.stretches, func(s stretch) bool {
		return onRecord(s) && b.meets(box{d.x(s.start), d.y(peak(s)) - 1, d.x(s.end), d.y(mean(s)) + 1})
	})
}

// denied draws the panel below the plot: pale bars for denials, full ones in them for the true denials.
func (d *drawing) denied(top, bottom float64) {
	most := d.figures.denialsInOne
	d.gaps(top, bottom)
	d.scene.line(roleGrid, point{d.left, top}, point{d.right, top})
	d.scene.text(roleMuted, point{d.left - 8, top + 8}, anchorEnd, strconv.Itoa(most))
	d.scene.text(roleMuted, point{d.left - 8, bottom + 4}, anchorEnd, "0")
	d.scene.text(roleMuted, point{d.left, top - 5}, anchorStart, "Denied logins")
	height := func(n int) float64 { return float64(n) / float64(most) * (bottom - top) }
	for _, s := range d.stretches {
		if s.denials.Denied <= 0 {
			continue
		}
		left, right := d.x(s.start), d.x(s.end)
		// A single denial in a year still shows, as a bar of two pixels.
		if thin := 2 - (right - left); thin > 0 {
			left, right = max(left-thin/2, d.left), min(right+thin/2, d.right)
		}
		d.bar(box{left, bottom - height(s.denials.Denied), right, bottom}, bottom-height(min(s.denials.True, s.denials.Denied)))
	}
}

// bar draws denials: pale, and full from the true ones' height down. An outline comes where there is room for one.
func (d *drawing) bar(b box, trueTop float64) {
	d.scene.box(rolePale, b.left, b.top, b.right, b.bottom)
	if trueTop < b.bottom {
		d.scene.box(roleTrue, b.left, trueTop, b.right, b.bottom)
	}
	if b.right-b.left >= 4 {
		d.scene.line(roleDenied, point{b.left + 0.5, b.bottom}, point{b.left + 0.5, b.top + 0.5}, point{b.right - 0.5, b.top + 0.5}, point{b.right - 0.5, b.bottom})
	}
}
