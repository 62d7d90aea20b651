// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package chart

import "math"

// scale is the upright axis: from 0 to top, with a tick every step. All three are whole numbers, as connections are.
type scale struct{ top, step int }

// scaleFor is the scale that shows highest with some room above it, and has about as many ticks as asked for.
func scaleFor(highest, ticks int) scale {
	ticks = max(ticks, 1)
	// A twentieth stays free above the highest, so that a line there is not the picture's edge.
	need := float64(max(highest, 1)) * 1.05
	step := roundStep(need / float64(ticks))
	return scale{top: int(math.Ceil(need/float64(step))) * step, step: step}
}

// roundStep is the least of 1, 2, 5, 10, 20, 50, ... that is not below the distance.
func roundStep(distance float64) int {
	for decade := 1; ; decade *= 10 {
		for _, digit := range []int{1, 2, 5} {
			if float64(digit*decade) >= distance {
				return digit * decade
			}
		}
	}
}

func (s scale) ticks() []int {
	var ticks []int
	for t := 0; t <= s.top; t += s.step {
		ticks = append(ticks, t)
	}
	return ticks
}

// part is how far up a value stands: 0 at the bottom, 1 at the top.
func (s scale) part(value float64) float64 {
	return min(max(value/float64(s.top), 0), 1)
}
