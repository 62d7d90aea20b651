// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package console

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/internal/grid"
)

// kind is one of the two that are followed.
type kind int

const (
	kindPools kind = iota
	kindSessions
)

// kinds is how many there are.
const kinds = 2

// listing is what there is of either kind. Of sessions it keeps rows alone: many thousands of whole objects would take ten times the memory.
type listing struct {
	pools map[types.NamespacedName]*licensing.LicensePool
	rows  map[types.NamespacedName]*grid.Row
}

func newListing() listing {
	return listing{pools: map[types.NamespacedName]*licensing.LicensePool{}, rows: map[types.NamespacedName]*grid.Row{}}
}

// set takes in an object.
func (l *listing) set(object client.Object) {
	key := client.ObjectKeyFromObject(object)
	switch o := object.(type) {
	case *licensing.LicensePool:
		l.pools[key] = o
	case *licensing.UserSession:
		// Whether the pool is combined is seen when the row is shown.
		l.rows[key] = new(grid.NewRow(o, false))
	}
}

// board is what the console knows of the cluster.
type board struct {
	mu sync.Mutex
	listing

	states [kinds]state
	// changed is closed, and replaced, when something does.
	changed chan struct{}
}

// state is how well one kind is known.
type state struct {
	// version grows with each change.
	version uint64
	// known: it was listed, and the person may see it.
	known bool
	// reading is how many were read so far while the first list is under way; 0: it is done, or has not begun.
	reading int
	// err is why it is not known, or why what is known may be old, and since when.
	err   error
	since time.Time
}

func newBoard() *board {
	return &board{listing: newListing(), changed: make(chan struct{})}
}

// touch says that a kind changed. The lock is held.
func (b *board) touch(k kind) {
	b.states[k].version++
	close(b.changed)
	b.changed = make(chan struct{})
}

// replace puts a whole list in the place of what was known.
func (b *board) replace(k kind, whole listing) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch k {
	case kindPools:
		b.pools = whole.pools
	case kindSessions:
		for key, row := range whole.rows {
			keep(row, b.rows[key])
		}
		b.rows = whole.rows
	}
	b.states[k] = state{version: b.states[k].version, known: true}
	b.touch(k)
}

// again begins to read a first list once more, after one that broke off.
func (b *board) again(k kind) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if s := &b.states[k]; s.reading > 0 {
		b.empty(k)
		s.known, s.reading = false, 0
	}
}

// grow takes in a part of the first list, so that a person need not wait for the last of many thousands.
func (b *board) grow(k kind, objects []client.Object) {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := &b.states[k]
	if s.known && s.reading == 0 {
		return // there was a list before, and it is whole
	}
	for _, object := range objects {
		b.take(object)
	}
	s.known = true
	s.reading += len(objects)
	b.touch(k)
}

func (b *board) empty(k kind) {
	switch k {
	case kindPools:
		b.pools = newListing().pools
	case kindSessions:
		b.rows = newListing().rows
	}
}

// take takes in an object.
func (b *board) take(object client.Object) {
	key := client.ObjectKeyFromObject(object)
	before := b.rows[key]
	b.set(object)
	if _, ok := object.(*licensing.UserSession); ok {
		keep(b.rows[key], before)
	}
}

// keep keeps what a gateway told of a session that is on until its record says more; before is what was known, or nil.
func keep(row, before *grid.Row) {
	if before != nil && before.UID == row.UID && row.State == licensing.SessionActive && before.LastActivity.After(row.LastActivity) {
		row.LastActivity = before.LastActivity
	}
}

func (b *board) put(k kind, object client.Object) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.take(object)
	b.states[k].err = nil
	b.touch(k)
}

func (b *board) remove(k kind, object client.Object) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch k {
	case kindPools:
		delete(b.pools, client.ObjectKeyFromObject(object))
	case kindSessions:
		delete(b.rows, client.ObjectKeyFromObject(object))
	}
	b.touch(k)
}

// fail keeps what is known, and that it may be old.
func (b *board) fail(k kind, err error, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := &b.states[k]
	if s.err == nil {
		s.since = now
	} else if s.err.Error() == err.Error() {
		return // nothing new to tell
	}
	s.err = err
	b.touch(k)
}

// well says that what is known is up to date after all: the API server answers, and the watch never broke.
func (b *board) well(k kind) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if s := &b.states[k]; s.known && s.err != nil {
		s.err = nil
		b.touch(k)
	}
}

// forget drops what is known, since the person may not see it.
func (b *board) forget(k kind, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if s := &b.states[k]; s.known || s.err == nil || !apierrors.IsForbidden(s.err) {
		b.empty(k)
		*s = state{version: s.version, err: err}
		b.touch(k)
	}
}

// fresh takes in what gateways know of sessions.
func (b *board) fresh(known map[types.UID]grid.Fresh) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for key, row := range b.rows {
		if f, ok := known[row.UID]; ok {
			// Rows that were handed out stay as they are.
			updated := *row
			updated.Refresh(f)
			b.rows[key] = &updated
		}
	}
	b.touch(kindSessions)
}

// state is how well a kind is known.
func (b *board) state(k kind) state {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.states[k]
}

// versions are those of all kinds, with the channel that is closed when one of them changes.
func (b *board) versions() ([kinds]uint64, <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var versions [kinds]uint64
	for k := range b.states {
		versions[k] = b.states[k].version
	}
	return versions, b.changed
}

// poolList is the pools by namespace and name. They may not be changed.
func (b *board) poolList() []*licensing.LicensePool {
	b.mu.Lock()
	defer b.mu.Unlock()
	keys := slices.SortedFunc(maps.Keys(b.pools), compareKeys)
	list := make([]*licensing.LicensePool, len(keys))
	for i, key := range keys {
		list[i] = b.pools[key]
	}
	return list
}

// rowList is the sessions that a filter chooses, in no order, and the modules of all. The rows may not be changed.
func (b *board) rowList(filter *grid.Filter, now time.Time) (rows []*grid.Row, modules []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	seen := map[string]bool{}
	for _, row := range b.rows {
		seen[row.Module] = true
		if filter.Match(row, now) {
			rows = append(rows, row)
		}
	}
	return rows, slices.Sorted(maps.Keys(seen))
}

// name is that of the session with a unique id; empty: it is not known.
func (b *board) name(uid types.UID) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	for key, row := range b.rows {
		if row.UID == uid {
			return key.Name
		}
	}
	return ""
}

// combined says whether a session's pool has both models, so that its seat tells something (A7).
func (b *board) combined(row *grid.Row) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	pool := b.pools[types.NamespacedName{Namespace: row.Namespace, Name: row.Pool}]
	return pool != nil && pool.Spec.Named != nil && pool.Spec.Concurrent != nil
}

func compareKeys(a, b types.NamespacedName) int {
	return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
}
