// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package usage

import (
	"math/bits"
	"slices"
)

// Levels up to 31 are exact. Above, a step spans a sixteenth of a power of two: 2 levels from 32 on, 4 from 64 on, and so forth, at most one part in sixteen.
const exactLevels = 32

// stepOf is the step that a level belongs to.
func stepOf(level int) int {
	if level < exactLevels {
		return max(0, level)
	}
	octave := bits.Len(uint(level)) - 1 // at least 5
	return exactLevels + (octave-5)*16 + (level >> (octave - 4)) - 16
}

// topOf is the highest level of a step: advice never counts a level as lower than it was.
func topOf(step int) int {
	if step < exactLevels {
		return step
	}
	octave, within := 5+(step-exactLevels)/16, (step-exactLevels)%16
	return (17+within)<<(octave-4) - 1
}

// spread is how long connections were at each level, in a day or a week.
type spread struct {
	start int64
	// seconds are by step.
	seconds []int64
}

// covered is how many of its seconds are known.
func (s *spread) covered() int64 {
	sum := int64(0)
	for _, n := range s.seconds {
		sum += n
	}
	return sum
}

func (s *spread) add(level int, seconds int64) {
	step := stepOf(level)
	for len(s.seconds) <= step {
		s.seconds = append(s.seconds, 0)
	}
	s.seconds[step] += seconds
}

// merge adds another spread. It is associative and commutative but for the start, which stays.
func (s spread) merge(other spread) spread {
	sum := make([]int64, max(len(s.seconds), len(other.seconds)))
	copy(sum, s.seconds)
	for i, n := range other.seconds {
		sum[i] += n
	}
	s.seconds = sum
	return s
}

// spreads is spreads of one length, the newest so many.
type spreads struct {
	length, offset int64
	keep           int
	list           []spread
}

func (s *spreads) startOf(second int64) int64 { return second - mod(second-s.offset, s.length) }

// at finds the spread of a second, which is made if there is none.
func (s *spreads) at(second int64) *spread {
	start := s.startOf(second)
	i := len(s.list)
	for i > 0 && s.list[i-1].start >= start { // it is nearly always the last
		i--
	}
	if i == len(s.list) || s.list[i].start != start {
		s.list = slices.Insert(s.list, i, spread{start: start})
	}
	return &s.list[i]
}

// trim drops the oldest as a ring does.
func (s *spreads) trim(through int64) {
	n := len(s.list)
	for n > 0 && s.list[n-1].start >= through {
		n--
	}
	s.list = trimmed(s.list, n, s.keep)
}

// from adds up what is known since the spread that holds this second until another, and says when that begins.
func (s *spreads) from(second, until int64) (spread, int64) {
	start := s.startOf(second)
	sum := spread{start: start}
	for _, one := range s.list {
		if one.start >= start && one.start < until {
			sum = sum.merge(one)
		}
	}
	return sum, start
}
