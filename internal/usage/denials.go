// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package usage

import (
	"maps"
	"slices"
	"time"
)

// TrueAfter is how long nothing more must be heard of a denied user for the denial to be a true one.
const TrueAfter = 5 * time.Minute

const trueAfter = int64(TrueAfter / time.Second)

// maxWaiting bounds the users whose denials may still turn out not to be true.
const maxWaiting = 10_000

// Denials tells true denials from those after which the user got in, or tried again: a denial is true if its user neither gets a seat nor is denied again in the five minutes after it.
// So of a chain of one user's denials, each within five minutes of the one before, the last alone can be true. Users are told apart by the name given here, which the
// caller folds as the pool does. Above 10,000 users at once the one that was denied first is counted as true early. It is not safe for concurrent use.
type Denials struct {
	waiting map[string]denial
}

// denial is a user's last.
type denial struct {
	at     int64
	reason string
}

// TrueDenial is a denial that turned out to be true.
type TrueDenial struct {
	// At is when the user was denied. It is known to be true TrueAfter later.
	At     time.Time
	Reason string
}

// Denied takes in that a user was denied.
func (d *Denials) Denied(user, reason string, at time.Time) (earlier []TrueDenial) {
	if d.waiting == nil {
		d.waiting = map[string]denial{}
	}
	if last, ok := d.waiting[user]; ok && at.Unix() > last.at+trueAfter {
		earlier = append(earlier, last.isTrue())
	} else if ok && at.Unix() < last.at { // told in another order than it happened
		return nil
	} else if !ok && len(d.waiting) >= maxWaiting {
		earlier = append(earlier, d.dropOldest())
	}
	d.waiting[user] = denial{at.Unix(), reason}
	return earlier
}

func (d *Denials) dropOldest() TrueDenial {
	oldest := ""
	for user, one := range d.waiting {
		if was, ok := d.waiting[oldest]; !ok || one.at < was.at {
			oldest = user
		}
	}
	one := d.waiting[oldest]
	delete(d.waiting, oldest)
	return one.isTrue()
}

// Granted takes in that a user got a seat. A denial that is older than TrueAfter was true already, and is returned.
func (d *Denials) Granted(user string, at time.Time) []TrueDenial {
	last, ok := d.waiting[user]
	if !ok || at.Unix() < last.at {
		return nil
	}
	delete(d.waiting, user)
	if at.Unix() > last.at+trueAfter {
		return []TrueDenial{last.isTrue()}
	}
	return nil
}

// Settle returns the denials that are known to be true at a time.
func (d *Denials) Settle(now time.Time) []TrueDenial {
	var all []TrueDenial
	for user, last := range d.waiting {
		if now.Unix() > last.at+trueAfter {
			delete(d.waiting, user)
			all = append(all, last.isTrue())
		}
	}
	return all
}

func (d denial) isTrue() TrueDenial { return TrueDenial{At: instant(d.at), Reason: d.reason} }

// tallied is how long a replica tells of a five-minute bucket, remembered how long what was taken over of it is known. The second is longer, so that nothing counts twice.
const tallied, remembered = hour, 2 * hour

// Tally is denials by the start of their five-minute bucket (seconds since 1970) and reason. It only grows until Trim drops what is old.
type Tally map[int64]map[string]Count

// Add counts.
func (t Tally) Add(at time.Time, reason string, n Count) {
	start := at.Unix() - mod(at.Unix(), fineLength)
	if t[start] == nil {
		t[start] = map[string]Count{}
	}
	t[start][reason] = t[start][reason].plus(n)
}

// Trim drops the buckets that ended more than an hour ago.
func (t Tally) Trim(now time.Time) { t.trim(now.Unix()-tallied, nil) }

// trim drops what ended before a time and is not told any more either: were that time a wrong clock's, it would count twice.
func (t Tally) trim(ended int64, told Tally) {
	maps.DeleteFunc(t, func(start int64, _ map[string]Count) bool {
		return start+fineLength < ended && (told[start] == nil || len(t) > maxToldStarts)
	})
}

// Clone copies a tally.
func (t Tally) Clone() Tally {
	copied := Tally{}
	for start, reasons := range t {
		copied[start] = maps.Clone(reasons)
	}
	return copied
}

// Bounds of what a replica's report may say, well within those of Decode: nothing that is written on a Lease may make a history that cannot be read.
const (
	maxTold        = 10_000_000
	maxToldReason  = 64
	maxToldReasons = maxReasons / 2
	maxToldStarts  = 300
)

// credible says whether a count that a replica reports can be one.
func credible(start int64, reason string, n Count) bool {
	return mod(start, fineLength) == 0 && reason != "" && len(reason) <= maxToldReason && max(n.Denied, n.True) <= maxTold
}

// Fold takes over what replicas counted by themselves and was not taken over yet. A report is what one replica counted since it began, as far as it is not older than an hour. What cannot be a count is left out.
// It says whether there was anything new.
func (h *History) Fold(reports map[string]Tally, now time.Time) bool {
	changed := false
	var reasons []string
	for replica, report := range reports {
		for start, counts := range report {
			if start+fineLength < now.Unix()-tallied || start > now.Unix()+fineLength {
				continue
			}
			if h.since == 0 || start+fineLength <= h.since {
				continue // of before the history began: another that was deleted may have told it
			}
			for reason, n := range counts {
				if !credible(start, reason, n) {
					continue
				}
				before := h.told[replica][start][reason]
				more := Count{max(0, n.Denied-before.Denied), max(0, n.True-before.True)}
				if more == (Count{}) {
					continue
				}
				if reasons == nil {
					reasons = h.reasons()
				}
				if !slices.Contains(reasons, reason) {
					if len(reasons) >= maxToldReasons {
						continue
					}
					reasons = append(reasons, reason)
				}
				changed = true
				h.addDenials(start, reason, more)
				if h.told[replica] == nil {
					h.told[replica] = Tally{}
				}
				h.told[replica].Add(time.Unix(start, 0), reason, more)
			}
		}
	}
	for replica, told := range h.told {
		told.trim(now.Unix()-remembered, reports[replica])
		if len(told) == 0 {
			delete(h.told, replica)
		}
	}
	return changed
}
