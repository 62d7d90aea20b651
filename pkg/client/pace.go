// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

// shortestPause is how long the first pause after a failure is at the most.
const shortestPause = 500 * time.Millisecond

// pace spaces the tries after failures: each pause is twice as long as the one before, up to the longest, and less a random part of up to half, so that many clients
// that lost the same gateway do not come back together.
type pace struct {
	longest time.Duration
	tries   int
}

// after is the pause after one more failure; what the gateway asks for in Retry-After is the least, up to a minute beyond the longest pause.
func (p *pace) after(err error) time.Duration {
	pause := p.longest
	if p.tries < 16 {
		pause = min(p.longest, shortestPause<<p.tries)
	}
	p.tries++
	pause -= random(pause / 2)
	var r *refusal
	if errors.As(err, &r) && r.retryAfter > 0 {
		asked := min(r.retryAfter, p.longest+time.Minute)
		// All who were told the same time come back spread over a tenth of it.
		pause = max(pause, asked+random(asked/10))
	}
	return pause
}

func (p *pace) reset() { p.tries = 0 }

// jittered is an interval less a random part of up to a tenth: heartbeats of many clients spread, and none comes late.
func jittered(interval time.Duration) time.Duration { return interval - random(interval/10) }

// random is between zero and the limit.
func random(limit time.Duration) time.Duration {
	if limit <= 0 {
		return 0
	}
	return rand.N(limit) //nolint:gosec // spreads calls over time; nothing secret depends on it
}

// sleep waits, or says false when the context ends before.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// now is used for elapsed time alone, which the monotonic reading gives; this clock is never told to anybody.
func now() time.Time { return time.Now() } //nolint:forbidigo // see above
