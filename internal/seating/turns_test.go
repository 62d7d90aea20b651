// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package seating

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// Turns are set, moved and taken out, many at the same time, and always are what a plain list says.
func TestTurnsAreWhatAPlainListSays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		turns, list := newTurns(), map[string]time.Time{}
		at := func() time.Time { return time.Unix(rapid.Int64Range(1, 12).Draw(t, "second"), 0) }
		t.Repeat(map[string]func(*rapid.T){
			"set": func(t *rapid.T) {
				id, when := fmt.Sprint(rapid.IntRange(0, 15).Draw(t, "id")), at()
				turns.set(id, when)
				list[id] = when
			},
			"remove": func(t *rapid.T) {
				id := fmt.Sprint(rapid.IntRange(0, 15).Draw(t, "id"))
				turns.set(id, time.Time{})
				delete(list, id)
			},
			"": func(t *rapid.T) {
				if got := turns.byID(); !maps.Equal(got, list) || len(turns.places) != len(list) || len(turns.entries) != len(list) {
					t.Fatalf("turns %v; the list says %v", got, list)
				}
				now := at()
				var come []string
				var next time.Time
				for id, when := range list {
					if !when.After(now) {
						come = append(come, id)
					} else if next.IsZero() || when.Before(next) {
						next = when
					}
				}
				got := turns.come(now)
				slices.Sort(got)
				slices.Sort(come)
				if !slices.Equal(got, come) {
					t.Fatalf("at %s the turn has come of %v; the list says %v", now, got, come)
				}
				if got := turns.next(now); !got.Equal(next) {
					t.Fatalf("at %s the next turn is at %s; the list says %s", now, got, next)
				}
			},
		})
	})
}
