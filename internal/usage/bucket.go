// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package usage

import (
	"maps"
	"slices"
)

// Count is the denials for one reason.
type Count struct {
	// Denied is the number of denials.
	Denied int
	// True is the number of those after which the user neither got a seat nor was denied again within five minutes (TrueAfter).
	True int
}

func (c Count) plus(d Count) Count { return Count{c.Denied + d.Denied, c.True + d.True} }

// use is what one model's connections were in a stretch of time.
type use struct {
	// seconds is how long connections were open, all added up.
	seconds int64
	// peak is the most open at once.
	peak int
	// licensed is the most seats that there were; NotLicensed: the pool lacked the model.
	licensed int
	// grants is the number of sessions that got a seat.
	grants int
}

// bucket is what happened in a stretch of time of fixed length. All in it adds up or is a maximum, so that buckets merge in any order.
type bucket struct {
	// start is its first second, since 1970.
	start int64
	// covered is how many of its seconds are known; 0: it is a gap.
	covered int64
	uses    [2]use
	// denials are by reason; those may be known of where nothing else is.
	denials map[string]Count
	// want is the most true denials for want of a seat in one of its five-minute stretches.
	want int
}

func newBucket(start int64) bucket {
	return bucket{start: start, uses: [2]use{{licensed: NotLicensed}, {licensed: NotLicensed}}}
}

// merge adds another bucket, whose time is not this one's: parts of one stretch, or neighbours. It is associative and commutative but for the start, which stays.
func (b bucket) merge(other bucket) bucket {
	b.covered += other.covered
	b.want = max(b.want, other.want)
	for i, u := range other.uses {
		b.uses[i].seconds += u.seconds
		b.uses[i].peak = max(b.uses[i].peak, u.peak)
		b.uses[i].licensed = max(b.uses[i].licensed, u.licensed)
		b.uses[i].grants += u.grants
	}
	if len(other.denials) > 0 {
		b.denials = maps.Clone(b.denials)
		if b.denials == nil {
			b.denials = map[string]Count{}
		}
		for reason, n := range other.denials {
			b.denials[reason] = b.denials[reason].plus(n)
		}
	}
	return b
}

// ring is buckets of one length, the newest so many. What is absent is a gap.
type ring struct {
	length int64
	keep   int
	// buckets are those in which something is known, the oldest first.
	buckets []bucket
}

// at finds the bucket of a second, which is made if there is none.
func (r *ring) at(second int64) *bucket {
	start := second - mod(second, r.length)
	i := len(r.buckets)
	for i > 0 && r.buckets[i-1].start >= start { // it is nearly always the last
		i--
	}
	if i == len(r.buckets) || r.buckets[i].start != start {
		r.buckets = append(r.buckets, bucket{})
		copy(r.buckets[i+1:], r.buckets[i:])
		r.buckets[i] = newBucket(start)
	}
	return &r.buckets[i]
}

// trim drops the oldest beyond as many as the ring keeps, of those before a time and of those after it, which another clock told. It goes by their number and not by the time, which may
// be wrong: nothing that was known is lost by one look at a wrong clock.
func (r *ring) trim(through int64) {
	n := len(r.buckets)
	for n > 0 && r.buckets[n-1].start >= through { // as a rule there are none
		n--
	}
	r.buckets = trimmed(r.buckets, n, r.keep)
}

// trimmed drops the oldest of the first n and of the others, so that at most so many of each are left.
func trimmed[T any](all []T, n, keep int) []T {
	past, ahead := all[max(0, n-keep):n], all[max(n, len(all)-keep):]
	if len(ahead) == 0 || len(past)+len(ahead) == len(all) {
		return all[max(0, n-keep):]
	}
	return append(slices.Clip(past), ahead...)
}

// mod is the remainder that is never negative.
func mod(a, b int64) int64 { return ((a % b) + b) % b }
