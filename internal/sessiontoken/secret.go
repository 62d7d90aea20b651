// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package sessiontoken

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
)

const (
	// SecretName is how the Secret is called that the replicas share their keys through.
	SecretName = "seatkeeper-session-keys"
	// AnnotationRevokeBefore on the Secret, an RFC 3339 time: keys that were made before it are dropped as soon as that time has come, and with them
	// every token under them. For an emergency: keys that were seen by somebody who may not.
	AnnotationRevokeBefore = "licensing.seatkeeper.dev/revoke-before"
	// DataKey is the Secret's entry that holds the keys.
	DataKey = "keys.json"

	secretLength = 32
	// maxKeys bounds the Secret: beyond it no key is added, since none that live sessions need may go. At one a day it is nearly three years of a
	// session that does not end.
	maxKeys = 1000
)

// key signs tokens. It has no text form that shows its secret but the Secret's own.
type key struct {
	ID      string
	Secret  []byte
	Created time.Time
}

// String and GoString keep a key out of logs and errors.
func (k key) String() string   { return "key " + k.ID }
func (k key) GoString() string { return k.String() }

func newKey() key {
	return key{ID: hex.EncodeToString(random(idLength / 2)), Secret: random(secretLength)}
}

// keyFile is the Secret's entry.
type keyFile struct {
	Version int        `json:"version"`
	Keys    []keyEntry `json:"keys"`
}

type keyEntry struct {
	ID          string    `json:"id"`
	Secret      []byte    `json:"secret"`
	CreatedTime time.Time `json:"createdTime"`
}

// encode writes keys as the Secret holds them, the oldest first.
func encode(keys []key) ([]byte, error) {
	file := keyFile{Version: 1}
	for _, key := range keys {
		file.Keys = append(file.Keys, keyEntry{ID: key.ID, Secret: key.Secret, CreatedTime: key.Created.UTC()})
	}
	return json.Marshal(file)
}

// errDamaged says what is wrong with the Secret's content, never what it is.
var errDamaged = errors.New("damaged")

// decode reads the Secret's entry; none at all are no keys, and no damage.
func decode(data []byte) ([]key, error) {
	if len(data) == 0 {
		return nil, nil
	}
	var file keyFile
	if json.Unmarshal(data, &file) != nil {
		// The decoder's error may quote what it read.
		return nil, fmt.Errorf("%w: %s is not the JSON that was written there", errDamaged, DataKey)
	}
	if file.Version != 1 {
		return nil, fmt.Errorf("%w: %s is of version %d, and this program knows version 1", errDamaged, DataKey, file.Version)
	}
	if len(file.Keys) > maxKeys {
		return nil, fmt.Errorf("%w: %s holds %d keys, more than %d", errDamaged, DataKey, len(file.Keys), maxKeys)
	}
	keys := make([]key, 0, len(file.Keys))
	seen := make(map[string]bool, len(file.Keys))
	for i, entry := range file.Keys {
		id, err := hex.DecodeString(entry.ID)
		switch {
		case err != nil || len(id) != idLength/2:
			return nil, fmt.Errorf("%w: the id of key %d of %s must be %d hexadecimal digits", errDamaged, i+1, DataKey, idLength)
		case seen[entry.ID]:
			return nil, fmt.Errorf("%w: key %d of %s has the id of an earlier one", errDamaged, i+1, DataKey)
		case len(entry.Secret) != secretLength:
			return nil, fmt.Errorf("%w: key %d of %s must have %d bytes", errDamaged, i+1, DataKey, secretLength)
		case entry.CreatedTime.IsZero():
			return nil, fmt.Errorf("%w: key %d of %s must have a createdTime", errDamaged, i+1, DataKey)
		}
		seen[entry.ID] = true
		keys = append(keys, key{ID: entry.ID, Secret: entry.Secret, Created: entry.CreatedTime})
	}
	order(keys)
	return keys, nil
}

// order puts the oldest first.
func order(keys []key) {
	slices.SortFunc(keys, func(a, b key) int {
		if c := a.Created.Compare(b.Created); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
}

// revokeBefore is the time in the Secret's annotation; zero without one.
func revokeBefore(secret *corev1.Secret) (time.Time, error) {
	value, ok := secret.Annotations[AnnotationRevokeBefore]
	if !ok {
		return time.Time{}, nil
	}
	at, err := time.Parse(time.RFC3339, value)
	if err != nil {
		return time.Time{}, fmt.Errorf("the annotation %s must be an RFC 3339 time, such as 2026-01-31T12:00:00Z; nothing is revoked until it is", AnnotationRevokeBefore)
	}
	return at, nil
}
