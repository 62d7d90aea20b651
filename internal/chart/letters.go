// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package chart

import (
	"strings"
	"sync"
	"unicode/utf8"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/font/sfnt"
	"golang.org/x/image/math/fixed"
)

// slack is how much wider a text may come out than measured: an SVG is shown in the viewer's font and not in the one that measures.
const slack = 1.12

// typeface is a font of the Go project: it comes with the program, so that pictures are the same on every machine.
type typeface struct {
	mu   sync.Mutex // guards what sfnt keeps between glyphs
	font *sfnt.Font
	buf  sfnt.Buffer
}

var (
	regular = sync.OnceValue(func() *typeface { return parse(goregular.TTF) })
	bold    = sync.OnceValue(func() *typeface { return parse(gobold.TTF) })
)

func parse(ttf []byte) *typeface {
	f, err := opentype.Parse(ttf)
	if err != nil {
		panic("chart: the built-in font does not parse: " + err.Error())
	}
	return &typeface{font: f}
}

func (r role) typeface() *typeface {
	if r.look().bold {
		return bold()
	}
	return regular()
}

// width is that of a text at a size.
func (t *typeface) width(text string, size float64) float64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	var sum fixed.Int26_6
	ppem := fixed.Int26_6(size * 64)
	for _, r := range text {
		glyph, err := t.font.GlyphIndex(&t.buf, r)
		if err != nil {
			continue
		}
		advance, err := t.font.GlyphAdvance(&t.buf, glyph, ppem, font.HintingNone)
		if err != nil {
			continue
		}
		sum += advance
	}
	return float64(sum) / 64
}

// width is how much room a text in this role takes at most.
func (r role) width(text string) float64 {
	return slack * r.typeface().width(text, r.look().size)
}

const ellipsis = "…"

// fit is the text, or as much of its beginning as there is room for.
func (r role) fit(text string, room float64) string {
	if r.width(text) <= room {
		return text
	}
	for text != "" {
		_, size := utf8.DecodeLastRuneInString(text)
		text = strings.TrimRight(text[:len(text)-size], " ")
		if r.width(text+ellipsis) <= room {
			return text + ellipsis
		}
	}
	return ""
}

// wrap breaks a text into lines of at most this width. A word that is longer is cut.
func (r role) wrap(text string, room float64) []string {
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(text) {
		longer := strings.TrimSpace(line + " " + word)
		if line == "" || r.width(longer) <= room {
			line = longer
			continue
		}
		lines = append(lines, r.fit(line, room))
		line = word
	}
	if line != "" {
		lines = append(lines, r.fit(line, room))
	}
	return lines
}
