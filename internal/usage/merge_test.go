// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package usage

import (
	"maps"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func drawBucket(t *rapid.T) bucket {
	number := func(name string) int { return rapid.IntRange(0, 1000).Draw(t, name) }
	b := newBucket(0)
	b.covered, b.want = int64(number("covered")), number("want")
	for m := range b.uses {
		b.uses[m] = use{seconds: int64(number("seconds")), peak: number("peak"), licensed: number("licensed") - 1, grants: number("grants")}
	}
	if n := rapid.IntRange(0, 2).Draw(t, "reasons"); n > 0 {
		b.denials = map[string]Count{}
		for range n {
			b.denials[rapid.SampledFrom([]string{"A", "B", "C"}).Draw(t, "reason")] = Count{number("denied"), number("true")}
		}
	}
	return b
}

func TestBucketsMergeInAnyOrderAndAnyGrouping(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := drawBucket(t), drawBucket(t), drawBucket(t)
		before := maps.Clone(a.denials)
		if x, y := a.merge(b), b.merge(a); !reflect.DeepEqual(x, y) {
			t.Errorf("%+v and %+v", x, y)
		}
		if x, y := a.merge(b).merge(c), a.merge(b.merge(c)); !reflect.DeepEqual(x, y) {
			t.Errorf("%+v and %+v", x, y)
		}
		if x := a.merge(newBucket(0)); !reflect.DeepEqual(x, a) {
			t.Errorf("merged with nothing: %+v, and not %+v", x, a)
		}
		if !maps.Equal(before, a.denials) {
			t.Error("a merge changed what was merged")
		}
	})
}

func TestSpreadsMergeInAnyOrderAndAnyGrouping(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draw := func() spread {
			return spread{seconds: rapid.SliceOfN(rapid.Int64Range(0, 86_400), 0, 60).Draw(t, "seconds")}
		}
		a, b, c := draw(), draw(), draw()
		if x, y := a.merge(b), b.merge(a); !slices.Equal(x.seconds, y.seconds) {
			t.Errorf("%v and %v", x, y)
		}
		if x, y := a.merge(b).merge(c), a.merge(b.merge(c)); !slices.Equal(x.seconds, y.seconds) {
			t.Errorf("%v and %v", x, y)
		}
	})
}

// TestCoarserRingsAreTheFinerOnesMerged: what the hours and the days say is what their parts say.
func TestCoarserRingsAreTheFinerOnesMerged(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := NewHistory()
		h.begin(eight.Unix())
		for range rapid.IntRange(1, 60).Draw(t, "stretches") {
			to := h.through + int64(rapid.IntRange(1, 2000).Draw(t, "lasts"))
			if rapid.IntRange(0, 5).Draw(t, "gap") == 0 {
				h.begin(to)
				continue
			}
			level := func(name string) opening { return opening{level: rapid.IntRange(0, 40).Draw(t, name)} }
			h.add(to, [2]opening{level("named"), level("concurrent")}, [2]int{rapid.IntRange(-1, 30).Draw(t, "seats"), 40})
			h.addDenials(to-1, reasonSeatsExhausted, Count{1, rapid.IntRange(0, 1).Draw(t, "true")})
		}
		for i := range 2 {
			coarse := h.rings[i+1]
			parts := map[int64]bucket{}
			for _, b := range h.rings[i].buckets {
				start := b.start - mod(b.start, coarse.length)
				sum, ok := parts[start]
				if !ok {
					sum = newBucket(start)
				}
				parts[start] = sum.merge(b)
			}
			for _, b := range coarse.buckets {
				if !reflect.DeepEqual(b, parts[b.start]) {
					t.Errorf("%+v, and its parts %+v", b, parts[b.start])
				}
			}
			if len(parts) != len(coarse.buckets) {
				t.Errorf("%d and %d", len(parts), len(coarse.buckets))
			}
		}
	})
}

func TestStepsOfLevelsLeaveNoHoleAndAreNarrow(t *testing.T) {
	for level := range 1_100_000 {
		step := stepOf(level)
		switch top := topOf(step); {
		case level < exactLevels && top != level:
			t.Fatalf("level %d is in a step up to %d", level, top)
		case top < level || 16*(top-level) > level:
			t.Fatalf("level %d is in a step up to %d", level, top)
		case level > 0 && stepOf(level-1) != step && (stepOf(level-1) != step-1 || topOf(step-1) != level-1):
			t.Fatalf("level %d begins step %d, and the one before it ends at %d", level, step, topOf(step-1))
		}
	}
}
