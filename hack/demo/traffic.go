// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// newestTimes is how many heartbeats the median is of.
const newestTimes = 255

// calls are how often the gateway was called.
type calls struct {
	all, heartbeats, streams int
	// failed are those without an answer, or with a fault of the server's (5xx): the client tries them again.
	failed int
	// median is a recent heartbeat's, from its sending to its answer; zero: none was answered yet.
	median time.Duration
}

// traffic counts the calls that it lets through.
type traffic struct {
	next http.RoundTripper

	mu    sync.Mutex
	calls calls
	times []time.Duration
}

func newTraffic(next http.RoundTripper) *traffic { return &traffic{next: next} }

// RoundTrip is http.RoundTripper's.
func (t *traffic) RoundTrip(r *http.Request) (*http.Response, error) {
	began := time.Now()
	answer, err := t.next.RoundTrip(r)
	took := time.Since(began)

	t.mu.Lock()
	defer t.mu.Unlock()
	t.calls.all++
	switch {
	case err != nil && r.Context().Err() != nil: // the user left meanwhile
	case err != nil || answer.StatusCode >= http.StatusInternalServerError:
		t.calls.failed++
	case strings.HasSuffix(r.URL.Path, "/session/events"):
		t.calls.streams++
	case strings.HasSuffix(r.URL.Path, "/session/heartbeat"):
		t.calls.heartbeats++
		t.times = append(t.times, took)
		t.times = t.times[max(0, len(t.times)-newestTimes):]
	}
	return answer, err
}

// forget begins to count anew.
func (t *traffic) forget() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.calls, t.times = calls{}, nil
}

func (t *traffic) counted() calls {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := t.calls
	if len(t.times) > 0 {
		c.median = slices.Sorted(slices.Values(t.times))[len(t.times)/2]
	}
	return c
}
