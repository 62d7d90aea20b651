// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package chart

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/guptarohit/asciigraph"

	"github.com/seatkeeper/seatkeeper/internal/usage"
)

// TerminalOptions say what the terminal can show.
type TerminalOptions struct {
	// Columns and Rows bound the chart; 0: 80 and 24. Fewer than 40 and 12 are taken for that, since no words fit into less.
	Columns, Rows int
	// Color says whether escape sequences are understood, and ASCII that nothing else is than that.
	Color, ASCII bool
}

// The colors of the lines are the pictures', as near as terminals have them.
var licensedColor, openColor = asciigraph.DarkOrange, asciigraph.DodgerBlue

const (
	defaultColumns, leastColumns = 80, 40
	defaultRows, leastRows       = 24, 12
)

// glyphs are what lines and marks are made of.
type glyphs struct {
	open, licensed             asciigraph.CharSet
	gap, denied, trulyDenied   string
	axis, axisTick, axisCorner string
	openSample, licensedSample string
	between                    string
	fromGraph                  *strings.Replacer // what asciigraph draws by itself
}

var unicodeGlyphs = glyphs{
	open: asciigraph.CharSet{
		Horizontal: "─", VerticalLine: "│", ArcDownRight: "╭", ArcDownLeft: "╮", ArcUpRight: "╰", ArcUpLeft: "╯", EndCap: "─", StartCap: " ",
	},
	licensed: dots("·"),
	gap:      "░", denied: "▵", trulyDenied: "▲",
	axis: "─", axisTick: "┬", axisCorner: "└",
	openSample: "──", licensedSample: "··",
	between:   " · ",
	fromGraph: strings.NewReplacer(),
}

var asciiGlyphs = glyphs{
	open: asciigraph.CharSet{
		Horizontal: "-", VerticalLine: "|", ArcDownRight: ".", ArcDownLeft: ".", ArcUpRight: "'", ArcUpLeft: "'", EndCap: "-", StartCap: " ",
	},
	licensed: dots("="),
	gap:      "#", denied: "^", trulyDenied: "!",
	axis: "-", axisTick: "+", axisCorner: "+",
	openSample: "--", licensedSample: "==",
	between:   "; ",
	fromGraph: strings.NewReplacer("┤", "|", "┼", "|"),
}

// dots is a line whose every piece is one character, and that is open at gaps.
func dots(c string) asciigraph.CharSet {
	set := asciigraph.CreateCharSet(c)
	set.StartCap = " "
	return set
}

// column is what one column of the terminal stands for.
type column struct {
	peak, licensed float64 // NaN: no record
	denials        usage.Count
}

// columns shares the points out; a point that reaches over several columns counts in each, its denials in the first. So no peak is lost.
func (c *Chart) columns(n int) []column {
	all := make([]column, n)
	for i := range all {
		all[i] = column{peak: math.NaN(), licensed: math.NaN()}
	}
	span := float64(c.to().Sub(c.from()))
	at := func(t time.Time) float64 { return float64(t.Sub(c.from())) / span * float64(n) }
	for _, s := range c.stretches() {
		first := min(int(at(s.start)), n-1)
		last := min(max(int(math.Ceil(at(s.end)))-1, first), n-1)
		all[first].denials.Denied += s.denials.Denied
		all[first].denials.True += s.denials.True
		for i := first; i <= last; i++ {
			if !s.gap() {
				all[i].peak = higher(all[i].peak, s.peak)
			}
			if s.hasLicense() {
				all[i].licensed = higher(all[i].licensed, s.licensed)
			}
		}
	}
	return all
}

// higher is the greater of a value that may not be there yet, and another.
func higher(value float64, other int) float64 {
	if math.IsNaN(value) {
		return float64(other)
	}
	return max(value, float64(other))
}

// Terminal draws the chart with characters. It ends with a line feed.
func (c *Chart) Terminal(o TerminalOptions) string {
	t := &terminal{Chart: c, figures: figuresOf(c.stretches()), glyphs: unicodeGlyphs, color: o.Color}
	if o.ASCII {
		t.glyphs = asciiGlyphs
	}
	t.width = max(orDefault(o.Columns, defaultColumns), leastColumns)
	var lines []string
	lines = append(lines, cut(c.Title(), t.width), cut(c.subtitle(), t.width), "")
	words := t.words()
	if t.figures.last == nil {
		lines = append(lines, wrapColumns(c.emptyText(), t.width)...)
	} else {
		// Title, plot, axis, marks, labels and words together keep within the rows, and one is for the prompt.
		rows := max(orDefault(o.Rows, defaultRows), leastRows) - len(lines) - len(words) - 5
		lines = append(lines, t.plot(max(rows, 5))...)
	}
	lines = append(lines, words...)
	text := strings.Join(lines, "\n") + "\n"
	if o.ASCII {
		text = onlyASCII(text)
	}
	return text
}

func orDefault(value, byDefault int) int {
	if value <= 0 {
		return byDefault
	}
	return value
}

type terminal struct {
	*Chart

	figures figures
	glyphs  glyphs
	color   bool
	width   int
}

