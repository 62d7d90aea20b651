// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package sessiontoken

import (
	"context"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Keeper makes, shares and rotates the keys of session tokens. It runs on every replica.
type Keeper struct {
	// Client writes the Secret.
	Client client.Client
	// Reader reads the Secret from the API server itself, not from a cache.
	Reader client.Reader
	// Namespace and Name are the Secret's.
	Namespace, Name string
	// RotateEvery is how long a key signs.
	RotateEvery time.Duration
	// OldestSession is when the oldest live session was signed on; false: it is not known, and no key is dropped.
	OldestSession func() (time.Time, bool)
	Clock         clock.PassiveClock
	Log           logr.Logger
}

// Start keeps the keys until ctx ends.
func (k *Keeper) Start(ctx context.Context) error {
	<-ctx.Done()
	return nil
}

// NeedLeaderElection is false: every replica checks tokens.
func (k *Keeper) NeedLeaderElection() bool { return false }

// Keyring is the current one; nil until the keys were loaded.
func (k *Keeper) Keyring() *Keyring { return nil }
