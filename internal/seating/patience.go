// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package seating

import "time"

// Hearing is how long clients that beat at an interval are given to be heard again, by an allocator that has just taken over or by rules that are new to them: two heartbeats, and
// what it takes to write what was heard.
func Hearing(interval time.Duration) time.Duration {
	return 2*interval + 5*time.Second
}

// Patience is for how long nobody is to be taken for lost after these rules followed earlier ones; 0: no longer than the rules say. Clients beat as they were last told: by the earlier rules
// or, while there was no pool, by the interval that is told then; between is that interval where it may have been told, and else 0. So where the time after which they are lost is
// shorter than it was, they are given time by the longest of the intervals.
func (r Rules) Patience(earlier Rules, between time.Duration) time.Duration {
	now, before := r.Lifetimes, earlier.Lifetimes
	if now.LostAfter == 0 || between == 0 && before.LostAfter != 0 && now.LostAfter >= before.LostAfter {
		return 0
	}
	return Hearing(max(before.Heartbeat, now.Heartbeat, between))
}
