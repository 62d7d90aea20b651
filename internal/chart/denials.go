// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package chart

import (
	"fmt"
	"maps"

	"github.com/seatkeeper/seatkeeper/internal/usage"
)

// wanted are the reasons of denials that more seats of a model would have prevented. Of another reason nobody can say of which model it is: who is denied has no seat by which to tell.
var wanted = map[string]usage.Model{"SeatsExhausted": usage.Concurrent, "WaitExpired": usage.Concurrent, "AccountNotLicensed": usage.Named}

// ofModel are the denials that the chart of a model shows: all but those for want of a seat of the other.
func ofModel(model usage.Model, reasons map[string]usage.Count) map[string]usage.Count {
	reasons = maps.Clone(reasons)
	maps.DeleteFunc(reasons, func(reason string, _ usage.Count) bool {
		of, ok := wanted[reason]
		return ok && of != model
	})
	return reasons
}

// forSeat adds up the denials for want of a seat of the chart's model.
func (c *Chart) forSeat(reasons map[string]usage.Count) usage.Count {
	var sum usage.Count
	for reason, n := range reasons {
		if wanted[reason] == c.Series.Model {
			sum.Denied += n.Denied
			sum.True += n.True
		}
	}
	return sum
}

// denied tells of denied logins, and apart from them of the true denials: most who are denied get in when they try again, or wait for their turn.
func denied(f figures) []string {
	if f.denials.Denied == 0 {
		return []string{"Denied: none"}
	}
	login := "logins"
	if f.denials.Denied == 1 {
		login = "login"
	}
	return []string{
		fmt.Sprintf("Denied: %d %s%s", f.denials.Denied, login, others(f.denials.Denied, f.forSeat.Denied)),
		fmt.Sprintf("Truly denied (no seat within 5 min): %d%s", f.denials.True, others(f.denials.True, f.forSeat.True)),
	}
}

// others says how many of all were denied for a reason that no number of seats would have changed.
func others(all, forSeat int) string {
	switch n := all - forSeat; {
	case n <= 0:
		return ""
	case n == all:
		return ", not for want of a seat"
	default:
		return fmt.Sprintf(", %d of them not for want of a seat", n)
	}
}
