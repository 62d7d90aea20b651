// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package sessiontoken

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
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
	a := w.running()
	old := a.Keyring().Sign(session)
	w.pass(10*defaultRotateEvery, a)
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
	w.pass(50*time.Minute, a)
	w.accepted(a, old)
	w.pass(2*time.Hour, a)
	w.refused(a, old)
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

func TestTheSecretIsDeletedWhileRunning(t *testing.T) {
	w := newWorld(t)
	a := w.running()
	old := a.Keyring().Sign(session)
	w.clock.SetTime(start.Add(defaultRotateEvery))
	w.steps(a)
	b := w.running()
	w.deleteSecret()
	w.steps(a, b)
	w.accepted(a, old)
	w.accepted(b, old)
	w.accepted(w.running(), old)

	// One that has not seen the newest key yet makes the Secret anew: the other adds it.
	w.clock.SetTime(start.Add(2 * defaultRotateEvery))
	w.steps(a)
	w.deleteSecret()
	w.steps(b)
	w.steps(a, b)
	for _, one := range a.known.keys {
		if !slices.ContainsFunc(w.keys(), func(other key) bool { return other.ID == one.ID }) {
			t.Errorf("%v is lost", one)
		}
	}
	// Emptied, it is filled again.
	w.edit(func(s *corev1.Secret) { s.Data = nil })
	w.steps(a, b)
	w.accepted(w.running(), old)
}

func TestAnEmptySecretIsFilled(t *testing.T) {
	w := newWorld(t)
	w.fails("create", errors.New("may not create secrets"))
	k := w.replica()
	if err := k.step(t.Context()); err == nil || k.Keyring() != nil {
		t.Errorf("created without permission: %v", err)
	}
	w.heals()
	if err := w.client.Create(t.Context(), &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "seatkeeper-system", Name: SecretName}}); err != nil {
		t.Fatal(err)
	}
	w.steps(k)
	w.accepted(w.running(), k.Keyring().Sign(session))
}

func TestDamage(t *testing.T) {
	for what, content := range map[string]string{
		"no JSON":      "c2VjcmV0",
		"cut off":      `{"version":1,"keys":[{"id":"00112233445566ff","secret":"MDEyMzQ1Njc4OWFi`,
		"a version":    `{"version":2,"keys":[]}`,
		"an id":        `{"version":1,"keys":[{"id":"7","secret":"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=","createdTime":"2026-03-01T12:00:00Z"}]}`,
		"a short key":  `{"version":1,"keys":[{"id":"00112233445566ff","secret":"MDEyMzQ1Njc4OWFi","createdTime":"2026-03-01T12:00:00Z"}]}`,
		"no time":      `{"version":1,"keys":[{"id":"00112233445566ff","secret":"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="}]}`,
		"no real time": `{"version":1,"keys":[{"id":"00112233445566ff","secret":"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=","createdTime":"yesterday MDEyMzQ1"}]}`,
		"twins": `{"version":1,"keys":[{"id":"00112233445566ff","secret":"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=","createdTime":"2026-03-01T12:00:00Z"},` +
			`{"id":"00112233445566ff","secret":"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=","createdTime":"2026-03-01T12:00:00Z"}]}`,
	} {
		t.Run(what, func(t *testing.T) {
			w := newWorld(t)
			a := w.running()
			token := a.Keyring().Sign(session)
			good := w.secret().Data[DataKey]
			w.edit(func(s *corev1.Secret) { s.Data[DataKey] = []byte(content) })
			b := w.replica()
			for _, k := range []*Keeper{a, b} {
				err := k.step(t.Context())
				if err == nil || !strings.Contains(err.Error(), "delete it") || strings.Contains(err.Error(), "MDEy") || strings.Contains(err.Error(), "c2Vj") {
					t.Errorf("the error must say what to do and show nothing: %v", err)
				}
			}
			w.accepted(a, token)
			if b.Keyring() != nil {
				t.Error("a replica without keys has some")
			}
			if string(w.secret().Data[DataKey]) != content {
				t.Error("what an administrator might repair was written over")
			}
			// Either way out.
			w.edit(func(s *corev1.Secret) { s.Data[DataKey] = good })
			w.steps(a, b)
			w.accepted(b, token)
			w.edit(func(s *corev1.Secret) { s.Data[DataKey] = []byte(content) })
			w.deleteSecret()
			w.steps(a, b)
			w.accepted(b, token)
			w.accepted(w.running(), token)
		})
	}
}

func TestRevocation(t *testing.T) {
	w := newWorld(t)
	a, b := w.running(), w.running()
	old := a.Keyring().Sign(session)
	w.clock.SetTime(start.Add(time.Hour))
	w.revokeBefore(w.clock.Now().Add(time.Minute)) // not yet
	w.steps(a, b)
	w.accepted(a, old)
	w.clock.SetTime(start.Add(time.Hour + time.Minute))
	w.steps(a)
	w.refused(a, old)
	w.steps(b)
	w.refused(b, old)
	fresh := a.Keyring().Sign(session)
	w.accepted(b, fresh)
	// Also when the Secret is deleted, or the clock is set back, nothing comes back.
	w.deleteSecret()
	w.clock.SetTime(start)
	w.steps(a, b)
	w.refused(a, old)
	w.accepted(b, fresh)
	w.clock.SetTime(start.Add(2 * time.Hour))
	c := w.running()
	w.refused(c, old)
	w.accepted(c, fresh)
	w.pass(3*defaultRotateEvery, a, b, c)
	w.accepted(c, fresh)
	w.discreet(w.keys())
}

// A revocation holds at once, although the new key cannot be written yet: until then there is none.
func TestARevocationDoesNotWaitForTheWrite(t *testing.T) {
	w := newWorld(t)
	a := w.running()
	old := a.Keyring().Sign(session)
	w.clock.SetTime(start.Add(time.Hour))
	w.revokeBefore(w.clock.Now())
	w.fails("update", errAway)
	if err := a.step(t.Context()); !errors.Is(err, errAway) {
		t.Errorf("the failed write: %v", err)
	}
	if a.Keyring() != nil {
		t.Error("there are keys that are not in the Secret")
	}
	w.heals()
	w.steps(a)
	w.refused(a, old)
	w.accepted(w.running(), a.Keyring().Sign(session))
	w.edit(func(s *corev1.Secret) { s.Annotations[AnnotationRevokeBefore] = "soon" })
	if err := a.step(t.Context()); err == nil || !strings.Contains(err.Error(), "RFC 3339") {
		t.Errorf("a time that is none: %v", err)
	}
	if a.Keyring() == nil {
		t.Error("an annotation that cannot be read took the keys away")
	}
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
	for _, step := range []time.Duration{-time.Hour, 365 * 24 * time.Hour, -366 * 24 * time.Hour, 2 * time.Hour, -time.Minute, 48 * time.Hour} {
		w.clock.SetTime(w.clock.Now().Add(step))
		for range 6 {
			w.steps(a)
			tokens = append(tokens, a.Keyring().Sign(session))
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
