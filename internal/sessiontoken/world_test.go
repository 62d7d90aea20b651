// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package sessiontoken

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr/funcr"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
)

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// world is an API server's stand-in with one Secret, and the replicas that share it.
type world struct {
	t      *testing.T
	client client.WithWatch
	clock  *clocktesting.FakePassiveClock
	// oldest is when the oldest live session was signed on; zero: there is none.
	oldest time.Time

	mu sync.Mutex
	// before is called before a call takes place, lost after it: an error is what the caller gets.
	before, lost func(verb string) error
	calls        map[string]int
	uids         int
	logs         strings.Builder
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, clock: clocktesting.NewFakePassiveClock(start), calls: map[string]int{}}
	around := func(verb string, call func() error) error {
		w.mu.Lock()
		before, lost := w.before, w.lost
		w.calls[verb]++
		w.mu.Unlock()
		if before != nil {
			if err := before(verb); err != nil {
				return err
			}
		}
		if err := call(); err != nil {
			return err
		}
		if lost != nil {
			return lost(verb)
		}
		return nil
	}
	w.client = interceptor.NewClient(fake.NewFakeClient(), interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error {
			return around("get", func() error { return c.Get(ctx, key, obj, opts...) })
		},
		Create: func(ctx context.Context, c client.WithWatch, obj client.Object, opts ...client.CreateOption) error {
			return around("create", func() error {
				w.mu.Lock()
				w.uids++
				obj.SetUID(types.UID(fmt.Sprint("uid-", w.uids)))
				w.mu.Unlock()
				return c.Create(ctx, obj, opts...)
			})
		},
		Update: func(ctx context.Context, c client.WithWatch, obj client.Object, opts ...client.UpdateOption) error {
			return around("update", func() error { return c.Update(ctx, obj, opts...) })
		},
	})
	return w
}

// replica is one that has not begun.
func (w *world) replica() *Keeper {
	w.t.Helper()
	k := &Keeper{
		Client: w.client, Reader: w.client, Namespace: "seatkeeper-system", Name: SecretName, Clock: w.clock,
		OldestSession: func() (time.Time, bool) { return w.oldest, !w.oldest.IsZero() },
		Log: funcr.New(func(prefix, args string) {
			w.mu.Lock()
			defer w.mu.Unlock()
			fmt.Fprintln(&w.logs, prefix, args)
		}, funcr.Options{}),
	}
	if err := k.begin(); err != nil {
		w.t.Fatal(err)
	}
	return k
}

// running is a replica that has read its keys.
func (w *world) running() *Keeper {
	w.t.Helper()
	k := w.replica()
	w.steps(k)
	if k.Keyring() == nil {
		w.t.Fatal("no keys after the first step")
	}
	return k
}

func (w *world) steps(replicas ...*Keeper) {
	w.t.Helper()
	for _, k := range replicas {
		if err := k.step(w.t.Context()); err != nil {
			w.t.Fatal(err)
		}
	}
}

// pass lets time go by, with the replicas' readings in it.
func (w *world) pass(length time.Duration, replicas ...*Keeper) {
	w.t.Helper()
	end := w.clock.Now().Add(length)
	// Long times in few steps, each still shorter than what the rules count in.
	every := max(readEvery, length/200)
	for w.clock.Now().Before(end) {
		w.clock.SetTime(w.clock.Now().Add(every))
		w.steps(replicas...)
	}
}

func (w *world) secret() *corev1.Secret {
	w.t.Helper()
	secret := &corev1.Secret{}
	if err := w.client.Get(context.Background(), client.ObjectKey{Namespace: "seatkeeper-system", Name: SecretName}, secret); err != nil {
		w.t.Fatal(err)
	}
	return secret
}

func (w *world) keys() []key {
	w.t.Helper()
	keys, err := decode(w.secret().Data[DataKey])
	if err != nil {
		w.t.Fatal(err)
	}
	return keys
}

// edit changes the Secret as an administrator does.
func (w *world) edit(change func(*corev1.Secret)) {
	w.t.Helper()
	secret := w.secret()
	change(secret)
	if err := w.client.Update(context.Background(), secret); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) revokeBefore(at time.Time) {
	w.t.Helper()
	w.edit(func(s *corev1.Secret) {
		s.Annotations = map[string]string{AnnotationRevokeBefore: at.Format(time.RFC3339)}
	})
}

func (w *world) deleteSecret() {
	w.t.Helper()
	if err := w.client.Delete(context.Background(), w.secret()); err != nil {
		w.t.Fatal(err)
	}
}

// fails lets the calls of that verb fail before they take place.
func (w *world) fails(verb string, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.before = func(called string) error {
		if called == verb || verb == "" {
			return err
		}
		return nil
	}
}

func (w *world) heals() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.before, w.lost = nil, nil
}

func (w *world) accepted(k *Keeper, token string) {
	w.t.Helper()
	if got, err := k.Keyring().Verify(token); err != nil || got != session {
		w.t.Errorf("Verify = %v, %v; the token must be accepted", got, err)
	}
}

func (w *world) refused(k *Keeper, token string) {
	w.t.Helper()
	if ring := k.Keyring(); ring != nil {
		wantInvalid(w.t, ring, token)
	}
}

// discreet checks that no key was logged.
func (w *world) discreet(keys []key, errs ...error) {
	w.t.Helper()
	w.mu.Lock()
	said := w.logs.String()
	w.mu.Unlock()
	said += fmt.Sprintf("%v %+v %#v %v", keys, keys, keys, errors.Join(errs...))
	for _, key := range keys {
		for _, shown := range []string{
			string(key.Secret), base64.StdEncoding.EncodeToString(key.Secret), base64.RawURLEncoding.EncodeToString(key.Secret),
			fmt.Sprintf("%x", key.Secret), fmt.Sprintf("%d", key.Secret),
		} {
			if strings.Contains(said, shown) {
				w.t.Errorf("the bytes of %v were shown", key)
			}
		}
	}
}

var errAway = errors.New("the API server is away")
