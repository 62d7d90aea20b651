// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package sessiontoken

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// attempts is how often a step that lost against another replica's write is done anew before it waits for the next.
const attempts = 3

// step reads the Secret and takes its keys up; it makes, rotates, revokes and drops keys when that is due. What could not be written is not used: every
// key that signs was in the Secret before. An error leaves the keys as they were read last.
func (k *Keeper) step(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	var err error
	for range attempts {
		err = k.try(ctx)
		if !apierrors.IsConflict(err) && !apierrors.IsAlreadyExists(err) {
			return err
		}
	}
	return err
}

func (k *Keeper) try(ctx context.Context) error {
	secret := &corev1.Secret{}
	err := k.Reader.Get(ctx, client.ObjectKey{Namespace: k.Namespace, Name: k.Name}, secret)
	if apierrors.IsNotFound(err) {
		k.read()
		return k.create(ctx)
	}
	if err != nil {
		return k.failed("read", err)
	}
	k.read()
	revocation := k.revoke(secret)
	keys, err := decode(secret.Data[DataKey])
	if err != nil {
		// Those in memory go on, less what was revoked.
		k.learn(k.known.unrevoked(k.known.keys))
		return errors.Join(revocation, fmt.Errorf("the Secret %s/%s is %w: restore it from a backup, or delete it, "+
			"and a replica that still holds good keys makes it anew with those", k.Namespace, k.Name, err))
	}
	return errors.Join(revocation, k.change(ctx, secret, keys))
}

// change writes what is to change about the keys, and takes up what is stored.
func (k *Keeper) change(ctx context.Context, secret *corev1.Secret, stored []key) error {
	now := k.Clock.Now()
	defer func() { k.known.upTo = now }()
	valid := stored
	if (k.known.uid != "" && secret.UID != k.known.uid) || len(stored) == 0 {
		// Deleted, emptied, or put back by somebody: the tokens that are out go on.
		valid = k.known.merged(stored)
	}
	valid = k.known.unrevoked(valid)
	wanted := slices.Clone(valid)
	var full error
	if k.known.due(wanted, k.RotateEvery, now) {
		if len(wanted) < maxKeys {
			wanted = append(wanted, k.known.next(wanted, now))
		} else {
			full = fmt.Errorf("the Secret %s/%s holds %d keys, as many as it may: end the oldest sessions, whose tokens need them, and they are dropped", k.Namespace, k.Name, maxKeys)
		}
	}
	oldest, anyKnown := k.OldestSession()
	wanted = k.known.needed(wanted, oldest, anyKnown, now)
	if same(wanted, stored) {
		k.known.uid = secret.UID
		k.learn(wanted)
		return full
	}
	data, err := encode(wanted)
	if err != nil {
		return k.failed("write", err)
	}
	changed := secret.DeepCopy()
	if changed.Data == nil {
		changed.Data = map[string][]byte{}
	}
	changed.Data[DataKey] = data
	if err := k.Client.Update(ctx, changed); err != nil {
		k.learn(valid)
		return errors.Join(full, k.failed("write", err))
	}
	k.known.uid = changed.UID
	k.tell(stored, wanted)
	k.learn(wanted)
	return full
}

// create makes the Secret: with the keys in memory when it was deleted, else with a first one.
func (k *Keeper) create(ctx context.Context) error {
	keys := k.known.unrevoked(k.known.keys)
	if len(keys) == 0 {
		keys = append(keys, k.known.next(nil, k.Clock.Now()))
	}
	data, err := encode(keys)
	if err != nil {
		return k.failed("create", err)
	}
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: k.Namespace, Name: k.Name,
			Labels: map[string]string{"app.kubernetes.io/name": "seatkeeper", "app.kubernetes.io/managed-by": "seatkeeper"},
		},
		Type: corev1.SecretTypeOpaque,
		Data: map[string][]byte{DataKey: data},
	}
	if !k.known.revoked.IsZero() {
		// Whoever reads it knows no more than what it says.
		secret.Annotations = map[string]string{AnnotationRevokeBefore: k.known.revoked.UTC().Format(time.RFC3339Nano)}
	}
	if err := k.Client.Create(ctx, secret); err != nil {
		return k.failed("create", err)
	}
	k.known.uid = secret.UID
	k.tell(nil, keys)
	k.learn(keys)
	k.known.upTo = k.Clock.Now()
	return nil
}

// revoke takes the Secret's revocation into account once its time has come.
func (k *Keeper) revoke(secret *corev1.Secret) error {
	at, err := revokeBefore(secret)
	if err != nil {
		return fmt.Errorf("the Secret %s/%s: %w", k.Namespace, k.Name, err)
	}
	if at.After(k.known.revoked) && !at.After(k.Clock.Now()) {
		k.known.revoked = at
		k.Log.Info("Session-token keys were revoked", "before", at.UTC().Format(time.RFC3339))
	}
	return nil
}

// learn takes keys up, and publishes them when something about them changed.
func (k *Keeper) learn(keys []key) {
	if !k.known.learn(keys, k.Clock.Now()) {
		return
	}
	if len(keys) == 0 {
		k.ring.Store(nil)
		return
	}
	k.ring.Store(newKeyring(keys, k.known.signing, k.unknown))
}

// tell logs which keys came and went.
func (k *Keeper) tell(before, after []key) {
	without := func(all, less []key) []string {
		ids := []string{}
		for _, one := range all {
			if !slices.ContainsFunc(less, func(other key) bool { return other.ID == one.ID }) {
				ids = append(ids, one.ID)
			}
		}
		return ids
	}
	k.Log.Info("Wrote the keys of session tokens", "added", without(after, before), "dropped", without(before, after), "keys", len(after))
}

func (k *Keeper) read() {
	k.lastRead.Store(new(k.Clock.Now()))
}

func (k *Keeper) failed(what string, err error) error {
	return fmt.Errorf("cannot %s the Secret %s/%s of the session-token keys: %w", what, k.Namespace, k.Name, err)
}

func same(a, b []key) bool {
	return slices.EqualFunc(a, b, func(x, y key) bool { return x.ID == y.ID })
}
