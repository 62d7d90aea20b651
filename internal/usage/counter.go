// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package usage

import (
	"strings"
	"sync"
	"time"
)

// FoldUser is a name by which spellings of one user are alike, whatever the pool says: for telling whether somebody who was denied tried again, that is good enough.
func FoldUser(name string) string { return strings.ToLower(strings.ToUpper(name)) }

// Counter counts the denials that one replica decides by itself, by pool. Who was denied stays in it for five minutes, and never leaves it. It is safe for concurrent use; the zero
// Counter is ready.
type Counter struct {
	mu    sync.Mutex
	pools map[string]*counted
}

type counted struct {
	chain Denials
	tally Tally
}

// Denied counts a denial of a user at a pool.
func (c *Counter) Denied(pool, user, reason string, at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.pools == nil {
		c.pools = map[string]*counted{}
	}
	p := c.pools[pool]
	if p == nil {
		p = &counted{tally: Tally{}}
		c.pools[pool] = p
	}
	p.tally.Add(at, reason, Count{Denied: 1})
	p.found(p.chain.Denied(FoldUser(user), reason, at))
}

// Granted takes in that a user got a seat of a pool.
func (c *Counter) Granted(pool, user string, at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if p := c.pools[pool]; p != nil && len(p.chain.waiting) > 0 {
		p.found(p.chain.Granted(FoldUser(user), at))
	}
}

// Tallies is what was counted in the last hour, by pool.
func (c *Counter) Tallies(now time.Time) map[string]Tally {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := map[string]Tally{}
	for name, p := range c.pools {
		p.found(p.chain.Settle(now))
		p.tally.Trim(now)
		switch {
		case len(p.tally) > 0:
			all[name] = p.tally.Clone()
		case len(p.chain.waiting) == 0:
			delete(c.pools, name)
		}
	}
	return all
}

func (p *counted) found(all []TrueDenial) {
	for _, d := range all {
		p.tally.Add(d.At, d.Reason, Count{True: 1})
	}
}
