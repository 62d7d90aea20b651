// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
)

// view turns a picture into text.
type view struct {
	hints   []string
	color   bool
	unicode bool
}

// style is a terminal's way to show text (SGR parameters).
type style string

const (
	bold   style = "1"
	dim    style = "2"
	red    style = "31"
	green  style = "32"
	yellow style = "33"
	cyan   style = "36"
)

func (v view) paint(s style, text string) string {
	if !v.color || text == "" {
		return text
	}
	return "\x1b[" + string(s) + "m" + text + "\x1b[0m"
}

const (
	// leastEvents is how many of the newest events are shown before a hint beyond the leastHints is.
	leastEvents = 9
	leastHints  = 4
)

// render draws the picture in exactly that many columns and at most that many rows. What cannot fit is, first of all, old events.
func (v view) render(p picture, width, height int, ran time.Duration) []string {
	top := []string{v.title(p, width, ran), ""}
	top = append(top, v.table(p)...)
	top = append(top, "")
	top = append(top, v.bars(p, width)...)
	top = append(top, v.gateway(p), "", v.counts(p), "")

	bottom := []string{"", v.paint(bold, " To try in another terminal, in this folder (Ctrl-C in this one ends the demo):")}
	room := height - len(top) - len(bottom) - leastEvents
	for _, hint := range v.hints[:min(len(v.hints), max(leastHints, room))] {
		bottom = append(bottom, "   "+v.paint(cyan, clip(hint, width-3)))
	}
	lines := top
	lines = append(lines, v.happened(p, width, height-len(top)-len(bottom))...)
	lines = append(lines, bottom...)
	return lines[:min(len(lines), max(0, height))]
}

func (v view) title(p picture, width int, ran time.Duration) string {
	left := " Seatkeeper"
	middle := "   pool itsm/service-desk"
	right := fmt.Sprintf("%d sessions, %d waiting   %s ", p.signedIn, p.waiting, clock(ran))
	gap := max(1, width-len(left)-len(middle)-len(right))
	return v.paint(bold, left) + middle + strings.Repeat(" ", gap) + v.paint(dim, right)
}

// table is that of requirement A4.
func (v view) table(p picture) []string {
	row := func(name string, cells ...string) string {
		var line strings.Builder
		fmt.Fprintf(&line, " %-10s", name)
		for _, cell := range cells {
			fmt.Fprintf(&line, " %11s", cell)
		}
		return line.String()
	}
	return []string{
		v.paint(bold, row("", "Licensed", "Used", "Available", "Accounts", "Connected")),
		row("Named", cells(p.named)...),
		row("Concurrent", cells(p.concurrent)...),
	}
}

func cells(c *licensing.SeatCounts) []string {
	if c == nil {
		return []string{"N/A", "N/A", "N/A", "N/A", "N/A"}
	}
	var out []string
	for _, n := range []*int32{c.Licensed, c.Used, c.Available, c.Accounts, c.Connected} {
		out = append(out, strconv.Itoa(int(*n)))
	}
	return out
}

// bars are the seats in use, a bar a model.
func (v view) bars(p picture, width int) []string {
	const before, after = 12, 26
	length := min(60, max(10, width-before-after))
	bar := func(name string, c *licensing.SeatCounts, note string) string {
		if c == nil {
			return fmt.Sprintf(" %-10s N/A", name)
		}
		used, licensed := int(*c.Used), int(*c.Licensed)
		full := length
		if licensed > 0 {
			full = min(length, used*length/licensed)
		}
		color := green
		switch {
		case used >= licensed:
			color = red
		case 4*used >= 3*licensed:
			color = yellow
		}
		if note != "" {
			note = "  " + v.paint(color, note)
		}
		taken, free := "#", "."
		if v.unicode {
			taken, free = "█", "░"
		}
		return fmt.Sprintf(" %-10s ", name) + v.paint(color, strings.Repeat(taken, full)) + v.paint(dim, strings.Repeat(free, length-full)) +
			fmt.Sprintf(" %d of %d", used, licensed) + note
	}
	return []string{bar("Named", p.named, ""), bar("Concurrent", p.concurrent, p.seatsAvailable)}
}

// gateway is how it is called.
func (v view) gateway(p picture) string {
	c := p.calls
	line := fmt.Sprintf(" %-10s %d calls", "Gateway", c.all)
	switch {
	case c.median > 0:
		line += fmt.Sprintf(", %d heartbeats (median %.1f ms)", c.heartbeats, c.median.Seconds()*1000)
	default:
		line += fmt.Sprintf(", %d heartbeats", c.heartbeats)
	}
	line += fmt.Sprintf(", %d streams", c.streams)
	if c.failed > 0 {
		line += v.paint(red, fmt.Sprintf(", %d failed", c.failed))
	}
	return line
}

func (v view) counts(p picture) string {
	c := p.counts
	var line strings.Builder
	for _, count := range []struct {
		style style
		name  string
		n     int
	}{{green, "Granted", c.granted}, {green, "Shared", c.shared}, {yellow, "Waited", c.waited}, {red, "Denied", c.denied}, {dim, "Left", c.left}, {cyan, "Told", c.told}} {
		fmt.Fprintf(&line, " %s %-5d", v.paint(count.style, count.name), count.n)
	}
	return strings.TrimRight(line.String(), " ")
}

// happened is the newest events, the newest last.
func (v view) happened(p picture, width, rows int) []string {
	rows = max(0, rows)
	lines := make([]string, 0, rows)
	for _, e := range p.events[max(0, len(p.events)-rows):] {
		sign, color := "+", green
		switch e.kind {
		case eventGranted:
		case eventWaiting:
			sign, color = "~", yellow
		case eventDenied:
			sign, color = "x", red
		case eventLeft:
			sign, color = "-", dim
		case eventPool:
			sign, color = "=", cyan
		case eventPrompt:
			sign, color = "?", yellow
		case eventTold:
			sign, color = "!", cyan
		}
		lines = append(lines, " "+v.paint(dim, e.at.Format(time.TimeOnly))+" "+v.paint(color, sign)+" "+clip(e.text, width-12))
	}
	for len(lines) < rows {
		lines = append(lines, "")
	}
	return lines
}

// line is the picture in one line, for logs.
func (v view) line(p picture, ran time.Duration) string {
	model := func(c *licensing.SeatCounts) string {
		if c == nil {
			return "N/A"
		}
		return fmt.Sprintf("%d of %d used, %d connected", *c.Used, *c.Licensed, *c.Connected)
	}
	c := p.counts
	return fmt.Sprintf("%5s  named %s; concurrent %s; granted %d, shared %d, waited %d, denied %d, left %d; heartbeats %d",
		clock(ran), model(p.named), model(p.concurrent), c.granted, c.shared, c.waited, c.denied, c.left, p.calls.heartbeats)
}

func clock(d time.Duration) string {
	seconds := int(d.Seconds())
	return fmt.Sprintf("%d:%02d", seconds/60, seconds%60)
}

// clip shortens text to that many columns.
func clip(text string, width int) string {
	runes := []rune(text)
	if len(runes) <= width {
		return text
	}
	if width < 4 {
		return string(runes[:max(0, width)])
	}
	return string(runes[:width-3]) + "..."
}
