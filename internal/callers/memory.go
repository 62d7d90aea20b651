// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package callers

import (
	"sync"
	"time"

	"k8s.io/utils/clock"
)

// memory keeps answers for a while, and no more of them than its bound: the oldest goes first.
type memory[T any] struct {
	clock clock.PassiveClock
	keep  time.Duration

	mu      sync.Mutex
	answers map[digest]answer[T]
	// ring holds the answers' keys in the order they came; at is the place of the next one, where the oldest stands.
	ring []digest
	at   int
}

type answer[T any] struct {
	value T
	came  time.Time
	// place is where its key stands in the ring.
	place int
}

func newMemory[T any](by clock.PassiveClock, keep time.Duration, most int) *memory[T] {
	return &memory[T]{clock: by, keep: keep, answers: map[digest]answer[T]{}, ring: make([]digest, most)}
}

// get returns an answer that is not too old. One from the future is: the clock was set back, and nobody knows how old it is.
func (m *memory[T]) get(id digest) (T, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	found, ok := m.answers[id]
	if age := m.clock.Since(found.came); !ok || age < 0 || age >= m.keep {
		var none T
		return none, false
	}
	return found.value, true
}

func (m *memory[T]) put(id digest, value T) {
	m.mu.Lock()
	defer m.mu.Unlock()
	// The place may be of a key that came again since, and then stands further on.
	if oldest, ok := m.answers[m.ring[m.at]]; ok && oldest.place == m.at {
		delete(m.answers, m.ring[m.at])
	}
	m.ring[m.at] = id
	m.answers[id] = answer[T]{value: value, came: m.clock.Now(), place: m.at}
	m.at = (m.at + 1) % len(m.ring)
}
