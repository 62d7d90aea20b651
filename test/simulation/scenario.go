// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"time"
)

// GeneratorVersion is that of what a seed stands for. It changes when scenarios are drawn in another way, or when anything else is drawn earlier or later than before: a seed kept under another version
// leads to another run.
const GeneratorVersion = 1

// Scenario is what a run is about: drawn from its seed.
type Scenario struct {
	// Replicas of the operator, and whether one of them leads at a time or all do.
	Replicas int
	Election bool
	// Skew is how far the clocks of replicas are apart at the most. Unsynced: they are stepped now and then by more than that, so that only what does not depend on clocks is promised.
	Skew     time.Duration
	Unsynced bool
	// Latency is the longest usual one of a message.
	Latency time.Duration
	// CallFaults are what may go wrong with a call; Crashes and Pauses bound the crashes and the pauses at calls, of each kind.
	CallFaults       []odds
	Crashes, Pauses  int
	LongestPause     time.Duration
	Restart          time.Duration // the longest time until a process that has ended is replaced
	LateWatch        float64       // how often news is late
	LongestLag       time.Duration // and by how much
	NewLists         float64       // how often a watch begins anew
	LostBeats        float64       // how often a heartbeat's answer is lost
	Incidents        time.Duration // how much time lies between two incidents at the most; 0: there are none
	Freshness        float64
	LongestHold      time.Duration
	PoolRemovalGrace time.Duration
	PageSize         int
	// Duration is how long all this goes on, before it comes to rest.
	Duration time.Duration
	// Pools, Users and Clients are how many; Administration is how much time lies between two acts of administrators at the most.
	Pools, Users, Clients int
	Administration        time.Duration
	// Removals says that pools are deleted at times, Edits that they are changed.
	Removals, Edits bool
	// Lawless: the API server does not keep the schemas' rules; never drawn.
	Lawless bool
}

// drawScenario draws one.
func (s *scheduler) drawScenario() Scenario {
	pick := func(of ...int) int { return of[s.IntN(len(of))] }
	c := Scenario{
		Replicas: pick(1, 2, 2, 3), Election: s.chance(0.6), Skew: s.evenly(0, time.Second), Unsynced: s.chance(0.08), Latency: s.between(2*time.Millisecond, 40*time.Millisecond),
		Crashes: pick(0, 1, 1, 2, 3), Pauses: pick(0, 1, 2), LongestPause: s.between(5*time.Second, 100*time.Second), Restart: s.between(2*time.Second, 30*time.Second),
		LateWatch: []float64{0, 0.02, 0.1, 0.3}[s.IntN(4)], LongestLag: s.between(500*time.Millisecond, 15*time.Second), NewLists: []float64{0, 0.005, 0.03}[s.IntN(3)],
		LostBeats: []float64{0, 0.02, 0.1}[s.IntN(3)], Incidents: s.between(20*time.Second, 200*time.Second), Freshness: []float64{0, 0, 5}[s.IntN(3)],
		LongestHold: s.evenly(20*time.Second, 60*time.Second), PoolRemovalGrace: s.evenly(20*time.Second, 40*time.Second), PageSize: pick(0, 0, 1, 2, 3),
		Duration: s.between(30*time.Second, 200*time.Second), Pools: pick(1, 1, 1, 2), Users: pick(1, 2, 3, 4, 6), Clients: pick(2, 3, 4, 5, 6, 8, 12),
		Administration: s.between(3*time.Second, 60*time.Second), Removals: s.chance(0.4), Edits: s.chance(0.6),
	}
	if s.chance(0.15) {
		c.Incidents = 0
	}
	rate := []float64{0, 0.002, 0.01, 0.03, 0.08}[s.IntN(5)]
	for _, f := range []fault{refused, requestLost, answerLost, landsLate, slow, repeated, crashBefore, crashAfter, pauseBefore, pauseAfter} {
		if s.chance(0.6) {
			c.CallFaults = append(c.CallFaults, odds{f, rate * s.Float64()})
		}
	}
	return c
}
