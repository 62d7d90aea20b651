// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package chart

// header draws what stands above the plot and says where the plot may begin.
func (d *drawing) header() float64 {
	room := d.scene.width - 2*edge
	y := edge + 12.0
	for i, line := range roleTitle.wrap(d.Title(), room) {
		if i > 0 {
			y += lineHeight + 2
		}
		d.scene.text(roleTitle, point{edge, y}, anchorStart, line)
	}
	for _, line := range roleMuted.wrap(d.subtitle(), room) {
		y += lineHeight
		d.scene.text(roleMuted, point{edge, y}, anchorStart, line)
	}
	return d.legend(y+lineHeight) + 16
}

// legend explains the marks from this base line on, and returns its last one.
func (d *drawing) legend(y float64) float64 {
	const sample, gap = 24.0, 18.0
	x := edge
	for _, entry := range d.legendEntries() {
		width := sample + 6 + roleMuted.width(entry.text)
		if x > edge && x+width > d.scene.width-edge {
			x = edge
			y += lineHeight
		}
		middle := y - 4
		entry.draw(x, middle, x+sample)
		d.scene.text(roleMuted, point{x + sample + 6, y}, anchorStart, roleMuted.fit(entry.text, d.scene.width-edge-x-sample-6))
		x += width + gap
	}
	return y
}

type legendEntry struct {
	text string
	draw func(left, middle, right float64)
}

// narrow says that the picture is for a telephone or the like, so that words must be few.
func (d *drawing) narrow() bool { return d.scene.width < 480 }

// legendEntries are those of what the chart shows, and no others.
func (d *drawing) legendEntries() []legendEntry {
	if d.figures.last == nil {
		return nil
	}
	line := func(r role) func(left, middle, right float64) {
		return func(left, middle, right float64) { d.scene.line(r, point{left, middle}, point{right, middle}) }
	}
	entries := []legendEntry{
		{"open, mean of each " + span(d.each), line(roleOpen)},
		{"up to the peak", func(left, middle, right float64) {
			d.scene.box(roleBand, left, middle-5, right, middle+5)
		}},
		{"licensed", line(roleLicensed)},
	}
	if d.figures.denials.Denied > 0 {
		truly := "truly denied"
		if d.narrow() {
			truly = "truly"
		}
		entries = append(entries, legendEntry{"denied", func(left, middle, right float64) {
			d.bar(box{left + 6, middle - 5, right - 6, middle + 5}, middle+5)
		}}, legendEntry{truly, func(left, middle, right float64) {
			d.bar(box{left + 6, middle - 5, right - 6, middle + 5}, middle-5)
		}})
	}
	if !d.figures.complete() {
		entries = append(entries, legendEntry{"no record", func(left, middle, right float64) {
			d.hatch(left, middle-5, right, middle+5)
		}})
	}
	return entries
}

// footerLine is a line below the plot.
type footerLine struct {
	role role
	text string
}

// footerLines are what stands below the plot.
func (d *drawing) footerLines() []footerLine {
	room := d.scene.width - 2*edge
	var lines []footerLine
	for _, text := range flow(d.sentences(d.figures), " · ", room, roleText.width) {
		for _, line := range roleText.wrap(text, room) { // a sentence that is longer than the picture is wide is told whole
			lines = append(lines, footerLine{roleText, line})
		}
	}
	for _, text := range roleText.wrap(d.note(), room) {
		lines = append(lines, footerLine{roleText, text})
	}
	for _, text := range roleSmall.wrap(d.exactly(), room) {
		lines = append(lines, footerLine{roleSmall, text})
	}
	return lines
}

// footer draws what stands below the plot.
func (d *drawing) footer(lines []footerLine) {
	y := d.scene.height - edge - float64(len(lines)-1)*lineHeight
	for _, l := range lines {
		d.scene.text(l.role, point{edge, y}, anchorStart, l.text)
		y += lineHeight
	}
}

// flow joins sentences to lines of at most this width.
func flow(sentences []string, between string, room float64, width func(string) float64) []string {
	var lines []string
	for _, s := range sentences {
		if n := len(lines); n > 0 && width(lines[n-1]+between+s) <= room {
			lines[n-1] += between + s
		} else {
			lines = append(lines, s)
		}
	}
	return lines
}
