// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package grid

import (
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
)

// Filter chooses rows: those that meet each of what it states. Of several values of one kind, one has to fit. The zero Filter chooses all.
type Filter struct {
	// Pools are names, or NAMESPACE/NAME of one pool alone; Modules are names. Both must be met to the letter.
	Pools, Modules []string
	// Users are sign-in names, whole and whatever their case, since sessions are ended by this filter, too: `ann` must not be `joanna`. A * stands for any characters.
	Users []string
	// States are those to show; none: all.
	States []licensing.SessionState
	// IdleOver chooses sessions that are on and whose user has done nothing for longer than that; 0: all.
	IdleOver time.Duration
	// Text must occur, whatever its case, in the user's names, the session's name, the pool, the module or the client's host or address.
	Text string
}

// Live are the states of sessions that have not ended.
func Live() []licensing.SessionState {
	return []licensing.SessionState{licensing.SessionPending, licensing.SessionActive}
}

// Match says whether a row is chosen.
func (f *Filter) Match(r *Row, now time.Time) bool {
	if f.IdleOver > 0 {
		if idle, on := r.Idle(now); !on || idle <= f.IdleOver {
			return false
		}
	}
	return f.MatchFacts(r)
}

// MatchFacts is Match but for how long the user was idle: what it says of a row can only change with the session's state.
func (f *Filter) MatchFacts(r *Row) bool {
	return f.matchPool(r) && holds(f.Modules, r.Module) && holds(f.States, r.State) && f.matchUser(r.User) && f.matchText(r)
}

func holds[T comparable](wanted []T, value T) bool {
	return len(wanted) == 0 || slices.Contains(wanted, value)
}

func (f *Filter) matchPool(r *Row) bool {
	return len(f.Pools) == 0 || slices.ContainsFunc(f.Pools, func(pool string) bool {
		namespace, name := PoolOf(pool)
		return name == r.Pool && (namespace == "" || namespace == r.Namespace)
	})
}

// PoolOf reads what a person calls a pool: NAMESPACE/NAME, or NAME alone with an empty namespace, which is a pool of whatever namespace.
func PoolOf(text string) (namespace, name string) {
	if namespace, name, ok := strings.Cut(text, "/"); ok {
		return namespace, name
	}
	return "", text
}

func (f *Filter) matchUser(user string) bool {
	return len(f.Users) == 0 || slices.ContainsFunc(f.Users, func(pattern string) bool { return like(Fold(user), Fold(pattern)) })
}

func (f *Filter) matchText(r *Row) bool {
	if f.Text == "" {
		return true
	}
	text := Fold(f.Text)
	return slices.ContainsFunc([]string{r.User, r.FullName, r.Name, r.Pool, r.Module, r.ClientIP, r.ClientHost}, func(s string) bool { return strings.Contains(Fold(s), text) })
}

// Fold makes texts equal that differ by case alone.
func Fold(s string) string {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return strings.ToLower(strings.ToUpper(s)) // several small letters may have one large one
		}
	}
	return strings.ToLower(s)
}

// like says whether a text is as a pattern says, in which each * stands for any characters.
func like(text, pattern string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return text == pattern
	}
	rest, ok := strings.CutPrefix(text, parts[0])
	if !ok {
		return false
	}
	last := len(parts) - 1
	for _, part := range parts[1:last] {
		_, after, found := strings.Cut(rest, part)
		if !found {
			return false
		}
		rest = after
	}
	return strings.HasSuffix(rest, parts[last])
}
