// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/internal/grid"
)

const (
	// shortestPause and longestPause bound how long to wait before a watch that broke is tried again: A8 wants changes shown within ten seconds.
	shortestPause = 250 * time.Millisecond
	longestPause  = 5 * time.Second
	// longestRefusal is how long a refusal is taken for that of an API server that has just started and does not know all permissions yet.
	longestRefusal = 30 * time.Second
)

// follower prints what becomes of sessions. All of them are watched whose facts the API server can select, of whatever state, so that ends are seen with their reasons.
type follower struct {
	*SessionsOptions

	printer sessionPrinter
	models  models
	// known are the sessions that were printed and are still among those asked for.
	known map[types.UID]grid.Row
	pause time.Duration
	// said: it was told that the watch broke, and has not worked since.
	said bool
	// worked: a watch was let begin. refused is since when none has been; zero: none was refused since.
	worked  bool
	refused time.Time
}

// run watches until the context ends, also over breaks: after a short one it goes on where it was, after a long one it lists anew and tells what changed meanwhile.
func (f *follower) run(ctx context.Context, revision string) error {
	for ctx.Err() == nil {
		var err error
		if revision == "" {
			if revision, err = f.relist(ctx); err == nil {
				continue
			}
		} else {
			revision, err = f.watch(ctx, revision)
		}
		switch {
		case (apierrors.IsForbidden(err) || apierrors.IsUnauthorized(err)) && !f.bears(f.Clock.Now()):
			return explain(err, f.selection.subject())
		case errors.Is(err, errIdle):
			f.rest(ctx)
		case err != nil && ctx.Err() == nil:
			f.say(err)
			f.rest(ctx)
		}
	}
	return nil
}

// bears says whether a refusal may pass by itself: what was allowed before may be so again once the API server has come up.
func (f *follower) bears(now time.Time) bool {
	if f.refused.IsZero() {
		f.refused = now
	}
	return f.worked && now.Sub(f.refused) < longestRefusal
}

// errIdle is that a watch ended that told nothing: the API server ends each after minutes, and somebody between may end them at once.
var errIdle = errors.New("the watch ended without news")

// say says once that the watch broke.
func (f *follower) say(err error) {
	if !f.said {
		fmt.Fprintf(f.Streams.ErrOut, "The watch broke and is tried again until it works: %v\n", err)
		f.said = true
	}
}

