// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package seating

import (
	"testing"
	"time"
)

func TestPatienceWithClientsThatWereToldOtherwise(t *testing.T) {
	rules := func(beat, lost time.Duration) Rules {
		return Rules{Lifetimes: Lifetimes{Heartbeat: beat, LostAfter: lost}}
	}
	const s = time.Second
	for name, test := range map[string]struct {
		earlier, now  Rules
		between, want time.Duration
	}{
		"sooner lost, by the longer interval":     {rules(60*s, 180*s), rules(5*s, 20*s), 0, 125 * s},
		"sooner lost, and more seldom heartbeats": {rules(10*s, 180*s), rules(30*s, 90*s), 0, 65 * s},
		"later lost":                                   {rules(60*s, 90*s), rules(5*s, 180*s), 0, 0},
		"as soon as before":                            {rules(60*s, 180*s), rules(5*s, 180*s), 0, 0},
		"nobody was ever lost":                         {rules(60*s, 0), rules(60*s, 180*s), 0, 125 * s},
		"nobody is lost any more":                      {rules(60*s, 180*s), rules(60*s, 0), 0, 0},
		"another pool, though it is later lost":        {rules(5*s, 20*s), rules(10*s, 180*s), 30 * s, 65 * s},
		"another pool, whose own interval is longest":  {rules(5*s, 20*s), rules(60*s, 180*s), 30 * s, 125 * s},
		"another pool, in which nobody is ever lost":   {rules(60*s, 180*s), rules(60*s, 0), 30 * s, 0},
		"another pool, before which nobody was missed": {rules(45*s, 0), rules(5*s, 20*s), 30 * s, 95 * s},
	} {
		t.Run(name, func(t *testing.T) {
			if got := test.now.Patience(test.earlier, test.between); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}
