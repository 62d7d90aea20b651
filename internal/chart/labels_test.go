// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package chart

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seatkeeper/seatkeeper/internal/usage"
)

// near is a day whose peak is just below the licensed maximum, so that there is no room for words between the two.
func near(t *testing.T, peaks ...int) *Chart {
	t.Helper()
	c := empty()
	c.Series.Model, c.Series.Through = usage.Concurrent, c.Series.To
	for i := range c.Series.Points {
		high := peaks[i*len(peaks)/len(c.Series.Points)]
		p := &c.Series.Points[i]
		p.Covered, p.Licensed, p.Peak, p.Mean = time.Hour, 54, high, float64(high)-3
	}
	return c
}

func TestTheLabelOfThePeakCoversNoLine(t *testing.T) {
	for name, peaks := range map[string][]int{
		"a broad peak":     {5, 50, 49, 5},
		"a peak on a ramp": {10, 20, 30, 40, 50, 40, 30, 20},
		"a spike":          {3, 3, 3, 3, 3, 3, 3, 50, 3, 3, 3, 3},
		"at the end":       {20, 20, 30, 50},
		"at the start":     {50, 40, 30, 20},
	} {
		d := near(t, peaks...).draw(Size{})
		i := slices.IndexFunc(d.scene.shapes, func(s shape) bool { return s.kind == kindText && strings.HasPrefix(s.text, "peak ") })
		if i < 0 {
			t.Errorf("%s: the peak has no label", name)
			continue
		}
		label := d.scene.shapes[i]
		if b := labelBox(label.at[0], label.role.width(label.text)); d.onLicensed(b) || d.onOpen(b) {
			t.Errorf("%s: the label at %v covers a line", name, label.at[0])
		}
	}
}

// However narrow the picture is, its sentences are there to the last word.
func TestSentencesAreWhole(t *testing.T) {
	c := sample(t, usage.Day)
	c.Since = now.Add(-100 * time.Minute)
	d := c.draw(Size{Width: MinWidth})
	var words []string
	for _, s := range d.scene.shapes {
		if s.kind == kindText && s.role == roleText {
			words = append(words, strings.ReplaceAll(s.text, " · ", " "))
		}
	}
	shown := strings.Join(words, " ")
	for _, sentence := range c.sentences(d.figures) {
		if !strings.Contains(shown, sentence) {
			t.Errorf("the picture must say %q: %q", sentence, shown)
		}
	}
}
