// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package sessiontoken

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

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
	all := a.known.keys
	w.deleteSecret()
	w.steps(b)
	w.steps(a, b)
	for _, one := range all {
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
