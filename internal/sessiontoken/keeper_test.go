// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package sessiontoken

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
)

func TestTheFirstReplicaMakesTheKeysForAll(t *testing.T) {
	w := newWorld(t)
	a, b := w.running(), w.running()
	token := a.Keyring().Sign(session)
	w.accepted(b, token)
	w.accepted(a, b.Keyring().Sign(session))
	if n := len(w.keys()); n != 1 || w.calls["update"] != 0 {
		t.Errorf("%d keys after %v", n, w.calls)
	}
	w.steps(a, b, a, b)
	w.accepted(a, token)
	w.discreet(w.keys())
}

// Many begin at once: all end up with the keys of the one that was first.
func TestRivalsThatCreate(t *testing.T) {
	w := newWorld(t)
	replicas := make([]*Keeper, 8)
	var all sync.WaitGroup
	for i := range replicas {
		replicas[i] = w.replica()
		all.Go(func() {
			if err := replicas[i].step(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	for _, a := range replicas {
		for _, b := range replicas {
			w.accepted(b, a.Keyring().Sign(session))
		}
	}
	if n := len(w.keys()); n != 1 {
		t.Errorf("%d keys, want 1", n)
	}
}

// Many rotate at once: one key is added.
func TestRivalsThatRotate(t *testing.T) {
	w := newWorld(t)
	replicas := make([]*Keeper, 8)
	for i := range replicas {
		replicas[i] = w.running()
	}
	w.clock.SetTime(start.Add(defaultRotateEvery))
	var all sync.WaitGroup
	for _, k := range replicas {
		all.Go(func() {
			if err := k.step(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	w.steps(replicas...)
	if n := len(w.keys()); n != 2 {
		t.Errorf("%d keys, want 2", n)
	}
	for _, a := range replicas {
		for _, b := range replicas {
			w.accepted(b, a.Keyring().Sign(session))
		}
	}
}

// At no time, with readings as late as they may be, does a replica sign with a key that another does not know.
func TestAKeyIsKnownToAllBeforeItSigns(t *testing.T) {
	w := newWorld(t)
	a, b := w.running(), w.running()
	old := a.Keyring().Sign(session)
	w.clock.SetTime(start.Add(defaultRotateEvery))
	w.steps(a)
	first := a.known.signing
	for range 12 {
		w.accepted(b, a.Keyring().Sign(session))
		w.accepted(a, b.Keyring().Sign(session))
		w.clock.SetTime(w.clock.Now().Add(9 * time.Second))
		w.steps(a)
		w.accepted(b, a.Keyring().Sign(session))
		w.steps(b)
	}
	if a.known.signing == first || b.known.signing != a.known.signing {
		t.Error("the new key does not sign after 100 s")
	}
	w.accepted(a, old)
	w.accepted(b, old)
	// One that starts now signs with the settled key at once; one that starts right after a rotation signs with the one before.
	late := w.running()
	w.accepted(a, late.Keyring().Sign(session))
	w.clock.SetTime(start.Add(3 * defaultRotateEvery))
	w.steps(a)
	later := w.running()
	w.accepted(b, later.Keyring().Sign(session))
}

// A key goes once no live session is older than its retirement, and has not been for an hour.
func TestAKeyIsDroppedWhenNoSessionNeedsIt(t *testing.T) {
	w := newWorld(t)
	w.oldest = start
	a, b := w.running(), w.running()
	old := a.Keyring().Sign(session)
	w.pass(10*defaultRotateEvery, a, b)
	if n := len(w.keys()); n < 8 {
		t.Fatalf("%d keys after ten days with a session of the first; none may go", n)
	}
	w.accepted(a, old)
	// It is not known which sessions live: nothing goes.
	w.oldest = time.Time{}
	before := len(w.keys())
	w.pass(3*time.Hour, a)
	if n := len(w.keys()); n < before {
		t.Errorf("%d keys of %d are left", n, before)
	}
	// The oldest session is of now: all but the one that signs go, after an hour.
	w.oldest = w.clock.Now()
	w.pass(50*time.Minute, a, b)
	w.accepted(a, old)
	w.pass(2*time.Hour, a, b)
	w.refused(a, old)
	w.refused(b, old)
	if n := len(w.keys()); n != 1 {
		t.Errorf("%d keys are left, want the one that signs", n)
	}
	w.discreet(w.keys())
}

// A session that is noticed late keeps the key that was about to go.
func TestAKeyThatIsNeededAgainStays(t *testing.T) {
	w := newWorld(t)
	a := w.running()
	old := a.Keyring().Sign(session)
	w.pass(2*defaultRotateEvery, a)
	w.oldest = w.clock.Now()
	w.pass(50*time.Minute, a)
	w.oldest = start.Add(time.Hour)
	w.pass(50*time.Minute, a)
	w.oldest = w.clock.Now()
	w.pass(50*time.Minute, a)
	w.accepted(a, old)
}

func TestTheAPIServerIsAway(t *testing.T) {
	w := newWorld(t)
	k := w.replica()
	if !k.Stale() {
		t.Error("fresh before anything was read")
	}
	w.fails("", errAway)
	if err := k.step(t.Context()); !errors.Is(err, errAway) || k.Keyring() != nil {
		t.Errorf("at the start: %v", err)
	}
	w.heals()
	w.steps(k)
	token := k.Keyring().Sign(session)
	w.fails("", errAway)
	for range 10 {
		w.clock.SetTime(w.clock.Now().Add(readEvery))
		if err := k.step(t.Context()); !errors.Is(err, errAway) {
			t.Errorf("while it is away: %v", err)
		}
		w.accepted(k, token)
	}
	if !k.Stale() {
		t.Error("not stale after 100 s without a reading")
	}
	w.heals()
	w.steps(k)
	w.accepted(k, token)
	if k.Stale() {
		t.Error("stale right after a reading")
	}
}

// Whatever call is the last of a replica, or whose answer is lost: the next replica and the same one go on, and no token that was given out is refused.
func TestEveryCrashPoint(t *testing.T) {
	for _, lost := range []bool{false, true} {
		for at := 1; at <= 24; at++ {
			w := newWorld(t)
			calls := 0
			stop := func(string) error {
				w.mu.Lock()
				defer w.mu.Unlock()
				if calls++; calls == at {
					return context.DeadlineExceeded
				}
				return nil
			}
			if lost {
				w.lost = stop
			} else {
				w.before = stop
			}
			var tokens []string
			k := w.replica()
			for day := range 4 {
				for _, second := range []int{0, 10, 20, 30, 40} {
					w.clock.SetTime(start.Add(time.Duration(day)*defaultRotateEvery + time.Duration(second)*time.Second))
					if k.step(t.Context()) != nil {
						if at%2 == 0 {
							k = w.replica() // it crashed; else it just goes on
						}
						_ = k.step(t.Context())
					}
					if ring := k.Keyring(); ring != nil {
						tokens = append(tokens, ring.Sign(session))
					}
				}
			}
			w.heals()
			other := w.running()
			for _, token := range tokens {
				w.accepted(k, token)
				w.accepted(other, token)
			}
			if n := len(w.keys()); n != 4 {
				t.Errorf("call %d (lost answer: %t): %d keys after four days, want 4", at, lost, n)
			}
		}
	}
}

func TestClockSteps(t *testing.T) {
	w := newWorld(t)
	w.oldest = start
	a := w.running()
	tokens := []string{a.Keyring().Sign(session)}
	place := func() int {
		return slices.IndexFunc(a.known.keys, func(k key) bool { return k.ID == a.known.signing })
	}
	last := 0
	for _, step := range []time.Duration{-time.Hour, 365 * 24 * time.Hour, -366 * 24 * time.Hour, 2 * time.Hour, -time.Minute, 48 * time.Hour} {
		w.clock.SetTime(w.clock.Now().Add(step))
		for range 6 {
			w.steps(a)
			tokens = append(tokens, a.Keyring().Sign(session))
			if now := place(); now < last {
				t.Errorf("key %d signs after key %d did", now, last)
			} else {
				last = now
			}
			w.clock.SetTime(w.clock.Now().Add(readEvery))
		}
		b := w.running()
		tokens = append(tokens, b.Keyring().Sign(session))
		w.steps(a)
		for _, token := range tokens {
			w.accepted(a, token)
			w.accepted(b, token)
		}
	}
	// A key of the future is replaced once it was seen for long enough.
	before := len(w.keys())
	w.pass(3*defaultRotateEvery, a)
	if n := len(w.keys()); n <= before || n > before+4 {
		t.Errorf("%d keys became %d in three days", before, n)
	}
}

// The Secret is bounded: when live sessions need all its keys, no more are added.
func TestTheSecretIsBounded(t *testing.T) {
	w := newWorld(t)
	w.oldest = start
	a := w.running()
	many := a.known.keys
	for len(many) < maxKeys {
		many = append(many, a.known.next(many, start))
	}
	data, err := encode(many)
	if err != nil {
		t.Fatal(err)
	}
	w.edit(func(s *corev1.Secret) { s.Data[DataKey] = data })
	w.clock.SetTime(start.Add(2 * defaultRotateEvery))
	if err := a.step(t.Context()); err == nil || len(a.known.keys) != maxKeys {
		t.Errorf("%d keys, and %v", len(a.known.keys), err)
	}
	if len(data) > 512<<10 {
		t.Errorf("the Secret may become %d bytes long", len(data))
	}
}

// Also a key that a clock far ahead has dated is known to all before it signs.
func TestAKeyOfTheFutureIsKnownToAllBeforeItSigns(t *testing.T) {
	w := newWorld(t)
	a, b := w.running(), w.running()
	a.RotateEvery, b.RotateEvery = time.Hour, time.Hour
	w.clock.SetTime(start.Add(365 * 24 * time.Hour))
	w.steps(a)
	w.clock.SetTime(start.Add(time.Minute))
	w.steps(b, a)
	for range int(time.Hour/(9*time.Second)) + 100 {
		w.clock.SetTime(w.clock.Now().Add(9 * time.Second))
		w.steps(a)
		w.accepted(b, a.Keyring().Sign(session))
		w.steps(b)
		w.accepted(a, b.Keyring().Sign(session))
	}
	if n := len(w.keys()); n != 3 {
		t.Errorf("%d keys an hour after the clock was put right, want 3", n)
	}
}
