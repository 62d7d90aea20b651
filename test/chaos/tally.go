// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// tally counts what happens, and has what was found.
type tally struct {
	mu       sync.Mutex
	counts   map[string]map[string]int
	findings []string
	// granted is when a seat was last granted, longest is the longest time without one, and broken what was broken at its end.
	granted time.Time
	longest time.Duration
	when    time.Time
}

// What is counted.
const (
	grants   = "grants"
	denials  = "denials"
	beats    = "heartbeats"
	tolds    = "users told of an end"
	faults   = "faults"
	visits   = "visits"
	excepted = "not judged"
)

// shownFindings bounds what is printed of findings: one fault can break a promise to hundreds of users.
const shownFindings = 50

func newTally() *tally { return &tally{counts: map[string]map[string]int{}} }

// add counts one of a kind.
func (t *tally) add(what, kind string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.counts[what] == nil {
		t.counts[what] = map[string]int{}
	}
	t.counts[what][kind]++
}

// grant counts a grant.
func (t *tally) grant(pool string) {
	t.add(grants, pool)
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	if gap := now.Sub(t.granted); !t.granted.IsZero() && gap > t.longest {
		t.longest, t.when = gap, now
	}
	t.granted = now
}

// find notes a broken promise.
func (t *tally) find(finding string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.findings = append(t.findings, finding)
	if len(t.findings) <= shownFindings {
		fmt.Printf("%s FINDING: %s\n", clockNow(), finding)
	}
}

// found is how many broken promises were found.
func (t *tally) found() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.findings)
}

// total is how many were counted, of all kinds.
func (t *tally) total(what string) (n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, count := range t.counts[what] {
		n += count
	}
	return n
}

// kinds is what was counted, by kind.
func (t *tally) kinds(what string) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return list(t.counts[what])
}

func list(counts map[string]int) string {
	var parts []string
	for _, kind := range slices.Sorted(maps.Keys(counts)) {
		parts = append(parts, fmt.Sprintf("%s %d", kind, counts[kind]))
	}
	return strings.Join(parts, ", ")
}

func clockNow() string { return time.Now().Format(time.TimeOnly) }

// tail is the end of a log.
func tail(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
