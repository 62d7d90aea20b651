// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package chart

import (
	"bytes"
	"encoding/csv"
	"encoding/xml"
	"errors"
	"image/color"
	"image/png"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/seatkeeper/seatkeeper/internal/usage"
)

// texts reads an SVG as strictly as XML can be read, and returns the text of its elements by name.
func texts(t interface{ Fatalf(string, ...any) }, svg []byte) map[string][]string {
	found := map[string][]string{}
	var within []string
	decoder := xml.NewDecoder(bytes.NewReader(svg))
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return found
		}
		if err != nil {
			t.Fatalf("must be well-formed: %v", err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			within = append(within, token.Name.Local)
			found[token.Name.Local] = append(found[token.Name.Local], "")
		case xml.EndElement:
			within = within[:len(within)-1]
		case xml.CharData:
			if len(within) > 0 {
				all := found[within[len(within)-1]]
				all[len(all)-1] += string(token)
			}
		default:
		}
	}
}

func TestSVGIsWellFormedAndAccessible(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := anyChart().Draw(t, "chart")
		found := texts(t, c.SVG(SVGOptions{Size: anySize().Draw(t, "size"), Inline: rapid.Bool().Draw(t, "inline")}))
		if got := found["title"]; len(got) != 1 || got[0] != c.Title() {
			t.Fatalf("must have its title: %q", got)
		}
		if got := found["desc"]; len(got) != 1 || got[0] != c.Description() {
			t.Fatalf("must have its description: %q", got)
		}
	})
	svg := string(sample(t, usage.Week).SVG(SVGOptions{ID: "a"}))
	for _, want := range []string{`role="img"`, `aria-labelledby="a-title a-desc"`, `id="a-title"`, `id="a-desc"`, "prefers-color-scheme:dark"} {
		if !strings.Contains(svg, want) {
			t.Errorf("must contain %s", want)
		}
	}
}

// Whatever a pool is called, its name is text: no element, no entity, no control sequence.
func FuzzNames(f *testing.F) {
	for _, name := range []string{"service-desk", `</text><script>alert("1")</script>`, "a&amp;b", "\x1b[31mred", "\xff\xfe", "a\nb\r\tc", "\u202eright to left", strings.Repeat("w", 300), "日本語", "\u0000]]>"} {
		f.Add(name, name)
	}
	week := sample(f, usage.Week)
	f.Fuzz(func(t *testing.T, name, note string) {
		c := *week
		c.Pool, c.Namespace, c.Note, c.Empty = name, name, note, note
		svg := c.SVG(SVGOptions{ID: name})
		if !utf8.Valid(svg) {
			t.Error("must be UTF-8")
		}
		found := texts(t, svg)
		for element := range found {
			switch element {
			case "svg", "title", "desc", "style", "path", "circle", "text":
			default:
				t.Errorf("the name made an element %s", element)
			}
		}
		if want := strings.ToValidUTF8(c.Title(), "\uFFFD"); found["title"][0] != want {
			t.Errorf("the title is %q, not %q", found["title"][0], want)
		}
		for _, ascii := range []bool{false, true} {
			for line := range strings.SplitSeq(c.Terminal(TerminalOptions{ASCII: ascii}), "\n") {
				if n := utf8.RuneCountInString(line); n > defaultColumns {
					t.Errorf("the line has %d columns: %q", n, line)
				}
				for _, r := range line {
					if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 || ascii && r >= utf8.RuneSelf {
						t.Errorf("a terminal must not see %U of %q", r, line)
					}
				}
			}
		}
	})
}

func TestEveryRoleHasAContrast(t *testing.T) {
	luminance := func(c color.NRGBA) float64 {
		part := func(v uint8) float64 {
			s := float64(v) / 255
			if s <= 0.04045 {
				return s / 12.92
			}
			return math.Pow((s+0.055)/1.055, 2.4)
		}
		return 0.2126*part(c.R) + 0.7152*part(c.G) + 0.0722*part(c.B)
	}
	contrast := func(a, b color.NRGBA) float64 {
		high, low := luminance(a), luminance(b)
		if high < low {
			high, low = low, high
		}
		return (high + 0.05) / (low + 0.05)
	}
	paper := rolePaper.look()
	for _, l := range looks {
		least := 3.0
		switch l.role {
		case rolePaper, roleHalo, roleGap, roleHatch, roleGrid, roleBand, rolePale:
			continue // grounds, and what only helps the eye
		default:
		}
		if l.size > 0 {
			least = 4.5
		}
		for name, got := range map[string]float64{"white": contrast(l.light, paper.light), "dark": contrast(l.dark, paper.dark)} {
			if got < least {
				t.Errorf("%s on %s paper: %.2f, less than %v", l.role, name, got, least)
			}
		}
	}
}

