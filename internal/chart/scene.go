// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package chart

import (
	"fmt"
	"image/color"
)

// point is a place in a picture: from its left and upper edge, in pixels of CSS.
type point struct{ x, y float64 }

// role is what a shape stands for; it decides how the shape looks, in all formats.
type role string

const (
	rolePaper    role = "paper"
	roleGrid     role = "grid"
	roleAxis     role = "axis"
	roleGap      role = "gap"      // time without a record: its ground
	roleHatch    role = "hatch"    // and the strokes on it
	roleBand     role = "band"     // between mean and peak
	roleOpen     role = "open"     // connections open: the mean
	roleLicensed role = "licensed" // the seats bought
	rolePeak     role = "peak"     // the mark of the peak
	rolePale     role = "pale"     // denials
	roleDenied   role = "denied"   // and their outline
	roleTrue     role = "true"     // true denials
	roleHalo     role = "halo"     // behind a text that stands on a drawing
	roleTitle    role = "title"
	roleText     role = "text"
	roleMuted    role = "muted" // labels of axes, and what is said beside
	roleSmall    role = "small"
)

// look is how a role is drawn, on white and on dark paper.
type look struct {
	fill, stroke bool
	light, dark  color.NRGBA
	opacity      float64 // of the fill; 0: none is see-through
	width        float64 // of the stroke
	dash         []float64
	size         float64 // of letters
	bold         bool
}

func rgb(hex uint32) color.NRGBA {
	return color.NRGBA{R: uint8(hex >> 16 & 0xff), G: uint8(hex >> 8 & 0xff), B: uint8(hex & 0xff), A: 0xff}
}

func hex(c color.NRGBA) string { return fmt.Sprintf("#%02x%02x%02x", c.R, c.G, c.B) }

// The order is that of the style sheet. Blue and vermilion stay apart for all kinds of colour blindness, and nothing is told by colour alone: the licensed
// maximum is dotted, true denials are full bars in pale ones, gaps are hatched. Text has a contrast of 4.5 and more to the paper, drawings 3 and more.
var looks = []struct {
	role role
	look
}{
	{rolePaper, look{fill: true, light: rgb(0xffffff), dark: rgb(0x14181d)}},
	{roleGap, look{fill: true, light: rgb(0xf1f3f5), dark: rgb(0x1d232a)}},
	{roleHatch, look{stroke: true, light: rgb(0xc3cad1), dark: rgb(0x3d4752), width: 1}},
	{roleGrid, look{stroke: true, light: rgb(0xe3e7eb), dark: rgb(0x2a323a), width: 1}},
	{roleAxis, look{stroke: true, light: rgb(0x808a94), dark: rgb(0x77818b), width: 1}},
	{roleBand, look{fill: true, light: rgb(0x0b62a8), dark: rgb(0x58a6ff), opacity: 0.25}},
	{roleOpen, look{stroke: true, light: rgb(0x0b62a8), dark: rgb(0x58a6ff), width: 1.75}},
	{roleLicensed, look{stroke: true, light: rgb(0xb8440e), dark: rgb(0xff9d5c), width: 2, dash: []float64{2, 4}}},
	{rolePeak, look{stroke: true, light: rgb(0x0b62a8), dark: rgb(0x58a6ff), width: 1.75}},
	{rolePale, look{fill: true, light: rgb(0x8f5a00), dark: rgb(0xe3b341), opacity: 0.35}},
	{roleDenied, look{stroke: true, light: rgb(0x8f5a00), dark: rgb(0xe3b341), width: 1}},
	{roleTrue, look{fill: true, light: rgb(0x8f5a00), dark: rgb(0xe3b341)}},
	{roleHalo, look{fill: true, light: rgb(0xffffff), dark: rgb(0x14181d), opacity: 0.85}},
	{roleTitle, look{fill: true, light: rgb(0x1b1f24), dark: rgb(0xe6edf3), size: 16, bold: true}},
	{roleText, look{fill: true, light: rgb(0x1b1f24), dark: rgb(0xe6edf3), size: 13}},
	{roleMuted, look{fill: true, light: rgb(0x57606a), dark: rgb(0x9aa4ae), size: 12}},
	{roleSmall, look{fill: true, light: rgb(0x57606a), dark: rgb(0x9aa4ae), size: 11}},
}

func (r role) look() look {
	for _, l := range looks {
		if l.role == r {
			return l.look
		}
	}
	panic("chart: no look for " + string(r)) // a fault of this package: tests draw every role
}

type kind int

const (
	kindLine kind = iota // open, through the points
	kindArea             // closed
	kindRing             // a circle around the one point
	kindText             // at the one point, which is on the base line
)

// anchor is which part of a text is at its point.
type anchor int

const (
	anchorStart anchor = iota
	anchorMiddle
	anchorEnd
)

type shape struct {
	kind   kind
	role   role
	at     []point
	radius float64
	text   string
	anchor anchor
}

// scene is a picture before it is written in a format: shapes from back to front.
type scene struct {
	width, height float64
	shapes        []shape
}

func (s *scene) line(r role, at ...point) {
	s.shapes = append(s.shapes, shape{kind: kindLine, role: r, at: at})
}

func (s *scene) area(r role, at ...point) {
	s.shapes = append(s.shapes, shape{kind: kindArea, role: r, at: at})
}

func (s *scene) box(r role, left, top, right, bottom float64) {
	s.area(r, point{left, top}, point{right, top}, point{right, bottom}, point{left, bottom})
}

func (s *scene) ring(r role, centre point, radius float64) {
	s.shapes = append(s.shapes, shape{kind: kindRing, role: r, at: []point{centre}, radius: radius})
}

func (s *scene) text(r role, at point, a anchor, text string) {
	s.shapes = append(s.shapes, shape{kind: kindText, role: r, at: []point{at}, anchor: a, text: text})
}