// plot draws the lines with their axes, within about this many rows.
func (t *terminal) plot(rows int) []string {
	scale := scaleFor(t.figures.highest(), max(rows/3, 3))
	each := max(rows/(scale.top/scale.step), 1) // rows a tick
	label := len(strconv.Itoa(scale.top))
	n := t.width - label - 3 // asciigraph puts a space on either side of a label, and then the axis
	columns := t.columns(n)
	var open, licensed []float64
	for _, c := range columns {
		open, licensed = append(open, c.peak), append(licensed, c.licensed)
	}
	// asciigraph draws from point to point, so that the last column needs one more.
	open, licensed = append(open, open[n-1]), append(licensed, licensed[n-1])
	options := []asciigraph.Option{
		asciigraph.Height(each * (scale.top / scale.step)),
		asciigraph.LowerBound(0), asciigraph.UpperBound(float64(scale.top)),
		asciigraph.SeriesChars(t.glyphs.licensed, t.glyphs.open),
		asciigraph.YAxisValueFormatter(func(v float64) string { return scale.labelAt(v, label) }),
	}
	if t.color {
		options = append(options, asciigraph.SeriesColors(licensedColor, openColor))
	}
	graph := asciigraph.PlotMany([][]float64{licensed, open}, options...)
	var lines []string
	for line := range strings.SplitSeq(graph, "\n") {
		lines = append(lines, strings.TrimRight(strings.Replace(t.glyphs.fromGraph.Replace(line), "┼", "┤", 1), " "))
	}
	return append(lines, t.axis(label, n, columns)...)
}

// labelAt is what stands at a row of the upright axis: a number where it is a tick's, else spaces.
func (s scale) labelAt(value float64, width int) string {
	whole := math.Round(value)
	if math.Abs(value-whole) > 1e-6*float64(s.top) || int(whole)%s.step != 0 {
		return strings.Repeat(" ", width)
	}
	return fmt.Sprintf("%*d", width, int(whole))
}

// axis draws the time axis, its labels, and between them the marks of gaps and denials, if there are any.
func (t *terminal) axis(label, n int, columns []column) []string {
	place := func(at time.Time) float64 {
		return math.Floor(float64(at.Sub(t.from())) / float64(t.to().Sub(t.from())) * float64(n-1))
	}
	labels, _ := timeAxis(t.from(), t.to(), t.zone(), ruler{place: place, width: runes, right: float64(n), gap: 2})
	line := make([]string, n)
	words := []rune(strings.Repeat(" ", n))
	for i := range line {
		line[i] = t.glyphs.axis
	}
	for _, l := range labels {
		line[int(l.centre)] = t.glyphs.axisTick
		copy(words[int(l.centre-l.width/2):], []rune(l.text))
	}
	margin := strings.Repeat(" ", label+3)
	lines := []string{strings.Repeat(" ", label+2) + t.glyphs.axisCorner + strings.Join(line, "")}
	if marks := t.marks(columns); strings.TrimSpace(marks) != "" {
		lines = append(lines, strings.TrimRight(margin+marks, " "))
	}
	return append(lines, strings.TrimRight(margin+string(words), " "))
}

func (t *terminal) marks(columns []column) string {
	var b strings.Builder
	for _, c := range columns {
		switch {
		case c.denials.True > 0:
			b.WriteString(t.glyphs.trulyDenied)
		case c.denials.Denied > 0:
			b.WriteString(t.glyphs.denied)
		case math.IsNaN(c.peak):
			b.WriteString(t.glyphs.gap)
		default:
			b.WriteString(" ")
		}
	}
	return b.String()
}

// words are what stands below the plot.
func (t *terminal) words() []string {
	var lines []string
	if t.figures.last != nil {
		legend := []string{t.glyphs.openSample + " most open at once", t.glyphs.licensedSample + " licensed"}
		if t.figures.denials.Denied > 0 {
			legend = append(legend, t.glyphs.denied+" denied", t.glyphs.trulyDenied+" truly denied")
		}
		if !t.figures.complete() {
			legend = append(legend, t.glyphs.gap+" no record")
		}
		lines = append(lines, "")
		for _, line := range flow(legend, "   ", float64(t.width), runes) {
			line = t.colored(line, t.glyphs.openSample+" ", openColor)
			line = t.colored(line, t.glyphs.licensedSample+" ", licensedColor)
			lines = append(lines, line)
		}
		for _, line := range flow(t.sentences(t.figures), t.glyphs.between, float64(t.width), runes) {
			lines = append(lines, wrapColumns(line, t.width)...)
		}
	}
	if note := t.note(); note != "" {
		lines = append(append(lines, ""), wrapColumns(note, t.width)...)
	}
	return lines
}

// colored is a line with a sample in it drawn in the color, where there are colors.
func (t *terminal) colored(line, sample string, color asciigraph.AnsiColor) string {
	if !t.color {
		return line
	}
	return strings.Replace(line, sample, color.String()+sample+asciigraph.Default.String(), 1)
}

func runes(text string) float64 { return float64(utf8.RuneCountInString(text)) }

func cut(text string, width int) string {
	all := []rune(text)
	if len(all) <= width {
		return text
	}
	return string(all[:width-1]) + ellipsis
}

func wrapColumns(text string, width int) []string {
	words := strings.Fields(text)
	for i := range words {
		words[i] = cut(words[i], width)
	}
	return flow(words, " ", float64(width), runes)
}

// onlyASCII writes everything else as a question mark, one for each character, so that columns stay where they are.
func onlyASCII(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r < utf8.RuneSelf:
			return r
		case r == '…':
			return '~'
		default:
			return '?'
		}
	}, text)
}
