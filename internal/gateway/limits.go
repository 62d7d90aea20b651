// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"container/list"
	"hash/maphash"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Bounds on what is read.
const (
	// maxLogin bounds the body of a login, in bytes: its longest facts, every character escaped, fit.
	maxLogin = 256 << 10
	// maxReport bounds the body of a heartbeat: the longest report, every character escaped, fits.
	maxReport = 1 << 20
	// maxExit bounds the body of an exit, which may be all that proves who calls.
	maxExit = 16 << 10
	// maxBulk bounds the body of a bulk heartbeat.
	maxBulk = 4 << 20
	// maxBulkEntries bounds the heartbeats in one.
	maxBulkEntries = 1000
	// maxWait bounds how long a login may wait for a seat.
	maxWait = time.Hour
)

// Limits keep one bad client from starving the rest. A zero field has its default.
type Limits struct {
	// CallerRate is how many calls a second an application server may make, twice that in a burst; default 500.
	CallerRate float64
	// AddressRate is how many calls a second with a service-account token may come from one address, twice that in a burst, before it is looked at whose
	// token it is; default twice CallerRate. Several application servers may come from one address.
	AddressRate float64
	// ReviewRate is how many tokens a second may come from one address that the API server has to be asked about, twice that in a burst; default 100. A token's answer is known for 10 s.
	ReviewRate float64
	// SessionRate is how many calls a second may be made with one session token, twice that in a burst; default 10.
	SessionRate float64
	// Waiting is how many logins may wait for their decision at a time; default 1000. One caller may have at most nine tenths of those places.
	Waiting int
	// Streams is how many event streams there may be at a time; default 10000.
	Streams int
	// StreamsPerSession is how many of them one session may have; default 4.
	StreamsPerSession int
	// Decision is how long a login waits for its decision, beside the time that it is ready to queue for a seat; default 10 s.
	Decision time.Duration
}

func (l Limits) withDefaults() Limits {
	orDefault(&l.CallerRate, 500)
	orDefault(&l.AddressRate, 2*l.CallerRate)
	orDefault(&l.ReviewRate, 100)
	orDefault(&l.SessionRate, 10)
	orDefault(&l.Waiting, 1000)
	orDefault(&l.Streams, 10_000)
	orDefault(&l.StreamsPerSession, 4)
	orDefault(&l.Decision, 10*time.Second)
	return l
}

func orDefault[T float64 | int | time.Duration](value *T, otherwise T) {
	if *value <= 0 {
		*value = otherwise
	}
}

const (
	bucketShards = 16
	// maxBuckets bounds the buckets of a kind: of those that know too many, the one unused for longest is forgotten, which at worst fills it anew.
	maxBuckets = 1 << 16
)

// buckets are token buckets by key.
type buckets struct {
	rate   rate.Limit
	burst  int
	seed   maphash.Seed
	shards [bucketShards]bucketShard
}

type bucketShard struct {
	mu    sync.Mutex
	byKey map[string]*list.Element
	// used lists them, the last used first.
	used *list.List
}

type bucket struct {
	key     string
	limiter *rate.Limiter
}

// newBuckets makes buckets that fill at so many tokens a second and hold twice that.
func newBuckets(perSecond float64) *buckets {
	b := &buckets{rate: rate.Limit(perSecond), burst: max(1, int(2*perSecond)), seed: maphash.MakeSeed()}
	for i := range b.shards {
		b.shards[i] = bucketShard{byKey: map[string]*list.Element{}, used: list.New()}
	}
	return b
}

// take takes a token from the key's bucket, if there is one.
func (b *buckets) take(key string, now time.Time) bool {
	s := &b.shards[maphash.String(b.seed, key)%bucketShards]
	s.mu.Lock()
	defer s.mu.Unlock()
	e, known := s.byKey[key]
	if known {
		s.used.MoveToFront(e)
	} else {
		if s.used.Len() == maxBuckets/bucketShards {
			delete(s.byKey, s.used.Remove(s.used.Back()).(*bucket).key)
		}
		e = s.used.PushFront(&bucket{key: key, limiter: rate.NewLimiter(b.rate, b.burst)})
		s.byKey[key] = e
	}
	return e.Value.(*bucket).limiter.AllowN(now, 1)
}

// places are a bounded number of places, of which one holder may have only so many.
type places struct {
	mu            sync.Mutex
	most          int
	mostPerHolder int
	taken         int
	byHolder      map[string]int
}

// why there is no place.
type noPlace int

const (
	placeTaken noPlace = iota
	allFull
	holderFull
)

func newPlaces(most, mostPerHolder int) *places {
	return &places{most: most, mostPerHolder: mostPerHolder, byHolder: map[string]int{}}
}

func (p *places) enter(holder string) noPlace {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.byHolder[holder] >= p.mostPerHolder:
		return holderFull
	case p.taken >= p.most:
		return allFull
	}
	p.taken++
	p.byHolder[holder]++
	return placeTaken
}

func (p *places) leave(holder string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.taken--
	if p.byHolder[holder]--; p.byHolder[holder] == 0 {
		delete(p.byHolder, holder)
	}
}
