// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package sessiontoken

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/utils/clock"
)

// began starts a replica in the synctest bubble's time, and returns its end.
func (w *world) began(ctx context.Context) (*Keeper, func()) {
	k := w.replica()
	k.Clock = clock.RealClock{}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- k.Start(ctx) }()
	return k, func() {
		cancel()
		if err := <-done; err != nil {
			w.t.Errorf("Start = %v after its context ended", err)
		}
	}
}

func (w *world) called(verb string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.calls[verb]
}

func TestStartWaitsForTheAPIServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.fails("", errAway)
		k, end := w.began(t.Context())
		time.Sleep(time.Hour)
		synctest.Wait()
		if k.Keyring() != nil || !k.Stale() {
			t.Error("keys without an API server")
		}
		if n := w.called("get"); n < 250 || n > 370 {
			t.Errorf("%d readings in an hour, want one every 10 s or somewhat more", n)
		}
		if n := strings.Count(w.logs.String(), "Cannot keep"); n != 1 {
			t.Errorf("said %d times that the API server is away", n)
		}
		w.heals()
		time.Sleep(13 * time.Second)
		synctest.Wait()
		if k.Keyring() == nil {
			t.Fatal("no keys 13 s after the API server came back")
		}
		end()

		// It ends while the API server is away, too.
		w.fails("", errAway)
		_, end = w.began(t.Context())
		time.Sleep(time.Minute)
		end()
	})
}

func TestAnUnknownKeyIsLookedUpAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		k, end := w.began(t.Context())
		defer end()
		synctest.Wait()
		time.Sleep(2 * time.Second)
		// Another replica adds a key, and signs with it too early.
		added := append(w.keys(), k.known.next(w.keys(), time.Now()))
		data, err := encode(added)
		if err != nil {
			t.Fatal(err)
		}
		secret := w.secret()
		secret.Data[DataKey] = data
		if err := w.client.Update(t.Context(), secret); err != nil {
			t.Fatal(err)
		}
		token := ringOf(added...).Sign(session)
		w.refused(k, token)
		synctest.Wait()
		w.accepted(k, token)

		// Thousands of forgeries make it read once a second.
		before := w.called("get")
		forged := ringOf(newKey()).Sign(session)
		for range 1000 {
			w.refused(k, forged)
			time.Sleep(10 * time.Millisecond)
		}
		if n := w.called("get") - before; n < 8 || n > 12 {
			t.Errorf("%d readings in 10 s", n)
		}
	})
}

func TestItRotatesByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		k, end := w.began(t.Context())
		defer end()
		synctest.Wait()
		old := k.Keyring().Sign(session)
		time.Sleep(defaultRotateEvery + 20*time.Second)
		synctest.Wait()
		if n := len(w.keys()); n != 2 {
			t.Errorf("%d keys after a day", n)
		}
		signedBy := func() string { return k.Keyring().Sign(session)[len(prefix) : headLength-1] }
		if !strings.HasPrefix(old, prefix+signedBy()) {
			t.Error("the new key signs before every replica knows it")
		}
		time.Sleep(45 * time.Second)
		synctest.Wait()
		if signedBy() != w.keys()[1].ID {
			t.Error("the new key does not sign")
		}
		w.accepted(k, old)
	})
}

func TestStartRefusesWhatIsNotSetUp(t *testing.T) {
	w := newWorld(t)
	for what, k := range map[string]*Keeper{
		"nothing":   {},
		"no name":   {Client: w.client, Reader: w.client, Namespace: "a"},
		"too often": {Client: w.client, Reader: w.client, Namespace: "a", Name: "b", RotateEvery: time.Second},
	} {
		if err := k.Start(t.Context()); err == nil || !strings.Contains(err.Error(), "must") {
			t.Errorf("%s: %v", what, err)
		}
	}
	k := &Keeper{Client: w.client, Reader: w.client, Namespace: "a", Name: "b"}
	if !k.Stale() || k.Keyring() != nil || k.NeedLeaderElection() {
		t.Error("a Keeper that did not start")
	}
}
