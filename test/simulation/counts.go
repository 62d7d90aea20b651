// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Counts are what happened.
type Counts struct {
	Runs, Calls, Grants, Logins, Beats, Told int
	Ends                                     map[string]int
	Denials                                  map[string]int
	Faults                                   map[fault]int
	// Time is how much time passed in the simulation.
	Time time.Duration

	seen int
}

func newCounts() Counts {
	return Counts{Ends: map[string]int{}, Denials: map[string]int{}, Faults: map[fault]int{}}
}

// Add adds another's.
func (c *Counts) Add(o Counts) {
	c.Runs += o.Runs
	c.Calls += o.Calls
	c.Grants += o.Grants
	c.Logins += o.Logins
	c.Beats += o.Beats
	c.Told += o.Told
	c.Time += o.Time
	add(c.Ends, o.Ends)
	add(c.Denials, o.Denials)
	add(c.Faults, o.Faults)
}

func add[K comparable](to, from map[K]int) {
	for k, n := range from {
		to[k] += n
	}
}

// String is a table.
func (c Counts) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d runs of %.0f hours in all: %d API calls, %d logins, %d grants, %d heartbeats, %d ends told\n", c.Runs, c.Time.Hours(), c.Calls, c.Logins, c.Grants, c.Beats, c.Told)
	fmt.Fprintf(&b, "  ends:    %s\n  denials: %s\n  faults:  %s\n", list(c.Ends), list(c.Denials), list(c.Faults))
	return b.String()
}

func list[K cmp.Ordered](counts map[K]int) string {
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(counts)) {
		parts = append(parts, fmt.Sprintf("%v %d", k, counts[k]))
	}
	return strings.Join(parts, ", ")
}
