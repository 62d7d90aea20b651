// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"testing"
)

// good is how a run should end.
func good() picture {
	return picture{seats: 8, mostConnections: 8, counts: counters{granted: 20, denied: 3}, calls: calls{all: 100, heartbeats: 40}, named: counts(5, 4, 1, 4, 0), concurrent: counts(8, 0, 8, 12, 0)}
}

func TestMissing(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*picture)
		want   string
	}{
		"nothing":      {func(*picture) {}, ""},
		"grants":       {func(p *picture) { p.counts.granted = 0 }, "no seat was granted"},
		"denials":      {func(p *picture) { p.counts.denied = 0 }, "nobody was denied"},
		"a full pool":  {func(p *picture) { p.mostConnections = 7 }, "at most 7 of 8"},
		"heartbeats":   {func(p *picture) { p.calls.heartbeats = 0 }, "no heartbeat was answered"},
		"safety":       {func(p *picture) { p.violations = []string{"revision 5: 9 connections, 8 seats"} }, "revision 5: 9 connections"},
		"leaving":      {func(p *picture) { p.connections = 2 }, "2 concurrent connections were still live"},
		"freed seats":  {func(p *picture) { p.concurrent = counts(8, 1, 7, 12, 1) }, "still counted 1 concurrent"},
		"shown seats":  {func(p *picture) { p.concurrent = counts(8, 0, 7, 12, 0) }, "showed 7 of 8"},
		"any counting": {func(p *picture) { p.concurrent = nil }, "shows no concurrent seats"},
	} {
		t.Run(name, func(t *testing.T) {
			p := good()
			test.change(&p)
			got := strings.Join(missing(p, beatsShow), "\n")
			if (test.want == "") != (got == "") || !strings.Contains(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestThereAreMoreImpatientUsersThanSeats(t *testing.T) {
	const concurrentSeats = 8 // of pool.yaml
	patient := 0
	users := people()[namedAccounts:]
	for _, u := range users {
		if u.wait > 0 {
			patient++
		}
	}
	// At the first rush nobody who has a seat leaves: whoever comes when all are taken, and does not wait, is denied.
	if denied := len(users) - patient - concurrentSeats; denied < 1 {
		t.Errorf("%d users, %d of them patient, on %d seats: that somebody is denied is not certain", len(users), patient, concurrentSeats)
	}
}
