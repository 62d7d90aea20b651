// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// every is how often a line of progress is printed.
const every = 15 * time.Second

// say prints what is done.
func (s *scene) say(format string, args ...any) {
	fmt.Printf("%s %s\n", clockNow(), fmt.Sprintf(format, args...))
}

// now notes what is broken by a lane from now on; empty: nothing.
func (s *scene) now(lane, what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.current[lane] = what
	if what == "" {
		delete(s.current, lane)
	}
}

func (s *scene) broken() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var parts []string
	for _, lane := range []string{lanePlaces, laneControl, laneAdmin} {
		if what := s.current[lane]; what != "" {
			parts = append(parts, what)
		}
	}
	if len(parts) == 0 {
		return "nothing broken"
	}
	return strings.Join(parts, "; ")
}

// tellOn prints how it goes until the context ends.
func (s *scene) tellOn(ctx context.Context, until time.Time) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			s.progress(fmt.Sprintf("%s to go", time.Until(until).Round(time.Second)))
		}
	}
}

func (s *scene) progress(left string) {
	active, waiting := s.history.count()
	s.say("%s: %d sessions on, %d wait, %d grants, %d denials, %d heartbeats, %d ends told, %d findings (%s)",
		left, active, waiting, s.tally.total(grants), s.tally.total(denials), s.tally.total(beats), s.tally.total(tolds), s.tally.found(), s.broken())
}

// summary prints what came of it, and returns how many promises were broken.
func (s *scene) summary() int {
	h := s.history
	h.mu.Lock()
	ends, gaps, revision, entries := list(h.actions), h.checker.Gaps(), h.checker.Revision(), h.entries
	h.mu.Unlock()
	t := s.tally
	fmt.Printf("\nSeed %d, %s, %d users, %d replicas.\n", s.o.seed, s.o.length, s.o.users, replicas)
	fmt.Printf("  grants           %d (%s)\n", t.total(grants), t.kinds(grants))
	fmt.Printf("  denials          %d (%s)\n", t.total(denials), t.kinds(denials))
	fmt.Printf("  visits           %d (%s)\n", t.total(visits), t.kinds(visits))
	fmt.Printf("  heartbeats       %d (%s)\n", t.total(beats), t.kinds(beats))
	fmt.Printf("  ends             %s\n", ends)
	fmt.Printf("  ends told        %d (%s)\n", t.total(tolds), t.kinds(tolds))
	fmt.Printf("  faults           %d (%s)\n", t.total(faults), t.kinds(faults))
	if t.total(excepted) > 0 {
		fmt.Printf("  not judged       %d (%s)\n", t.total(excepted), t.kinds(excepted))
	}
	fmt.Printf("  history          %d entries, up to revision %d, %d gaps\n", entries, revision, len(gaps))
	for _, g := range gaps {
		fmt.Printf("    what happened after revision %d and up to %d is not known (%s)\n", g.After, g.Until, g.Why)
	}
	t.mu.Lock()
	fmt.Printf("  longest without a grant: %.1f s, until %s\n", t.longest.Seconds(), t.when.Format(time.TimeOnly))
	t.mu.Unlock()
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	fmt.Printf("  this program has %d MB of memory, its files %d MB\n", memory.Sys>>20, bytesIn(s.dir)>>20)
	n := t.found()
	fmt.Printf("  findings         %d\n", n)
	return n
}

// bytesIn is how much is in a folder, in bytes.
func bytesIn(dir string) (total int64) {
	_ = filepath.Walk(dir, func(_ string, info os.FileInfo, err error) error {
		if err == nil && info.Mode().IsRegular() {
			total += info.Size()
		}
		return nil
	})
	return total
}
