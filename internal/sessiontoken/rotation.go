// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package sessiontoken

import (
	"bytes"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

const (
	// signAfter is how long a key is known before it signs, so that every replica can check what it signs.
	signAfter = 30 * time.Second
	// skew is how far the clocks of replicas, and of the API server, may lie apart without a key being dropped too early.
	skew = 15 * time.Minute
	// settled is how old a key is, by its maker's clock, that surely signs elsewhere; a replica that first sees it then signs with it at once.
	settled = 6 * time.Minute
	// dropAfter is how long no live session must have needed a key before it is dropped: for that long, clients of sessions that have ended are still told why.
	dropAfter = time.Hour
)

// known is what a replica knows of the keys.
type known struct {
	// uid is of the Secret that holds all these keys.
	uid  types.UID
	keys []key
	// seen is when this replica, by its own clock, first saw a key.
	seen map[string]time.Time
	// unneeded is since when no live session needs a key.
	unneeded map[string]time.Time
	// revoked is the latest revocation whose time has come.
	revoked time.Time
	signing string
	// upTo is when the Secret was last read well.
	upTo time.Time
}

// unrevoked is what a revocation leaves of keys.
func (n *known) unrevoked(keys []key) []key {
	left := make([]key, 0, len(keys)+1)
	for _, key := range keys {
		if !key.Created.Before(n.revoked) {
			left = append(left, key)
		}
	}
	return left
}

// merged adds the keys in memory that are not among these.
func (n *known) merged(keys []key) []key {
	all := slices.Clone(keys)
	for _, mine := range n.keys {
		if !slices.ContainsFunc(keys, func(k key) bool { return k.ID == mine.ID }) {
			all = append(all, mine)
		}
	}
	order(all)
	return all
}

// next is a new key, not older than the newest nor than a revocation, whatever the clock says.
func (n *known) next(keys []key, now time.Time) key {
	made := newKey()
	made.Created = now.Round(0)
	if made.Created.Before(n.revoked) {
		made.Created = n.revoked
	}
	if len(keys) > 0 && made.Created.Before(keys[len(keys)-1].Created) {
		made.Created = keys[len(keys)-1].Created.Add(time.Nanosecond)
	}
	return made
}

// due says whether a new key is to be made: the newest is old enough by its maker's clock, or has been seen for as long by this replica (so that a key
// made under a clock that was ahead does not sign for ever).
func (n *known) due(keys []key, every time.Duration, now time.Time) bool {
	if len(keys) == 0 {
		return true
	}
	newest := keys[len(keys)-1]
	if now.Sub(newest.Created) >= every {
		return true
	}
	seen, ok := n.seen[newest.ID]
	return ok && now.Sub(seen) >= every
}

// needed is what remains of keys when those are dropped that no live session can hold a token of: every token under a key belongs to a session that was
// signed on before the key's retirement. The one that signs and all after it stay.
func (n *known) needed(keys []key, oldest time.Time, anyKnown bool, now time.Time) []key {
	if n.unneeded == nil {
		n.unneeded = map[string]time.Time{}
	}
	drop := 0
	for i := 0; i+1 < len(keys) && keys[i].ID != n.signing; i++ {
		id, retired := keys[i].ID, keys[i+1].Created.Add(signAfter+skew)
		if !anyKnown || !oldest.After(retired) {
			delete(n.unneeded, id)
			continue
		}
		since, ok := n.unneeded[id]
		if !ok || since.After(now) {
			since = now
			n.unneeded[id] = now
		}
		if drop == i && now.Sub(since) >= dropAfter {
			drop++
		}
	}
	return keys[drop:]
}

// learn takes keys up as those that are valid now, and says whether anything changed.
func (n *known) learn(keys []key, now time.Time) bool {
	late := n.upTo.IsZero() || now.Sub(n.upTo).Abs() >= signAfter
	seen, unneeded := make(map[string]time.Time, len(keys)), map[string]time.Time{}
	for _, key := range keys {
		at, ok := n.seen[key.ID]
		switch {
		case !ok && late && now.Sub(key.Created).Abs() >= settled:
			// Not a new one, but this replica just started, or was cut off.
			at = now.Add(-signAfter)
		case !ok, at.After(now):
			at = now
		}
		seen[key.ID] = at
		if since, ok := n.unneeded[key.ID]; ok {
			unneeded[key.ID] = since
		}
	}
	signing := n.choose(keys, seen, now)
	changed := signing != n.signing || !slices.EqualFunc(keys, n.keys, func(a, b key) bool { return a.ID == b.ID && bytes.Equal(a.Secret, b.Secret) })
	n.keys, n.seen, n.unneeded, n.signing = keys, seen, unneeded, signing
	return changed
}

// choose is the newest key that has been known for long enough, and never one older than that which signs now. Without either, at the start, it is the
// one before the newest, which still signs elsewhere; never one that was retired long ago, which might be dropped under a session that just began.
func (n *known) choose(keys []key, seen map[string]time.Time, now time.Time) string {
	if len(keys) == 0 {
		return ""
	}
	for _, key := range slices.Backward(keys) {
		if key.ID == n.signing || now.Sub(seen[key.ID]) >= signAfter {
			return key.ID
		}
	}
	return keys[max(0, len(keys)-2)].ID
}
