// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package usage

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// eight is a Monday morning.
var eight = time.Date(2026, time.March, 2, 8, 0, 0, 0, time.UTC)

func at(d time.Duration) time.Time { return eight.Add(d) }

// story is sessions, as an observer of everything knows them.
type story []Session

// levels are, for each second, how many connections of a model are open in it.
func (s story) levels(m Model, from, to time.Time) []int {
	open := map[string][]bool{}
	for _, one := range s {
		if one.Model != m || one.Connection == "" {
			continue
		}
		seconds := open[one.Connection]
		if seconds == nil {
			seconds = make([]bool, to.Unix()-from.Unix())
			open[one.Connection] = seconds
		}
		for i := max(0, one.Logon.Unix()-from.Unix()); i < int64(len(seconds)) && (one.Ended.IsZero() || from.Unix()+i < one.Ended.Unix()); i++ {
			seconds[i] = true
		}
	}
	levels := make([]int, to.Unix()-from.Unix())
	for _, seconds := range open {
		for i, is := range seconds {
			if is {
				levels[i]++
			}
		}
	}
	return levels
}

// drawStory draws sessions of some connections within two hours; some connections have several sessions, some come and go in one second.
func drawStory(t *rapid.T) story {
	var s story
	for i := range rapid.IntRange(0, 30).Draw(t, "sessions") {
		logon := at(time.Duration(rapid.IntRange(0, 7200).Draw(t, "logon")) * time.Second)
		one := Session{
			ID: fmt.Sprintf("s%d", i), User: fmt.Sprintf("u%d", rapid.IntRange(0, 5).Draw(t, "user")),
			Model: models[rapid.IntRange(0, 1).Draw(t, "model")], Connection: fmt.Sprintf("c%d", rapid.IntRange(0, 12).Draw(t, "connection")), Logon: logon,
		}
		if rapid.Bool().Draw(t, "ends") {
			one.Ended = logon.Add(time.Duration(rapid.IntRange(0, 3000).Draw(t, "lasts")) * time.Second)
		}
		if rapid.IntRange(0, 4).Draw(t, "denied") == 0 {
			one = Session{ID: one.ID, User: one.User, Denied: rapid.SampledFrom([]string{reasonSeatsExhausted, "AccountDisabled"}).Draw(t, "reason"), Ended: logon}
		}
		s = append(s, one)
	}
	return s
}

// by is what the records say at a time.
func (s story) by(now time.Time) story {
	var seen story
	for _, one := range s {
		if began := one.Logon; began.IsZero() && one.Ended.After(now) || began.After(now) {
			continue
		}
		if one.Denied == "" && one.Ended.After(now) {
			one.Ended = time.Time{}
		}
		seen = append(seen, one)
	}
	return seen
}

// truth is the buckets of a length as computed second by second.
func (s story) truth(length int64, from, to time.Time) map[int64]bucket {
	truth := map[int64]bucket{}
	find := func(second int64) bucket {
		start := second - mod(second, length)
		if b, ok := truth[start]; ok {
			return b
		}
		return newBucket(start)
	}
	levels := [2][]int{s.levels(Named, from, to), s.levels(Concurrent, from, to)}
	for second := from.Unix(); second < to.Unix(); second++ {
		b := find(second)
		b.covered++
		for m := range models {
			level := levels[m][second-from.Unix()]
			b.uses[m].seconds += int64(level)
			b.uses[m].peak = max(b.uses[m].peak, level)
			b.uses[m].licensed = seatsThen[m]
		}
		truth[b.start] = b
	}
	for _, one := range s {
		switch {
		case one.Denied != "" && one.Ended.Before(to):
			b := find(one.Ended.Unix())
			b = b.merge(bucket{denials: map[string]Count{one.Denied: {Denied: 1}}})
			truth[b.start] = b
		case one.Denied == "" && one.Logon.Before(to):
			b := find(one.Logon.Unix())
			b.uses[one.Model.index()].grants++
			truth[b.start] = b
		}
	}
	for _, d := range s.trueDenials(to) {
		b := find(d.At.Unix())
		b = b.merge(bucket{denials: map[string]Count{d.Reason: {True: 1}}})
		truth[b.start] = b
	}
	return truth
}

