// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package usage

import "time"

// Apart is how far ahead of a teller's clock a time may be and still be taken for one: ten minutes. What lies further ahead was told by another clock. Nobody knows which of
// the two is right, so nothing that is on record is ever removed for it.
const Apart = 10 * time.Minute

// skew is more than clocks that are right differ by.
const skew = 5 * time.Second

// earliest is the first second that is told about. A clock that says less was never set.
const earliest = 2 * week

// Resume prepares the history for a teller whose clock says now. One that ends more than Apart later is disputed: it is made to end at now, from where this teller goes on, after a gap. What it tells of
// later times stays as it is, is not shown before its time comes, and is never counted over: it has room for what is new only where it has gaps. When a teller comes whose clock is past the
// disputed end, the history ends there again, with a gap from there on; so a clock that was behind for a while costs nothing that was told before it. It says how far ahead the history was; 0: it was not.
func (h *History) Resume(now time.Time) (ahead time.Duration) {
	second := now.Unix()
	switch {
	case second < earliest || h.through == 0:
	case h.through > second+int64(Apart/time.Second):
		ahead = time.Duration(h.through-second) * time.Second
		h.disputed, h.through, h.since = max(h.disputed, h.through), second, min(h.since, second)
		h.doubt(second)
	case h.disputed > h.through && h.disputed <= second:
		h.through, h.disputed = h.disputed, 0
		h.doubt(second)
	case h.disputed <= h.through:
		h.disputed = 0
	}
	return ahead
}

// doubt takes in that a wrong clock told. Which connections were open when the history ends is not known then. Nor is who signed on when, which may have been forgotten, or noted, by that
// clock: for as long as that matters nobody is called dormant.
func (h *History) doubt(second int64) {
	h.open[0].digest = ^h.open[0].digest
	h.signIns.crowded = max(h.signIns.crowded, second/day)
}

// SeenAt is the session as one sees it whose clock says now. What the record puts later than that, by more than clocks that are right differ, was written by
// another clock, and is taken to have happened by now: the record is there to be seen.
func (s Session) SeenAt(now time.Time) Session {
	for _, when := range []*time.Time{&s.Logon, &s.Ended} {
		if when.After(now.Add(skew)) {
			*when, s.Disputed = now.Truncate(time.Second), true
		}
	}
	return s
}

// Restart is a timeline that knows the same records, as one who sees them for the first time at now: for one whose clock was set back. License is to be called anew.
func (t *Timeline) Restart(now time.Time) *Timeline {
	fresh := NewTimeline(now)
	for _, r := range t.known {
		fresh.Put(r.session.SeenAt(now))
	}
	return fresh
}
