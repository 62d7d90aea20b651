// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package usage

import "time"

// maxSignIns bounds the named users of whom it is known when they were last signed on.
const maxSignIns = 5000

// dormantDays is DormantAfter. All of them but unknownDays must be known for anybody to be called dormant.
const dormantDays, unknownDays = int64(DormantAfter / (24 * time.Hour)), 1

// signIns are when named users were last signed on: days since 1970, by a digest of the folded name. Two users of one digest (one pair in four thousand millions) are one.
type signIns struct {
	days map[uint32]int64
	// crowded is the last day on which somebody was left out for want of room.
	crowded int64
}

// add takes in that a user was signed on.
func (s *signIns) add(user uint32, second int64) {
	today := second / day
	if last, known := s.days[user]; known {
		s.days[user] = max(last, today)
		return
	}
	if len(s.days) >= maxSignIns {
		s.crowded = max(s.crowded, today)
		return
	}
	s.days[user] = today
}

// trim drops who was not signed on for so long that it makes no difference any more.
func (s *signIns) trim(second int64) {
	for user, last := range s.days {
		if last < second/day-dormantDays-1 {
			delete(s.days, user)
		}
	}
}

// userDigest is what a history keeps of a folded name.
func userDigest(user string) uint32 { return uint32(digestOf(user) >> 32) }

// Account is a named account that holds a seat.
type Account struct {
	// User is folded as a Session's User is.
	User string
	// Created is when the account was made.
	Created time.Time
}

// Dormant is how many of the accounts were not signed on in the 90 days (DormantAfter) before Through; Unknown where the history does not reach back so far, lacks more than a day of that time,
// or had more than 5,000 named users. An account that is younger than that is not counted.
func (h *History) Dormant(accounts func(yield func(Account) bool)) int {
	from := h.through - dormantDays*day
	covered := int64(0)
	for _, b := range h.rings[2].buckets {
		if b.start+day > from && b.start < h.through {
			covered += b.covered
		}
	}
	if h.since == 0 || h.since > from || covered < (dormantDays-unknownDays)*day || h.signIns.crowded > 0 && h.signIns.crowded >= from/day {
		return Unknown
	}
	dormant := 0
	for a := range accounts {
		if last, known := h.signIns.days[userDigest(a.User)]; a.Created.Unix() <= from && (!known || last < from/day) {
			dormant++
		}
	}
	return dormant
}
