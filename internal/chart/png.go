// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package chart

import (
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"io"
	"math"

	"golang.org/x/image/font"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"
	"golang.org/x/image/vector"
)

// PNGScale is how many pixels of a PNG make one of its Size: two, for the screens of today and for print.
const PNGScale = 2

// PNG writes the chart as a bitmap on white paper, of PNGScale times the size. The same chart gives the same bytes on every machine.
func (c *Chart) PNG(out io.Writer, size Size) error {
	d := c.draw(size)
	bounds := image.Rect(0, 0, int(d.scene.width*PNGScale), int(d.scene.height*PNGScale))
	p := &painter{img: image.NewRGBA(bounds), faces: map[role]font.Face{}}
	for _, s := range d.scene.shapes {
		if err := p.paint(s); err != nil {
			return err
		}
	}
	return png.Encode(out, p.img)
}

// painter draws shapes into pixels.
type painter struct {
	img   *image.RGBA
	faces map[role]font.Face
	// raster gathers polygons until they are filled. It is as large as they are, and no larger: that is most of what a picture costs.
	raster  vector.Rasterizer
	pending [][]point
}

func (p *painter) paint(s shape) error {
	l := s.role.look()
	at := make([]point, len(s.at))
	for i, q := range s.at {
		at[i] = point{q.x * PNGScale, q.y * PNGScale}
	}
	switch s.kind {
	case kindArea:
		p.polygon(at)
		p.fill(l.light, l.opacity)
	case kindLine:
		for _, part := range dashed(at, l.dash, PNGScale) {
			p.stroke(part, l.width*PNGScale)
		}
		p.fill(l.light, 0)
	case kindRing:
		circle := append(polygonal(at[0], s.radius*PNGScale), point{at[0].x + s.radius*PNGScale, at[0].y})
		p.stroke(circle, l.width*PNGScale)
		p.fill(l.light, 0)
	case kindText:
		return p.letters(s, at[0], l)
	}
	return nil
}

// polygon adds a closed shape to what is filled next.
func (p *painter) polygon(at []point) { p.pending = append(p.pending, at) }

// fill paints what was added.
func (p *painter) fill(c color.NRGBA, opacity float64) {
	if opacity > 0 {
		c.A = uint8(math.Round(opacity * 255))
	}
	left, top, right, bottom := math.Inf(1), math.Inf(1), math.Inf(-1), math.Inf(-1)
	for _, at := range p.pending {
		for _, q := range at {
			left, top, right, bottom = min(left, q.x), min(top, q.y), max(right, q.x), max(bottom, q.y)
		}
	}
	bounds := image.Rect(int(math.Floor(left)), int(math.Floor(top)), int(math.Ceil(right)), int(math.Ceil(bottom)))
	if len(p.pending) == 0 || bounds.Empty() {
		p.pending = nil
		return
	}
	p.raster.Reset(bounds.Dx(), bounds.Dy())
	p.raster.DrawOp = draw.Over
	for _, at := range p.pending {
		for i, q := range at {
			x, y := float32(q.x-float64(bounds.Min.X)), float32(q.y-float64(bounds.Min.Y))
			if i == 0 {
				p.raster.MoveTo(x, y)
			} else {
				p.raster.LineTo(x, y)
			}
		}
		p.raster.ClosePath()
	}
	p.raster.Draw(p.img, bounds, image.NewUniform(c), image.Point{})
	p.pending = nil
}

// stroke gathers a line of a width: a rectangle for each piece, and a disc at each bend. All of them turn the same way, or else they would cancel each
// other out where they overlap.
func (p *painter) stroke(at []point, width float64) {
	for i := 1; i < len(at); i++ {
		a, b := at[i-1], at[i]
		length := math.Hypot(b.x-a.x, b.y-a.y)
		if length == 0 {
			continue
		}
		nx, ny := (b.y-a.y)/length*width/2, -(b.x-a.x)/length*width/2
		p.polygon([]point{{a.x + nx, a.y + ny}, {b.x + nx, b.y + ny}, {b.x - nx, b.y - ny}, {a.x - nx, a.y - ny}})
		if i > 1 {
			p.polygon(polygonal(a, width/2))
		}
	}
}

// polygonal is a circle of straight pieces too short to be seen, clockwise as the screen shows it.
func polygonal(centre point, radius float64) []point {
	const pieces = 24
	at := make([]point, pieces)
	for i := range at {
		sin, cos := math.Sincos(2 * math.Pi * float64(i) / pieces)
		at[i] = point{centre.x + radius*cos, centre.y + radius*sin}
	}
	return at
}

// dashed cuts a line into its dashes; without a pattern it stays whole.
func dashed(at []point, pattern []float64, scale float64) [][]point {
	if len(pattern) == 0 {
		return [][]point{at}
	}
	var parts [][]point
	index, left := 0, pattern[0]*scale
	var part []point
	for i := 1; i < len(at); i++ {
		a, b := at[i-1], at[i]
		length := math.Hypot(b.x-a.x, b.y-a.y)
		for done := 0.0; done < length; {
			from := along(a, b, done/length)
			step := min(left, length-done)
			done += step
			left -= step
			if index%2 == 0 {
				if len(part) == 0 {
					part = []point{from}
				}
				part = append(part, along(a, b, done/length))
			}
			if left <= 0 {
				if index%2 == 0 {
					parts = append(parts, part)
					part = nil
				}
				index++
				left = pattern[index%len(pattern)] * scale
			}
		}
	}
	if len(part) > 0 {
		parts = append(parts, part)
	}
	return parts
}

func along(a, b point, part float64) point {
	return point{a.x + (b.x-a.x)*part, a.y + (b.y-a.y)*part}
}

func (p *painter) letters(s shape, at point, l look) error {
	face := p.faces[s.role]
	if face == nil {
		var err error
		face, err = opentype.NewFace(s.role.typeface().font, &opentype.FaceOptions{Size: l.size * PNGScale, DPI: 72})
		if err != nil {
			return fmt.Errorf("prepare the font: %w", err)
		}
		p.faces[s.role] = face
	}
	d := font.Drawer{Dst: p.img, Src: image.NewUniform(l.light), Face: face}
	width := d.MeasureString(s.text)
	x := fixed.Int26_6(at.x * 64)
	switch s.anchor {
	case anchorStart:
	case anchorMiddle:
		x -= width / 2
	case anchorEnd:
		x -= width
	}
	d.Dot = fixed.Point26_6{X: x, Y: fixed.Int26_6(at.y * 64)}
	d.DrawString(s.text)
	return nil
}
