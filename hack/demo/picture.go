// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"slices"

	"k8s.io/apimachinery/pkg/api/meta"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
)

// picture is how things stand at one moment: what the view draws and the checks judge.
type picture struct {
	named, concurrent *licensing.SeatCounts // nil: the pool lacks the model, or was not counted yet
	counted           bool
	seatsAvailable    string // the condition's reason
	signedIn, waiting int    // sessions
	connections       int    // live concurrent connections, as the sessions say
	mostConnections   int
	seats             int // the concurrent seats of the pool's spec
	counts            counters
	calls             calls   // of the gateway
	events            []event // the oldest first
	violations        []string
}

func (s *seats) picture() picture {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := picture{connections: len(s.open), mostConnections: s.mostOpen, counts: s.counts,
		events: slices.Clone(s.events), violations: slices.Clone(s.violation)}
	for _, session := range s.sessions {
		switch session.Status.State {
		case licensing.SessionActive:
			p.signedIn++
		case licensing.SessionPending:
			p.waiting++
		default: // denied or ended
		}
	}
	if s.pool == nil {
		return p
	}
	p.seats = int(seatsOf(s.pool.Spec.Concurrent))
	p.counted = s.pool.Status.ObservedGeneration > 0
	p.named, p.concurrent = s.pool.Status.Named, s.pool.Status.Concurrent
	if c := meta.FindStatusCondition(s.pool.Status.Conditions, licensing.ConditionSeatsAvailable); c != nil {
		p.seatsAvailable = c.Reason
	}
	return p
}

// holders is how many named accounts the pool counts with a seat.
func (p picture) holders() int {
	if p.named == nil {
		return 0
	}
	return int(*p.named.Used)
}

// idle says that nobody is signed in or waits, and that the pool has counted that.
func (p picture) idle() bool {
	return p.signedIn+p.waiting+p.connections == 0 &&
		(p.concurrent == nil || *p.concurrent.Used+*p.concurrent.Connected == 0) &&
		(p.named == nil || *p.named.Connected == 0)
}
