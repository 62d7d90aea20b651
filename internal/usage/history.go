// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package usage

import (
	"time"
)

const (
	minute = int64(60)
	hour   = 60 * minute
	day    = 24 * hour
	week   = 7 * day
	// monday is the first second of a Monday.
	monday = 4 * day
)

// The rings, the finest first: five minutes for two days, hours for 100 days, days for two years.
const (
	fineLength, fineKept = 5 * minute, 2 * 24 * 12
	hoursKept            = 100 * 24
	daysKept             = 731
	// Of the time spent at each level there are days for a month and weeks for a year.
	spreadDaysKept, spreadWeeksKept = 31, 53
)

// opening is which connections of one model are open: how many, and a digest of their sessions.
type opening struct {
	level  int
	digest uint64
}

// History is what became of a pool's seats, as it is stored. The zero History knows nothing; make one with NewHistory, or Decode.
type History struct {
	// since is when it began, through up to when it tells what happened (excluded): seconds since 1970; 0: never.
	since, through int64
	// disputed is up to when it was told by a clock that a later teller's was far behind (Resume); 0: it was not.
	disputed int64
	// open is what was open at through, and licensed how many seats there were.
	open     [2]opening
	licensed [2]int
	// retention is for how many seconds records were kept when it was written.
	retention int64
	// late is the number of transitions that were learnt of after their time had been told.
	late int

	rings [3]ring
	// days and weeks are how long concurrent connections were at each level.
	days, weeks spreads
	// told is what was taken over of the denials that each replica counted by itself.
	told map[string]Tally
	// signIns are when named users were last signed on.
	signIns signIns
}

// NewHistory is a history that knows nothing.
func NewHistory() *History {
	return &History{
		licensed: [2]int{NotLicensed, NotLicensed},
		rings:    [3]ring{{length: fineLength, keep: fineKept}, {length: hour, keep: hoursKept}, {length: day, keep: daysKept}},
		days:     spreads{length: day, keep: spreadDaysKept},
		weeks:    spreads{length: week, offset: monday, keep: spreadWeeksKept},
		told:     map[string]Tally{},
		signIns:  signIns{days: map[uint32]int64{}},
	}
}

// Since is when the history began; zero: it knows nothing.
func (h *History) Since() time.Time { return instant(h.since) }

// DefaultPeriod is the one to look at where nobody named another: a week, or a day while the history is younger than that.
func (h *History) DefaultPeriod(now time.Time) Period {
	if now.Sub(h.Since()) < Day.Length() {
		return Day
	}
	return Week
}

// Through is up to when it tells what happened; zero: it knows nothing.
func (h *History) Through() time.Time { return instant(h.through) }

// Disputed is up to when a clock told that may have been wrong, since a later teller's was far behind it (Resume): what is after Through is not shown before its time comes. Zero: none did.
func (h *History) Disputed() time.Time {
	if h.disputed <= h.through {
		return time.Time{}
	}
	return instant(h.disputed)
}

// Connected is the number of connections open at Through.
func (h *History) Connected(m Model) int { return h.open[m.index()].level }

// Licensed is the number of seats at Through; NotLicensed: the pool lacked the model, or did not exist.
func (h *History) Licensed(m Model) int { return h.licensed[m.index()] }

// Late is the number of logins and ends that were learnt of too late to be counted when they happened.
func (h *History) Late() int { return h.late }

// PeakSince is the most connections open at once in the days (UTC) from that of a time to that of Through.
func (h *History) PeakSince(m Model, from time.Time) int {
	peak := 0
	for _, b := range h.rings[2].buckets {
		if b.start+day > from.Unix() && b.start < h.through {
			peak = max(peak, b.uses[m.index()].peak)
		}
	}
	return peak
}

// DenialsSince are the denials in the days (UTC) from that of a time to that of Through, by reason.
func (h *History) DenialsSince(from time.Time) map[string]Count {
	sum := bucket{}
	for _, b := range h.rings[2].buckets {
		if b.start+day > from.Unix() && b.start < h.through {
			sum = sum.merge(bucket{denials: b.denials})
		}
	}
	return sum.denials
}

func instant(second int64) time.Time {
	if second == 0 {
		return time.Time{}
	}
	return time.Unix(second, 0).UTC()
}

// begin sets the time from which on anything is told, if nothing was; what lies between is a gap.
func (h *History) begin(second int64) {
	if h.since == 0 {
		h.since = second
	}
	if h.through < second {
		h.through = second
	}
}

// add takes in that these connections were open, of so many seats, from Through to a second, but for what was told of that time already (Resume). A pool of which nothing is licensed and nothing is open is told nothing about.
func (h *History) add(to int64, open [2]opening, licensed [2]int) {
	from := h.through
	h.open, h.licensed = open, licensed
	if to <= from {
		return
	}
	h.through = to
	if licensed == [2]int{NotLicensed, NotLicensed} && open[0].level == 0 && open[1].level == 0 {
		return
	}
	for i := range h.rings {
		r := &h.rings[i]
		for at := max(from, to-int64(r.keep)*r.length); at < to; {
			b := r.at(at)
			seconds := min(to, b.start+r.length) - at
			at += seconds
			seconds = min(seconds, r.length-b.covered)
			if seconds == 0 {
				continue
			}
			b.covered += seconds
			for m := range b.uses {
				u := &b.uses[m]
				u.seconds += seconds * int64(open[m].level)
				u.peak = max(u.peak, open[m].level)
				u.licensed = max(u.licensed, licensed[m])
			}
		}
		r.trim(to)
	}
	level := open[Concurrent.index()].level
	for _, s := range []*spreads{&h.days, &h.weeks} {
		for at := max(from, to-int64(s.keep)*s.length); at < to; {
			one := s.at(at)
			seconds := min(to, one.start+s.length) - at
			one.add(level, min(seconds, s.length-one.covered()))
			at += seconds
		}
		s.trim(to)
	}
}

// addGrant takes in that a session got a seat.
func (h *History) addGrant(at int64, m Model, user uint32) {
	if m == Named {
		h.signIns.add(user, at)
	}
	for i := range h.rings {
		h.rings[i].at(at).uses[m.index()].grants++
	}
}

// addDenials takes in denials. Those that are older than a ring keeps are left out of it.
func (h *History) addDenials(at int64, reason string, n Count) {
	if n == (Count{}) {
		return
	}
	want := 0
	for i := range h.rings {
		r := &h.rings[i]
		b := r.at(at)
		if b.denials == nil {
			b.denials = map[string]Count{}
		}
		b.denials[reason] = b.denials[reason].plus(n)
		if i == 0 {
			want = wantOf(b.denials).True
		}
		b.want = max(b.want, want)
		r.trim(h.through)
	}
}
