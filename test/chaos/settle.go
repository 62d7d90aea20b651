// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"time"
)

const (
	// settling is how long at least, after the last fault, before it is judged: users who hear by heartbeats alone are told with the next one, which a client that failed tries within 30 s.
	settling = 75 * time.Second
	// quiet is for how long nothing may have changed then, mostQuiet how long that is waited for.
	quiet, mostQuiet = 6 * time.Second, 4 * time.Minute
)

// settle lets nobody come any more, waits until all is quiet, and judges what must hold then.
func (s *scene) settle(ctx context.Context) {
	s.say("nothing breaks any more, and nobody comes; it must settle")
	close(s.crowd.coming)
	began := time.Now()
	for time.Since(began) < settling || s.history.quiet() < quiet {
		if time.Since(began) > mostQuiet {
			s.tally.find(fmt.Sprintf("it did not settle within %s", mostQuiet))
			break
		}
		if !sleep(ctx, time.Second) {
			return
		}
		if n := int(time.Since(began) / time.Second); n%15 == 0 {
			s.progress(fmt.Sprintf("settling for %d s", n))
		}
	}
	reading, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if err := s.history.upToDate(reading); err != nil {
		s.tally.find("the history could not be read to its end: " + err.Error())
	}
	s.history.settled()
	s.crowd.reckon()
}
