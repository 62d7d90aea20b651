// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"errors"
	"net/http"
	"testing"
	"time"
)

func TestPauseGrowsIsSpreadAndIsBounded(t *testing.T) {
	plain := errors.New("connection refused")
	for range 200 {
		p := pace{longest: 10 * time.Second}
		for i, most := range []time.Duration{500 * time.Millisecond, time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 10 * time.Second, 10 * time.Second} {
			if got := p.after(plain); got > most || got < most/2 {
				t.Fatalf("pause %d is %v, want %v to %v", i, got, most/2, most)
			}
		}
		for range 100 {
			if got := p.after(plain); got > p.longest || got < p.longest/2 {
				t.Fatalf("a late pause is %v", got)
			}
		}
		p.reset()
		if got := p.after(plain); got > shortestPause {
			t.Fatalf("the first pause after a success is %v", got)
		}
	}
}

func TestRetryAfterIsTheLeast(t *testing.T) {
	for asked, most := range map[time.Duration]time.Duration{5 * time.Second: 6 * time.Second, time.Hour: 78 * time.Second} {
		p := pace{longest: 10 * time.Second}
		got := p.after(&refusal{status: http.StatusServiceUnavailable, retryAfter: asked})
		if least := min(asked, 70*time.Second); got < least || got > most {
			t.Errorf("asked for %v: %v", asked, got)
		}
	}
}

func TestJitterIsATenthAtTheMostAndNeverLate(t *testing.T) {
	seen := map[time.Duration]bool{}
	for range 1000 {
		got := jittered(30 * time.Second)
		if got > 30*time.Second || got < 27*time.Second {
			t.Fatalf("got %v", got)
		}
		seen[got] = true
	}
	if len(seen) < 900 {
		t.Errorf("%d different intervals of 1000", len(seen))
	}
}
