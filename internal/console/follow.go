// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package console

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
)

const (
	// pageSize is how many objects one list request asks for.
	pageSize = 500
	// listAgain is the least pause before a list or a watch that failed is tried again, and half of the longest: A8 gives ten seconds.
	listAgain = time.Second
	// askAgain is how often the permission to see is looked at: an open watch outlives the permission that it began with.
	askAgain = 15 * time.Second
)

// follower keeps what the console knows of one kind up to date.
type follower struct {
	console  *Console
	kind     kind
	resource string
	list     func() client.ObjectList
}

// follow begins to follow the cluster. The channel is closed when all of it has ended, with the context.
func (c *Console) follow(ctx context.Context) <-chan struct{} {
	var all sync.WaitGroup
	for _, f := range []*follower{
		{c, kindPools, "licensepools", func() client.ObjectList { return &licensing.LicensePoolList{} }},
		{c, kindSessions, "usersessions", func() client.ObjectList { return &licensing.UserSessionList{} }},
	} {
		all.Go(func() { f.run(ctx) })
	}
	done := make(chan struct{})
	go func() {
		all.Wait()
		close(done)
	}()
	return done
}

func (f *follower) run(ctx context.Context) {
	for ctx.Err() == nil {
		pause := listAgain + rand.N(listAgain) //nolint:gosec // spread, not secret
		err := f.permitted(ctx)
		forbidden := apierrors.IsForbidden(err)
		if err == nil {
			err = f.session(ctx)
		}
		switch {
		case ctx.Err() != nil:
			return
		case err == nil: // what is known stays as it is until it is listed anew
		case forbidden:
			f.console.board.forget(f.kind, err)
			pause = accessAge
		default:
			f.console.board.fail(f.kind, err, f.console.options.Clock.Now())
		}
		f.rest(ctx, pause)
	}
}

func (f *follower) rest(ctx context.Context, pause time.Duration) {
	select {
	case <-ctx.Done():
	case <-f.console.options.Clock.After(pause):
	}
}

// permitted is nil if the person may list and watch; a Forbidden error if not; another if the API server could not be asked, in which case what is known stays.
func (f *follower) permitted(ctx context.Context) error {
	for _, verb := range []string{"list", "watch"} {
		allowed, err := f.console.access.may(ctx, act{verb, f.resource, f.console.options.Namespace})
		if err != nil {
			return err
		}
		if !allowed {
			return apierrors.NewForbidden(licensing.GroupVersion.WithResource(f.resource).GroupResource(), "", fmt.Errorf("the API server lets you not %s them", verb))
		}
	}
	return nil
}

// session lists, then watches until that breaks or the permission is gone (nil: look again).
func (f *follower) session(ctx context.Context) error {
	revision, err := f.listAll(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go f.watchPermission(ctx, cancel)
	for {
		before := revision
		revision, err = f.watch(ctx, revision)
		switch {
		case ctx.Err() != nil:
			return nil
		case apierrors.IsResourceExpired(err), apierrors.IsGone(err):
			return nil
		case err != nil:
			return err
		case revision == before: // it ended without news: somebody between may end each at once
			f.rest(ctx, listAgain+rand.N(listAgain)) //nolint:gosec // spread, not secret
		}
	}
}

// watchPermission ends the watch when the person may no longer see what it shows. A watch that is silent looks like one in which nothing happens: that the API server does not answer is seen here first.
func (f *follower) watchPermission(ctx context.Context, cancel context.CancelFunc) {
	ticker := f.console.options.Clock.NewTicker(askAgain)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C():
		}
		switch err := f.permitted(ctx); {
		case ctx.Err() != nil:
			return
		case apierrors.IsForbidden(err):
			cancel()
			return
		case err != nil:
			f.console.board.fail(f.kind, err, f.console.options.Clock.Now())
		default:
			f.console.board.well(f.kind)
		}
	}
}

// listAll reads all objects in pages and puts them in the place of those that were known.
func (f *follower) listAll(ctx context.Context) (revision string, err error) {
	whole := newListing()
	var next string
	f.console.board.again(f.kind)
	for {
		list := f.list()
		options := []client.ListOption{client.InNamespace(f.console.options.Namespace), client.Limit(pageSize), client.Continue(next)}
		if err := f.listPage(ctx, list, options); err != nil {
			return "", err
		}
		var page []client.Object
		err := meta.EachListItem(list, func(o runtime.Object) error {
			page = append(page, o.(client.Object))
			whole.set(o.(client.Object))
			return nil
		})
		if err != nil {
			return "", err
		}
		if next = list.GetContinue(); next == "" {
			f.console.board.replace(f.kind, whole)
			return list.GetResourceVersion(), nil
		}
		f.console.board.grow(f.kind, page)
	}
}

// listPage reads one page, in bounded time: an API server that takes requests and does not answer must not keep the console from asking again.
func (f *follower) listPage(ctx context.Context, list client.ObjectList, options []client.ListOption) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	return f.console.options.API.List(ctx, list, options...)
}

// watch follows from a revision on and returns the last that it saw; a nil error means that the API server closed the watch in order, as it does now and then.
func (f *follower) watch(ctx context.Context, revision string) (string, error) {
	w, err := f.console.options.API.Watch(ctx, f.list(), client.InNamespace(f.console.options.Namespace),
		&client.ListOptions{Raw: &metav1.ListOptions{ResourceVersion: revision, AllowWatchBookmarks: true}})
	if err != nil {
		return revision, err
	}
	defer w.Stop()
	for event := range w.ResultChan() {
		if event.Type == watch.Error {
			return revision, apierrors.FromObject(event.Object)
		}
		object, ok := event.Object.(client.Object)
		if !ok {
			return revision, fmt.Errorf("the watch must send objects: it sent %T", event.Object)
		}
		revision = object.GetResourceVersion()
		switch event.Type {
		case watch.Deleted:
			f.console.board.remove(f.kind, object)
		case watch.Bookmark, watch.Error:
		case watch.Added, watch.Modified:
			f.console.board.put(f.kind, object)
		}
	}
	return revision, nil
}
