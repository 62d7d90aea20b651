// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package simulation

import "time"

// misfortune is what goes wrong beside calls.
func (w *World) misfortune(t *task) {
	for {
		t.sleep(w.between(time.Second, w.scenario.Incidents))
		if w.ending {
			return
		}
		var alive []*process
		for _, p := range w.processes {
			if !p.dead {
				alive = append(alive, p)
			}
		}
		if len(alive) == 0 {
			continue
		}
		p := alive[w.IntN(len(alive))]
		switch x := w.IntN(100); {
		case x < 20:
			w.counts.Faults[crashAnytime]++
			p.crash("")
		case x < 40:
			w.counts.Faults[pauseAnytime]++
			p.pause(w.pauseLength())
		case x < 55:
			w.counts.Faults[orderlyStop]++
			p.stop()
		case x < 70:
			w.counts.Faults[partition]++
			d := w.between(500*time.Millisecond, w.scenario.LongestPause)
			w.note("%s is cut off for %s", p.name, d)
			p.cutOffUntil = w.now.Add(d)
			p.ails(d)
		case x < 80:
			w.counts.Faults[outage]++
			d := w.between(500*time.Millisecond, w.scenario.LongestPause)
			w.note("the API server is away for %s", d)
			w.awayUntil = w.now.Add(d)
		case x < 88 && w.scenario.Election && w.leader != nil:
			w.counts.Faults[leadLost]++
			w.note("%s loses the lead", w.leader.name)
			w.leader = nil
			w.leadRevision++
		case w.scenario.Unsynced:
			w.counts.Faults[clockStep]++
			step := w.between(2*time.Second, 10*time.Minute)
			if w.chance(0.5) {
				step = -step
			}
			w.note("the clock of %s is set %s ahead", p.name, step)
			p.offset += step
		}
	}
}
