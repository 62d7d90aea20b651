// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package chart

import (
	"encoding/xml"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// SVGOptions say what an SVG is for.
type SVGOptions struct {
	Size Size
	// ID begins the ids in it; several pictures in one page need several. Default: "seats".
	ID string
	// Inline leaves out what only a file of its own needs: the XML name space and the style sheet. The page brings StyleSheet then.
	Inline bool
}

// StyleSheet is the CSS of the pictures, for white paper and, where the viewer prefers it, dark. The picture has the class seats-chart; all
// other classes in it begin with sc-.
func StyleSheet() string {
	var css, dark strings.Builder
	css.WriteString(".seats-chart text{font-family:system-ui,-apple-system,\"Segoe UI\",Roboto,\"Helvetica Neue\",Arial,sans-serif}\n")
	for _, l := range looks {
		selector := "." + l.role.class()
		fmt.Fprintf(&css, "%s{%s}\n", selector, l.css())
		property := "stroke"
		if l.fill {
			property = "fill"
		}
		fmt.Fprintf(&dark, "%s{%s:%s}\n", selector, property, hex(l.dark))
	}
	return css.String() + "@media (prefers-color-scheme:dark){\n" + dark.String() + "}\n"
}

func (r role) class() string { return "sc-" + string(r) }

func (l look) css() string {
	var rules []string
	if l.fill {
		rules = append(rules, "fill:"+hex(l.light))
		if l.opacity > 0 {
			rules = append(rules, "fill-opacity:"+short(l.opacity))
		}
	} else {
		rules = append(rules, "fill:none")
	}
	if l.stroke {
		rules = append(rules, "stroke:"+hex(l.light), "stroke-width:"+short(l.width))
		if l.dash != nil {
			rules = append(rules, "stroke-dasharray:"+shorts(l.dash))
		}
	}
	if l.size > 0 {
		rules = append(rules, "font-size:"+short(l.size)+"px")
		if l.bold {
			rules = append(rules, "font-weight:600")
		}
	}
	return strings.Join(rules, ";")
}

// SVG draws the chart as a picture that scales, follows the viewer's preference for dark, and tells screen readers its figures.
func (c *Chart) SVG(o SVGOptions) []byte {
	d := c.draw(o.Size)
	id := o.ID
	if id == "" {
		id = "seats"
	}
	var b strings.Builder
	b.WriteString("<svg")
	if !o.Inline {
		b.WriteString(` xmlns="http://www.w3.org/2000/svg"`)
	}
	width, height := short(d.scene.width), short(d.scene.height)
	fmt.Fprintf(&b, ` class="seats-chart" role="img" aria-labelledby="%[1]s-title %[1]s-desc" width="%[2]s" height="%[3]s" viewBox="0 0 %[2]s %[3]s">`+"\n",
		escape(id), width, height)
	fmt.Fprintf(&b, "<title id=\"%[1]s-title\">%[2]s</title>\n<desc id=\"%[1]s-desc\">%[3]s</desc>\n", escape(id), escape(c.Title()), escape(c.Description()))
	if !o.Inline {
		b.WriteString("<style>\n" + StyleSheet() + "</style>\n")
	}
	for _, s := range d.scene.shapes {
		s.svg(&b)
	}
	b.WriteString("</svg>\n")
	return []byte(b.String())
}

func (s shape) svg(b *strings.Builder) {
	switch s.kind {
	case kindLine, kindArea:
		fmt.Fprintf(b, `<path class="%s" d="%s`, s.role.class(), path(s.at))
		if s.kind == kindArea {
			b.WriteString("Z")
		}
		b.WriteString("\"/>\n")
	case kindRing:
		fmt.Fprintf(b, `<circle class="%s" cx="%s" cy="%s" r="%s"/>`+"\n", s.role.class(), short(s.at[0].x), short(s.at[0].y), short(s.radius))
	case kindText:
		fmt.Fprintf(b, `<text class="%s" x="%s" y="%s"`, s.role.class(), short(s.at[0].x), short(s.at[0].y))
		switch s.anchor {
		case anchorStart:
		case anchorMiddle:
			b.WriteString(` text-anchor="middle"`)
		case anchorEnd:
			b.WriteString(` text-anchor="end"`)
		}
		fmt.Fprintf(b, ">%s</text>\n", escape(s.text))
	}
}

// path writes lines through the points, level and upright ones in short.
func path(at []point) string {
	var b strings.Builder
	for i, p := range at {
		x, y := short(p.x), short(p.y)
		switch {
		case i == 0:
			b.WriteString("M" + x + " " + y)
		case x == short(at[i-1].x) && y == short(at[i-1].y):
		case y == short(at[i-1].y):
			b.WriteString("H" + x)
		case x == short(at[i-1].x):
			b.WriteString("V" + y)
		default:
			b.WriteString("L" + x + " " + y)
		}
	}
	return b.String()
}

// short writes a number with at most two decimals.
func short(v float64) string {
	return strconv.FormatFloat(math.Round(v*100)/100+0, 'f', -1, 64)
}

func shorts(values []float64) string {
	var all []string
	for _, v := range values {
		all = append(all, short(v))
	}
	return strings.Join(all, " ")
}

// escape makes any text fit for XML, also as an attribute: what XML cannot say becomes U+FFFD.
func escape(text string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(text)) // a Builder never fails
	return b.String()
}
