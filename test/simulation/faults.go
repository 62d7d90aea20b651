// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"time"

	"github.com/seatkeeper/seatkeeper/test/simulation/apimodel"
)

// fault is what may go wrong with a call.
type fault string

const (
	none fault = ""
	// refused: it never arrives, and the caller is told at once.
	refused fault = "refused"
	// requestLost: it never arrives; answerLost: it arrives, and its answer does not; landsLate: it arrives long after its caller has given it up; slow: it takes seconds.
	requestLost fault = "request lost"
	answerLost  fault = "answer lost"
	landsLate   fault = "lands late"
	slow        fault = "slow"
	// repeated: it arrives twice, and the second answer is the one that comes back.
	repeated fault = "repeated"
	// crashBefore, crashAfter: its process dies, before it is sent or when it has arrived.
	crashBefore fault = "crash before a call"
	crashAfter  fault = "crash after a call"
	// pauseBefore, pauseAfter: its process stops, and goes on after a while as if nothing had been: with the call on its way, or with its answer waiting.
	pauseBefore fault = "pause at a call"
	pauseAfter  fault = "pause after a call"
	// What goes wrong beside calls.
	outage       fault = "outage of the API server"
	partition    fault = "replica cut off"
	crashAnytime fault = "crash"
	pauseAnytime fault = "pause"
	orderlyStop  fault = "stop in order"
	clockStep    fault = "clock step"
	lateWatch    fault = "late watch"
	newList      fault = "watch begins anew"
	lostBeat     fault = "heartbeat's answer lost"
	leadLost     fault = "lead lost"
)

// odds are how often a call goes wrong in each way.
type odds struct {
	of    fault
	times float64
}

// draw says what goes wrong with a call.
func (w *World) draw(of *process, r *apimodel.Request) fault {
	if of == nil || w.ending || len(w.scenario.CallFaults) == 0 {
		return none
	}
	x := w.Float64()
	for _, o := range w.scenario.CallFaults {
		if x -= o.times; x >= 0 {
			continue
		}
		switch {
		case (o.of == crashBefore || o.of == crashAfter) && w.counts.Faults[o.of] >= w.scenario.Crashes,
			(o.of == pauseBefore || o.of == pauseAfter) && w.counts.Faults[o.of] >= w.scenario.Pauses:
			return none
		case !r.Writes() && (o.of == landsLate || o.of == repeated):
			return slow
		}
		return o.of
	}
	return none
}

// latency is how long a message is on its way.
func (w *World) latency() time.Duration {
	if w.chance(0.02) && !w.ending {
		return w.between(20*time.Millisecond, time.Second)
	}
	return w.evenly(200*time.Microsecond, w.scenario.Latency)
}

// pauseLength is how long a process sleeps.
func (w *World) pauseLength() time.Duration {
	return w.between(500*time.Millisecond, w.scenario.LongestPause)
}

// cutOff says whether a process cannot reach the API server; nil stands for whoever is no operator's.
func (w *World) cutOff(of *process) bool {
	return w.now.Before(w.awayUntil) || (of != nil && w.now.Before(of.cutOffUntil))
}