// trueDenials are found by their definition: nothing more of the user within five minutes.
func (s story) trueDenials(to time.Time) []TrueDenial {
	var found []TrueDenial
	for i, d := range s {
		isTrue := d.Denied != "" && d.Ended.Unix()+trueAfter+1 < to.Unix()
		for k, other := range s {
			if other.User != d.User || i == k || !isTrue {
				continue
			}
			when := other.Logon
			if other.Denied != "" {
				when = other.Ended
			}
			if passed := when.Sub(d.Ended); passed >= 0 && passed <= TrueAfter {
				isTrue = false
			}
		}
		if isTrue {
			found = append(found, TrueDenial{d.Ended, d.Denied})
		}
	}
	return found
}

// seatsThen is what is licensed in every story.
var seatsThen = [2]int{5, 7}

// TestAHistoryIsWhatTheRecordsSay tells stories in pieces, in any order of news, with histories that are stored and read anew and tellers who begin anew with the records that there are, and
// compares each with what an observer of every second counts.
func TestAHistoryIsWhatTheRecordsSay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawStory(t)
		s = slices.DeleteFunc(s, func(one Session) bool { // of two denials of one user in one second it is open which is the last
			return one.Denied != "" && slices.ContainsFunc(s, func(other Session) bool {
				return other.ID != one.ID && other.User == one.User && other.Denied != "" && other.Ended.Equal(one.Ended)
			})
		})
		h, began := NewHistory(), at(0)
		var line *Timeline
		begin := func(now time.Time) {
			line = NewTimeline(now)
			line.License(now, seatsThen[0], seatsThen[1])
		}
		begin(began)
		until := at(3 * time.Hour)
		for now := began; now.Before(until); {
			now = now.Add(time.Duration(rapid.IntRange(1, 1500).Draw(t, "pause")) * time.Second)
			if !h.Since().IsZero() && rapid.IntRange(0, 3).Draw(t, "new teller") == 0 {
				begin(now)
			}
			for _, i := range rapid.Permutation(indices(s.by(now))).Draw(t, "order") {
				line.Put(s.by(now)[i])
			}
			line.Tell(h, now, 24*time.Hour)
			if rapid.Bool().Draw(t, "stored") {
				stored, err := Decode(h.Encode())
				if err != nil {
					t.Fatal(err)
				}
				h = stored
				line.Forget(h)
			} else if rapid.Bool().Draw(t, "lost") {
				line.Forget(h)
			}
		}
		if h.late != 0 {
			t.Errorf("%d came late", h.late)
		}
		for i, r := range h.rings {
			truth := s.truth(r.length, began, h.Through())
			for _, b := range r.buckets {
				b.want = 0 // a test of its own
				if want := truth[b.start]; !reflect.DeepEqual(plainBucket(b), plainBucket(want)) {
					t.Errorf("ring %d, %s: %+v, and not %+v", i, instant(b.start), b, want)
				}
				delete(truth, b.start)
			}
			if len(truth) > 0 {
				t.Errorf("ring %d lacks %v", i, slices.Collect(maps.Values(truth)))
			}
		}
		checkSpread(t, s, &h.days, began, h.Through())
		checkSpread(t, s, &h.weeks, began, h.Through())
	})
}

// plainBucket has a map where there is none.
func plainBucket(b bucket) bucket {
	if len(b.denials) == 0 {
		b.denials = nil
	}
	return b
}

func checkSpread(t *rapid.T, s story, kept *spreads, from, to time.Time) {
	var want spread
	for _, level := range s.levels(Concurrent, from, to) {
		want.add(level, 1)
	}
	if len(kept.list) != 1 || !slices.Equal(kept.list[0].seconds, want.seconds) {
		t.Errorf("levels: %v, and not %v", kept.list, want.seconds)
	}
}

func indices[T any](of []T) []int {
	all := make([]int, len(of))
	for i := range of {
		all[i] = i
	}
	return all
}