// rest waits a while, longer each time.
func (f *follower) rest(ctx context.Context) {
	f.pause = min(longestPause, max(shortestPause, 2*f.pause))
	timer := time.NewTimer(f.pause/2 + rand.N(f.pause/2)) //nolint:gosec // many who watch must not come back at once; that is no secret
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

func (f *follower) works() { f.said, f.pause = false, 0 }

// watch prints what happens after a revision until the watch ends, and returns the revision up to which it saw all; empty: that is too old, and all must be listed.
func (f *follower) watch(ctx context.Context, revision string) (string, error) {
	options := f.selection.options(false)
	options.Raw = &metav1.ListOptions{ResourceVersion: revision, AllowWatchBookmarks: true}
	w, err := f.client.Watch(ctx, &licensing.UserSessionList{}, options)
	if err != nil {
		if tooOld(err) {
			return "", nil
		}
		return revision, err
	}
	defer w.Stop()
	f.worked, f.refused = true, time.Time{}
	before := revision
	for event := range w.ResultChan() {
		if event.Type == watch.Error {
			err := apierrors.FromObject(event.Object)
			if tooOld(err) {
				return "", nil
			}
			return revision, err
		}
		s, ok := event.Object.(*licensing.UserSession)
		if !ok {
			continue
		}
		seen := revision
		revision = s.ResourceVersion
		f.works()
		if event.Type == watch.Bookmark {
			continue
		}
		see := f.see
		if event.Type == watch.Deleted && f.selection.labelText+f.selection.fieldText != "" {
			// What the API server selects no more it tells as if it were deleted, and as it was before.
			now := &licensing.UserSession{}
			switch err := f.client.Get(ctx, client.ObjectKeyFromObject(s), now); {
			case err == nil && now.UID == s.UID:
				s, see = now, f.leave
			case apierrors.IsForbidden(err):
				see = f.leave // how it stands may not be known
			case client.IgnoreNotFound(err) != nil:
				return seen, err // it is told once that can be asked
			}
		}
		if err := see(s, event.Type == watch.Deleted); err != nil {
			return revision, err
		}
		if err := f.printer.flush(); err != nil {
			return revision, err
		}
	}
	if revision == before {
		return revision, errIdle
	}
	return revision, nil
}

func tooOld(err error) bool { return apierrors.IsResourceExpired(err) || apierrors.IsGone(err) }

// see takes in a session as it is now, or as it was last before it was deleted.
func (f *follower) see(s *licensing.UserSession, deleted bool) error {
	row := grid.NewRow(s, f.models.combined(s))
	before, was := f.known[row.UID]
	if was && !deleted && !newer(&row, &before) {
		return nil
	}
	it := &item{row: row, session: s}
	switch is := f.selection.filter.MatchFacts(&row) && !deleted; {
	case is && !was:
		f.known[row.UID] = row
		return f.printer.add(it, eventStarted)
	case is:
		f.known[row.UID] = row
		if alike(&row, &before) {
			return nil
		}
		if row.Ending && !before.Ending {
			return f.printer.add(it, eventEnding)
		}
		return f.printer.add(it, eventChanged)
	case !was:
		return nil
	}
	delete(f.known, row.UID)
	switch {
	case !before.Live():
		return f.printer.add(it, eventCleared)
	case deleted && row.Live():
		it.row.Reason = string(licensing.RequestedByAdministrator) // who deletes a live session ends it (C8)
		return f.printer.add(it, eventEnded)
	case !row.Live():
		return f.printer.add(it, eventEnded)
	default:
		return f.printer.add(it, eventLeft)
	}
}

// leave takes in a session that is there, and that the API server selects no more.
func (f *follower) leave(s *licensing.UserSession, _ bool) error {
	row := grid.NewRow(s, f.models.combined(s))
	before, was := f.known[row.UID]
	if !was {
		return nil
	}
	delete(f.known, row.UID)
	if before.Live() && !row.Live() {
		return f.printer.add(&item{row: row, session: s}, eventEnded)
	}
	return f.printer.add(&item{row: row, session: s}, eventLeft)
}

// newer says whether a row is of a later revision than another.
func newer(row, other *grid.Row) bool {
	order, err := resourceversion.CompareResourceVersion(row.ResourceVersion, other.ResourceVersion)
	return err != nil || order > 0
}

// alike says whether nothing changed that is worth a line: that somebody did something is not.
func alike(a, b *grid.Row) bool {
	keeps := func(r *grid.Row) bool { return r.KeepAlive == nil || *r.KeepAlive }
	return a.State == b.State && a.Seat == b.Seat && a.Reason == b.Reason && a.UnsavedWork == b.UnsavedWork && a.Ending == b.Ending && keeps(a) == keeps(b)
}

// relist looks at all sessions anew and prints what changed while nobody watched.
func (f *follower) relist(ctx context.Context) (string, error) {
	there := map[types.UID]bool{}
	options := f.selection
	options.filter.States = nil // those that ended meanwhile are to be told with their reasons
	revision, err := options.pages(ctx, f.client, func(page []licensing.UserSession) error {
		for i := range page {
			there[page[i].UID] = true
			if err := f.see(&page[i], false); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	f.works()
	for uid, row := range f.known {
		if there[uid] {
			continue
		}
		delete(f.known, uid)
		event := eventEnded
		if !row.Live() {
			event = eventCleared
		}
		row.Reason = "Gone" // its record went while nobody watched, and with it how it ended
		if err := f.printer.add(&item{row: row, session: stub(&row)}, event); err != nil {
			return "", err
		}
	}
	return revision, f.printer.flush()
}

// stub is what is known of a session whose record is gone.
func stub(row *grid.Row) *licensing.UserSession {
	s := &licensing.UserSession{}
	s.Namespace, s.Name, s.UID = row.Namespace, row.Name, row.UID
	s.Spec.PoolRef.Name, s.Spec.UserName, s.Spec.Module = row.Pool, row.User, licensing.ModuleName(row.Module)
	return s
}
