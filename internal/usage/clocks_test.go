// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package usage

import (
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// whole are the buckets of which every second is known.
func (r *ring) whole() map[int64]bucket {
	found := map[int64]bucket{}
	for _, b := range r.buckets {
		if b.covered == r.length {
			found[b.start] = b
		}
	}
	return found
}

// TestNothingWholeIsEverChanged: whatever the clocks of those who tell it say, what is known of a whole stretch stays as it was until the ring has no more room, and no ring grows past its bounds.
func TestNothingWholeIsEverChanged(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := NewHistory()
		var before [3]map[int64]bucket
		for range rapid.IntRange(1, 40).Draw(t, "tellers") {
			clock := rapid.SampledFrom([]time.Time{eight, eight, eight.Add(time.Hour), eight.Add(-time.Hour), eight.Add(30 * 24 * time.Hour), eight.AddDate(-20, 0, 0), time.Unix(0, 0), time.Unix(earliest, 0)}).Draw(t, "clock")
			clock = clock.Add(time.Duration(rapid.IntRange(0, 7200).Draw(t, "later")) * time.Second)
			ahead := h.Resume(clock)
			if clock.Unix() < earliest {
				if ahead != 0 {
					t.Errorf("%s is taken for a clock", clock)
				}
				continue
			}
			if late := h.through - clock.Unix(); h.through != 0 && late > int64(Apart/time.Second) {
				t.Errorf("at %s the history ends %d s later", clock, late)
			}
			h.begin(clock.Unix())
			h.add(h.through+int64(rapid.IntRange(0, 3000).Draw(t, "tells")), [2]opening{{level: 1}, {level: rapid.IntRange(0, 50).Draw(t, "level")}}, [2]int{2, 50})
			for i := range h.rings {
				r := &h.rings[i]
				now := r.whole()
				for start, b := range before[i] {
					if got, ok := now[start]; !ok || !reflect.DeepEqual(got.uses, b.uses) {
						t.Errorf("ring %d, %s: was %+v, and is %+v", i, instant(start), b, got)
					}
				}
				before[i] = now
				for k, b := range r.buckets {
					if b.covered > r.length || k > 0 && b.start <= r.buckets[k-1].start {
						t.Errorf("ring %d: %+v after %+v", i, b, r.buckets[max(0, k-1)])
					}
				}
			}
			for _, s := range []*spreads{&h.days, &h.weeks} {
				for k, one := range s.list {
					if one.covered() > s.length || k > 0 && one.start <= s.list[k-1].start {
						t.Errorf("%+v", s.list)
					}
				}
			}
			stored, err := Decode(h.Encode())
			if err != nil {
				t.Fatal(err)
			}
			h = stored
		}
	})
}

// TestADisputedEndCostsTheOldestAlone: full rings of another clock leave room for as much of this one's.
func TestADisputedEndCostsTheOldestAlone(t *testing.T) {
	h := NewHistory()
	open, seats := [2]opening{{}, {level: 3}}, [2]int{NotLicensed, 5}
	h.begin(eight.Unix())
	h.add(h.through+10*day, open, seats)
	h.Resume(at(-1000 * 24 * time.Hour))
	begun := h.through
	for range 3 * 24 * 60 {
		h.add(h.through+60, open, seats)
	}
	if n := len(h.rings[0].buckets); n != 2*fineKept {
		t.Errorf("%d fine buckets", n)
	}
	if first := h.rings[0].buckets[0].start; first != begun+day {
		t.Errorf("the oldest is of %s", instant(first))
	}
	h.Resume(at(10*24*time.Hour + time.Hour))
	h.begin(at(10*24*time.Hour + time.Hour).Unix())
	h.add(h.through+60, open, seats)
	if n, first := len(h.rings[0].buckets), h.rings[0].buckets[0].start; n != fineKept || first < at(8*24*time.Hour).Unix() {
		t.Errorf("%d fine buckets from %s on: those of the clock that was behind are the oldest", n, instant(first))
	}
}

// TestAWrongClockMakesNobodyDormant: it forgets who signed on.
func TestAWrongClockMakesNobodyDormant(t *testing.T) {
	h, line := NewHistory(), NewTimeline(eight)
	line.License(eight, 5, NotLicensed)
	for n := range 100 {
		now := at(time.Duration(n) * 24 * time.Hour)
		id := now.String()
		line.Put(Session{ID: id, User: "ann", Model: Named, Connection: id, Logon: now, Ended: now.Add(time.Hour)})
		line.Tell(h, now.Add(2*time.Hour), time.Hour)
	}
	accounts := func(yield func(Account) bool) { yield(Account{User: "ann", Created: eight}) }
	if n := h.Dormant(accounts); n != 0 {
		t.Fatalf("%d of a user who signs on each day", n)
	}
	wrong := NewTimeline(at(10_000 * 24 * time.Hour))
	wrong.License(at(10_000*24*time.Hour), 5, NotLicensed)
	wrong.Tell(h, at(10_000*24*time.Hour+time.Minute), time.Hour)
	back := at(100 * 24 * time.Hour)
	h.Resume(back)
	line = NewTimeline(back)
	line.License(back, 5, NotLicensed)
	line.Tell(h, back.Add(time.Minute), time.Hour)
	if n := h.Dormant(accounts); n != Unknown {
		t.Errorf("%d of a user who signed on yesterday, as no history knows any more", n)
	}
}

// TestAWrongClockCountsNoReportTwice: it would forget what was taken over of replicas' reports.
func TestAWrongClockCountsNoReportTwice(t *testing.T) {
	h := NewHistory()
	h.begin(eight.Unix())
	reports := map[string]Tally{"a": {eight.Unix(): {"SeatsExhausted": {Denied: 3}}}}
	h.Fold(reports, at(time.Minute))
	h.Fold(reports, at(1000*time.Hour))
	h.Fold(reports, at(2*time.Minute))
	if n := Denied(h.DenialsSince(eight.Add(-time.Hour))); n.Denied > 3 {
		t.Errorf("%d denied, and not 3", n.Denied)
	}
	if h.Fold(nil, at(1000*time.Hour)); len(h.told) > 0 {
		t.Errorf("for ever: %+v", h.told)
	}
}

func TestARecordOfAnotherClockIsSeenNow(t *testing.T) {
	now := at(0)
	if s := (Session{Logon: at(time.Second)}).SeenAt(now); s.Disputed || !s.Logon.Equal(at(time.Second)) {
		t.Errorf("%+v: clocks differ by a second", s)
	}
	h, line := NewHistory(), NewTimeline(now)
	line.License(now, NotLicensed, 5)
	line.Put(Session{ID: "1", User: "ann", Model: Concurrent, Connection: "1", Logon: at(50 * time.Hour)}.SeenAt(now))
	line.Put(Session{ID: "2", User: "bob", Denied: reasonSeatsExhausted, Ended: at(50 * time.Hour)}.SeenAt(now))
	line.Tell(h, at(time.Minute), time.Hour)
	s := h.Series(Concurrent, Day, at(time.Minute))
	if s.Peak != 1 || s.Covered != time.Minute || s.Grants != 0 || Denied(s.Denials) != (Count{}) {
		t.Errorf("%+v", s)
	}
}
