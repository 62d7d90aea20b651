// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

// Package recorder records what an API server tells of pools, accounts, sessions and their Events, from one revision on and without a gap; where there is one all the same, it says so.
package recorder

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic"
	"k8s.io/utils/clock"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/internal/history"
)

const (
	// retryAfter is how soon a watch that broke, or a list that failed, is tried again.
	retryAfter = 250 * time.Millisecond
	// DefaultMark is how often the time is noted down.
	DefaultMark = time.Second
)

// events are the Events about sessions.
var events = schema.GroupVersionResource{Group: "events.k8s.io", Version: "v1", Resource: "events"}

// kinds are what is recorded. The first is listed first and gives the others their revision.
var kinds = []schema.GroupVersionResource{
	licensing.GroupVersion.WithResource("licensepools"),
	licensing.GroupVersion.WithResource("licenseaccounts"),
	licensing.GroupVersion.WithResource("usersessions"),
	events,
}

// Recorder records one history.
type Recorder struct {
	Client dynamic.Interface
	// Namespace is the one that is recorded; empty: all of them.
	Namespace string
	// Write takes each entry, one at a time. Those of one kind come in the order of revisions, those of several as they come: history.Sort puts them in order.
	// An error from it ends the recording.
	Write func(history.Entry) error
	Clock clock.WithTicker
	Log   logr.Logger
	// Mark is how often the time is noted down; 0: DefaultMark.
	Mark time.Duration
	// Ready, if there is one, is called once what there is at the beginning is written down: all changes from then on are recorded.
	Ready func()

	mu         sync.Mutex
	complained map[string]time.Time
}

// errCompacted says that the API server has forgotten the revision that a watch was to go on from.
var errCompacted = errors.New("the API server no longer has the changes from there on")

// Run records until the context ends, and then returns nil; or until the history cannot be written.
func (r *Recorder) Run(ctx context.Context) error {
	missedAfter, why := uint64(0), ""
	for first := true; ; first = false {
		revision, err := r.snapshot(ctx, first, missedAfter, why)
		if err != nil {
			return endOf(ctx, err)
		}
		if first && r.Ready != nil {
			r.Ready()
		}
		missedAfter, err = r.watchAll(ctx, revision)
		if !errors.Is(err, errCompacted) {
			return endOf(ctx, err)
		}
		why = err.Error()
		r.Log.Info("The history has a gap", "after", missedAfter, "why", why)
	}
}

// endOf is the error that a recording ends with: none, if it was to end.
func endOf(ctx context.Context, err error) error {
	if ctx.Err() == nil {
		return err
	}
	return nil
}

// complainEvery is how often the same trouble is worth a line in the log.
const complainEvery = 10 * time.Second

// complain logs trouble that is met again and again until it is over.
func (r *Recorder) complain(what, kind string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.Clock.Now()
	if last, ok := r.complained[what+kind]; ok && now.Sub(last) < complainEvery {
		return
	}
	if r.complained == nil {
		r.complained = map[string]time.Time{}
	}
	r.complained[what+kind] = now
	r.Log.Info(what, "kind", kind, "why", err.Error())
}

func (r *Recorder) write(e history.Entry) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.Write(e)
}

// watchAll follows all kinds from a revision on, until the context ends or the API server has forgotten what comes next; then it returns the revision after which changes were missed.
func (r *Recorder) watchAll(ctx context.Context, revision uint64) (uint64, error) {
	group, ctx := errgroup.WithContext(ctx)
	missed := make(chan uint64, len(kinds))
	for _, kind := range kinds {
		group.Go(func() error {
			last, err := r.follow(ctx, kind, strconv.FormatUint(revision, 10))
			if errors.Is(err, errCompacted) {
				after, _ := strconv.ParseUint(last, 10, 64)
				missed <- after
			}
			return err
		})
	}
	group.Go(func() error { return r.markTime(ctx) })
	err := group.Wait()
	close(missed)
	after := uint64(0)
	for m := range missed {
		if after == 0 || m < after {
			after = m
		}
	}
	return after, err
}

// follow records one kind. A watch that breaks is resumed from the last revision that it told of.
func (r *Recorder) follow(ctx context.Context, kind schema.GroupVersionResource, last string) (string, error) {
	for {
		w, err := r.Client.Resource(kind).Namespace(r.Namespace).Watch(ctx, metav1.ListOptions{ResourceVersion: last, AllowWatchBookmarks: true})
		if err == nil {
			err = r.drain(ctx, w, &last)
			w.Stop()
		}
		switch {
		case ctx.Err() != nil:
			return last, ctx.Err()
		case apierrors.IsResourceExpired(err), apierrors.IsGone(err):
			return last, fmt.Errorf("%s: %w: %w", kind.Resource, errCompacted, err)
		case err != nil && (fatal(err) || errors.Is(err, errUnwritten)):
			return last, fmt.Errorf("watching %s: %w", kind.Resource, err)
		case err != nil:
			r.complain("A watch broke; it goes on from where it was", kind.Resource, err)
		}
		if err := r.wait(ctx); err != nil {
			return last, err
		}
	}
}

// errUnwritten says that an entry could not be written down.
var errUnwritten = errors.New("the history cannot be written")

// drain writes down what a watch tells until it ends, and keeps the revision of the last.
func (r *Recorder) drain(ctx context.Context, w watch.Interface, last *string) error {
	for {
		var e watch.Event
		var open bool
		select {
		case e, open = <-w.ResultChan():
		case <-ctx.Done():
			return ctx.Err()
		}
		if !open {
			return nil
		}
		seen := r.Clock.Now()
		if e.Type == watch.Error {
			return apierrors.FromObject(e.Object)
		}
		u, ok := e.Object.(*unstructured.Unstructured)
		if !ok {
			return fmt.Errorf("the watch told of a %T", e.Object)
		}
		if e.Type != watch.Bookmark {
			object, err := read(u)
			if err != nil {
				return fmt.Errorf("%w: %w", errUnwritten, err)
			}
			if object != nil {
				entry, err := history.Change(history.Type(e.Type), object, seen)
				if err == nil {
					err = r.write(entry)
				}
				if err != nil {
					return fmt.Errorf("%w: %w", errUnwritten, err)
				}
			}
		}
		*last = u.GetResourceVersion()
	}
}

// markTime notes down the time now and then, with a revision that the API server has told since: every later one was made after that time.
func (r *Recorder) markTime(ctx context.Context) error {
	every := r.Mark
	if every == 0 {
		every = DefaultMark
	}
	ticker := r.Clock.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C():
		}
		began := r.Clock.Now()
		list, err := r.Client.Resource(kinds[0]).Namespace(r.Namespace).List(ctx, metav1.ListOptions{Limit: 1})
		if err != nil {
			continue // without the API server there is no revision to mark
		}
		revision, err := strconv.ParseUint(list.GetResourceVersion(), 10, 64)
		if err != nil {
			return err
		}
		if err := r.write(history.Entry{Type: history.Marked, Revision: revision, Seen: began}); err != nil {
			return err
		}
	}
}

// wait waits before something is tried again.
func (r *Recorder) wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-r.Clock.After(retryAfter):
		return nil
	}
}
