// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package seating

import (
	"container/heap"
	"time"
)

// turns knows which sessions have something due, without looking at the others: a heap by time that can be changed and left at any place.
type turns struct {
	entries []turn
	places  map[string]int
}

type turn struct {
	at time.Time
	id string
}

func newTurns() *turns { return &turns{places: map[string]int{}} }

// set says when a session's turn is; a zero time takes it out.
func (t *turns) set(id string, at time.Time) {
	place, known := t.places[id]
	switch {
	case at.IsZero() && known:
		heap.Remove(t, place)
	case at.IsZero():
	case known:
		t.entries[place].at = at
		heap.Fix(t, place)
	default:
		heap.Push(t, turn{at: at, id: id})
	}
}

// next is the earliest turn after now; zero: there is none. Those that have come are skipped.
func (t *turns) next(now time.Time) time.Time {
	var first time.Time
	t.walk(0, func(e turn) bool {
		if e.at.After(now) {
			first = earliest(first, e.at)
			return false // those below are later
		}
		return true
	})
	return first
}

// come lists the sessions whose turn has come, in no order.
func (t *turns) come(now time.Time) []string {
	var ids []string
	t.walk(0, func(e turn) bool {
		if e.at.After(now) {
			return false
		}
		ids = append(ids, e.id)
		return true
	})
	return ids
}

// walk visits entries from the root down, as long as below says so.
func (t *turns) walk(place int, below func(turn) bool) {
	if place < len(t.entries) && below(t.entries[place]) {
		t.walk(2*place+1, below)
		t.walk(2*place+2, below)
	}
}

// Len, Less, Swap, Push and Pop are heap.Interface.

func (t *turns) Len() int           { return len(t.entries) }
func (t *turns) Less(i, j int) bool { return t.entries[i].at.Before(t.entries[j].at) }

func (t *turns) Swap(i, j int) {
	t.entries[i], t.entries[j] = t.entries[j], t.entries[i]
	t.places[t.entries[i].id], t.places[t.entries[j].id] = i, j
}

// Push is for package heap alone.
func (t *turns) Push(x any) {
	e := x.(turn)
	t.places[e.id] = len(t.entries)
	t.entries = append(t.entries, e)
}

// Pop is for package heap alone.
func (t *turns) Pop() any {
	last := t.entries[len(t.entries)-1]
	t.entries = t.entries[:len(t.entries)-1]
	delete(t.places, last.id)
	return last
}
