// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package sessiontoken

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const (
	// readEvery is how often the Secret is read again; readGap is the least time between two readings, also when an unknown key is met.
	readEvery = 10 * time.Second
	readGap   = time.Second
	// retryFirst is the pause after the first failure before any key was loaded; it doubles up to readEvery.
	retryFirst = 500 * time.Millisecond
	// callTimeout bounds one reading and what it writes.
	callTimeout = 10 * time.Second
	// staleAfter is when a ring that could not be read again may lack a key that signs elsewhere.
	staleAfter = signAfter

	defaultRotateEvery = 24 * time.Hour
	leastRotateEvery   = time.Minute
)

// It may read and change this one Secret and no other. Creating cannot be restricted to a name, so it is to the namespace.
// +kubebuilder:rbac:groups="",resources=secrets,verbs=create,namespace=seatkeeper-system
// +kubebuilder:rbac:groups="",resources=secrets,verbs=get;update,namespace=seatkeeper-system,resourceNames=seatkeeper-session-keys

// Keeper makes, shares and rotates the keys of session tokens. It runs on every replica; all of them share one Secret, which whoever comes first
// makes, and of several that would change it at once one does (its resourceVersion is the precondition) while the others take up what that one wrote.
type Keeper struct {
	// Client writes the Secret.
	Client client.Client
	// Reader reads the Secret from the API server itself: a cache would need to list and watch all Secrets.
	Reader client.Reader
	// Namespace and Name are the Secret's.
	Namespace, Name string
	// RotateEvery is how long a key signs; 0: 24 hours; at least a minute.
	RotateEvery time.Duration
	// OldestSession is when the oldest session that is live was signed on. False: it is not known, or there is none; then no key is dropped. It must be
	// false while the cache it reads is not filled.
	OldestSession func() (time.Time, bool)
	// Clock is the system's when nil.
	Clock clock.PassiveClock
	// Log gets failures, rotations and dropped keys, by their ids.
	Log logr.Logger

	ring     atomic.Pointer[Keyring]
	lastRead atomic.Pointer[time.Time]
	wake     chan struct{}
	// known is only used by the goroutine of Start.
	known known
}

// Start keeps the keys until ctx ends; then it returns nil. It fails only when the Keeper is not set up: while the API server is away, or the Secret
// is damaged, it tries again, and says so in the log, once.
func (k *Keeper) Start(ctx context.Context) error {
	if err := k.begin(); err != nil {
		return err
	}
	failures, said := 0, ""
	for ctx.Err() == nil {
		if err := k.step(ctx); err == nil {
			failures, said = 0, ""
		} else if ctx.Err() == nil {
			failures++
			if said != err.Error() {
				said = err.Error()
				k.Log.Error(err, "Cannot keep the keys of session tokens as they must be; trying again", "loaded", k.Keyring() != nil)
			}
		}
		k.pause(ctx, failures)
	}
	return nil
}

// NeedLeaderElection is false: every replica signs and checks tokens.
func (k *Keeper) NeedLeaderElection() bool { return false }

// Keyring is the current one; nil until the keys were loaded, and between a revocation of all of them and the first new one.
func (k *Keeper) Keyring() *Keyring { return k.ring.Load() }

// Stale says that the Secret could not be read for half a minute: a token of an unknown key may then be a good one that another replica signed, and
// its client should be told to try again (503) and not that its token is bad (401).
func (k *Keeper) Stale() bool {
	at := k.lastRead.Load()
	return at == nil || k.Clock.Since(*at) > staleAfter
}

func (k *Keeper) begin() error {
	if k.Client == nil || k.Reader == nil || k.Namespace == "" || k.Name == "" {
		return errors.New("the keeper of session-token keys must have a client, a reader, and its Secret's namespace and name")
	}
	switch {
	case k.RotateEvery == 0:
		k.RotateEvery = defaultRotateEvery
	case k.RotateEvery < leastRotateEvery:
		return fmt.Errorf("session-token keys must sign for at least %s each", leastRotateEvery)
	}
	if k.Clock == nil {
		k.Clock = clock.RealClock{}
	}
	if k.OldestSession == nil {
		k.OldestSession = func() (time.Time, bool) { return time.Time{}, false }
	}
	k.wake = make(chan struct{}, 1)
	return nil
}

// unknown asks for a reading: a token came under a key that another replica may have made.
func (k *Keeper) unknown() {
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

// pause waits until the Secret is to be read again.
func (k *Keeper) pause(ctx context.Context, failures int) {
	if k.Keyring() == nil && failures > 0 {
		rest(ctx, wait.Jitter(min(retryFirst<<min(failures-1, 10), readEvery), 0.2), nil)
		return
	}
	if rest(ctx, readGap, nil) {
		rest(ctx, readEvery-readGap, k.wake)
	}
}

// rest waits for a while, or less when woken; false: ctx has ended.
func rest(ctx context.Context, length time.Duration, wake <-chan struct{}) bool {
	timer := time.NewTimer(length)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-wake:
	case <-ctx.Done():
		return false
	}
	return true
}
