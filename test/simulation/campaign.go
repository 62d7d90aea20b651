// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"sync"
	"sync/atomic"
	"time"
)

// Campaign runs many seeds, on several cores.
type Campaign struct {
	// First is the first seed, Seeds how many; 0: as many as there is time for.
	First, Seeds uint64
	// For is how long to go on; 0: until all seeds are run.
	For time.Duration
	// Workers is how many run at once.
	Workers int
	Broken  Broken
	// Found is told of each run with violations, one after the other; it says whether to go on. Done is told of progress.
	Found func(Result) bool
	Done  func(Counts)
}

// Run runs them and returns what happened in all.
func (c Campaign) Run(began time.Time) Counts {
	var mu sync.Mutex
	var next atomic.Uint64
	var stop atomic.Bool
	all := newCounts()
	var group sync.WaitGroup
	for range c.Workers {
		group.Go(func() {
			for !stop.Load() && (c.For == 0 || time.Since(began) < c.For) {
				n := next.Add(1) - 1
				if c.Seeds > 0 && n >= c.Seeds {
					return
				}
				result := Run(c.First+n, c.Broken, false)
				mu.Lock()
				all.Add(result.Counts)
				if len(result.Violations) > 0 && c.Found != nil && !stop.Load() && !c.Found(result) {
					stop.Store(true)
				}
				if c.Done != nil {
					c.Done(all)
				}
				mu.Unlock()
			}
		})
	}
	group.Wait()
	return all
}