// The bitmap shows the lines where the layout has them.
func TestPNG(t *testing.T) {
	c := sample(t, usage.Week)
	var out bytes.Buffer
	if err := c.PNG(&out, Size{}); err != nil {
		t.Fatal(err)
	}
	img, err := png.Decode(&out)
	if err != nil {
		t.Fatal(err)
	}
	if b := img.Bounds(); b.Dx() != PNGScale*DefaultSize.Width || b.Dy() != PNGScale*DefaultSize.Height {
		t.Fatalf("size %v", b)
	}
	d := c.draw(DefaultSize)
	pixel := func(x, y float64) color.NRGBA {
		return color.NRGBAModel.Convert(img.At(int(x*PNGScale), int(y*PNGScale))).(color.NRGBA)
	}
	if got := pixel(1, 1); got != rolePaper.look().light {
		t.Errorf("the corner must be white: %v", got)
	}
	for _, piece := range d.pieces(roleOpen) {
		x := (piece[0].x + piece[1].x) / 2
		if math.Abs(x-d.x(d.figures.peak.start)) < 60 {
			continue // the mark of the peak and its label are there
		}
		if got := pixel(x, piece[0].y); got != roleOpen.look().light {
			t.Errorf("the line must pass %v, %v: %v", x, piece[0].y, got)
		}
	}
	dots := 0
	for x := d.left; x < d.left+60; x += 1.0 / PNGScale {
		if pixel(x, d.y(50)) == roleLicensed.look().light {
			dots++
		}
	}
	if dots < 20 || dots > 60 {
		t.Errorf("the licensed maximum must be dotted: %d of 120 pixels", dots)
	}
}

func TestCSVSaysTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := anyChart().Draw(t, "chart")
		var out bytes.Buffer
		if err := c.CSV(&out); err != nil {
			t.Fatal(err)
		}
		rows, err := csv.NewReader(&out).ReadAll()
		if err != nil || len(rows) != len(c.Series.Points)+1 {
			t.Fatalf("%d rows for %d points: %v", len(rows), len(c.Series.Points), err)
		}
		for i, p := range c.Series.Points {
			row := rows[i+1]
			if start, err := time.Parse(time.RFC3339, row[0]); err != nil || !start.Equal(p.Start) {
				t.Fatalf("the start %q is not that of %v: %v", row[0], p.Start, err)
			}
			mean, err := strconv.ParseFloat(row[3], 64)
			if p.Gap() != (err != nil) || !p.Gap() && math.Abs(mean-p.Mean) > 0.000501 {
				t.Fatalf("row %q for %+v", row, p)
			}
			if p.Gap() && row[3]+row[4]+row[5] != "" {
				t.Fatalf("a gap must be empty: %q", row)
			}
		}
	})
}

var escapes = regexp.MustCompile("\x1b\\[[0-9;]*m")

func TestTerminalKeepsWithinItsBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := anyChart().Draw(t, "chart")
		o := TerminalOptions{Columns: rapid.IntRange(leastColumns, 200).Draw(t, "columns"), Rows: rapid.IntRange(24, 60).Draw(t, "rows"), ASCII: rapid.Bool().Draw(t, "ascii"), Color: rapid.Bool().Draw(t, "color")}
		text := c.Terminal(o)
		if !o.Color && escapes.MatchString(text) {
			t.Fatal("must have no color")
		}
		lines := strings.Split(strings.TrimSuffix(escapes.ReplaceAllString(text, ""), "\n"), "\n")
		if o.Columns >= 60 && len(lines) >= o.Rows {
			t.Fatalf("%d lines on a terminal of %d:\n%s", len(lines), o.Rows, text)
		}
		for _, line := range lines {
			if n := utf8.RuneCountInString(line); n > o.Columns {
				t.Fatalf("%d columns of %d: %q", n, o.Columns, line)
			}
		}
		if o.ASCII && strings.ContainsFunc(text, func(r rune) bool { return r >= utf8.RuneSelf }) {
			t.Fatalf("must be ASCII:\n%s", text)
		}
	})
}

func TestColumnsLoseNoPeakAndNoDenial(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := anyChart().Draw(t, "chart")
		f := figuresOf(c.stretches())
		highest, denied := -1.0, usage.Count{}
		for _, col := range c.columns(rapid.IntRange(1, 500).Draw(t, "columns")) {
			if !math.IsNaN(col.peak) {
				highest = max(highest, col.peak)
			}
			denied.Denied += col.denials.Denied
			denied.True += col.denials.True
		}
		if denied != f.denials || f.peak != nil && highest != float64(f.peak.peak) || f.peak == nil && highest != -1 {
			t.Fatalf("columns say %v and %+v, the series %+v", highest, denied, f)
		}
	})
}

func BenchmarkDraw(b *testing.B) {
	year := sample(b, usage.Year)
	b.Run("svg", func(b *testing.B) {
		for b.Loop() {
			year.SVG(SVGOptions{})
		}
	})
	b.Run("png", func(b *testing.B) {
		for b.Loop() {
			if err := year.PNG(io.Discard, Size{}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("terminal", func(b *testing.B) {
		for b.Loop() {
			year.Terminal(TerminalOptions{})
		}
	})
}
