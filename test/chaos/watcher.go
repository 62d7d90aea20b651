// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	ctrllog "sigs.k8s.io/controller-runtime/pkg/log"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/internal/history"
	"github.com/seatkeeper/seatkeeper/internal/history/recorder"
)

// hold is how long a change is held before it is checked, so that a mark of the time that comes a little later finds its place before it.
const hold = time.Second

// lag is how late the stream of changes may be, on a machine with far more work than it can do: for so long a mark waits for the changes that it comes after.
const lag = 20 * time.Second

// watcher has every revision of the pools, accounts and sessions: in a file, before the checker, and so that users can compare it with what they were told.
type watcher struct {
	etcd *recorder.Etcd
	find func(string)
	end  context.CancelFunc
	done chan error
	raw  *os.File
	text *bufio.Writer
	file *gzip.Writer

	mu       sync.Mutex
	held     []history.Entry
	told     uint64 // the revision of the last change
	checker  *history.Checker
	findings int
	entries  int
	live     map[types.UID]*licensing.UserSession
	ends     map[types.UID]ending
	pools    map[string]*licensing.LicensePool
	moved    time.Time // when anything last changed that counts depend on
	actions  map[string]int
}

// ending is how a session ended, by its record.
type ending struct {
	pool    string
	action  licensing.TerminationAction
	deleted bool
	// at is when, cut to the second; of a deleted session it is when that was seen.
	at time.Time
}

func watch(dir, etcd string, find func(string)) (*watcher, error) {
	raw, err := os.OpenFile(filepath.Join(dir, "history.jsonl.gz"), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	w := &watcher{
		find: find, done: make(chan error, 1), raw: raw, checker: history.NewChecker(history.Options{}), live: map[types.UID]*licensing.UserSession{},
		ends: map[types.UID]ending{}, pools: map[string]*licensing.LicensePool{}, actions: map[string]int{}, moved: time.Now(),
	}
	w.text = bufio.NewWriter(raw)
	w.file = gzip.NewWriter(w.text)
	ctx, end := context.WithCancel(context.Background())
	w.end = end
	ready := make(chan struct{})
	w.etcd = &recorder.Etcd{URL: etcd, Clock: clock.RealClock{}, Log: ctrllog.Log.WithName("history"), Write: w.take, Ready: func() { close(ready) }}
	go func() {
		err := w.etcd.Run(logr.NewContext(ctx, ctrllog.Log))
		if err != nil {
			find("the history cannot be recorded any more: " + err.Error())
		}
		w.done <- err
	}()
	go w.check(ctx)
	select {
	case <-ready:
		return w, nil
	case err := <-w.done:
		w.done <- err
		return nil, errors.Join(err, w.close())
	}
}

// close ends the recording.
func (w *watcher) close() error {
	w.end()
	err := <-w.done
	w.mu.Lock()
	defer w.mu.Unlock()
	return errors.Join(err, w.file.Close(), w.text.Flush(), w.raw.Close())
}

// take takes in what etcd tells.
func (w *watcher) take(e history.Entry) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.entries++
	w.held = append(w.held, e)
	if e.Type != history.Marked {
		w.told = e.Revision
	}
	switch o := e.Object.(type) {
	case *licensing.UserSession:
		w.takeSession(o, e)
	case *licensing.LicensePool:
		before := w.pools[o.Name]
		if e.Type == history.Deleted {
			delete(w.pools, o.Name)
		} else {
			w.pools[o.Name] = o
		}
		if before == nil || !equality.Semantic.DeepEqual(before.Status, o.Status) || !equality.Semantic.DeepEqual(before.Spec, o.Spec) {
			w.moved = e.Seen
		}
	case *licensing.LicenseAccount:
		w.moved = e.Seen
	}
	return history.Write(w.file, e)
}

func (w *watcher) takeSession(s *licensing.UserSession, e history.Entry) {
	before, known := w.live[s.UID]
	on := s.Status.State == licensing.SessionActive || s.Status.State == licensing.SessionPending || s.Status.State == ""
	if known != on || (known && before.Status.State != s.Status.State) || (known && e.Type == history.Deleted) {
		w.moved = e.Seen
	}
	if on && e.Type != history.Deleted {
		w.live[s.UID] = s
		return
	}
	delete(w.live, s.UID)
	// A login that was withdrawn while it waited had no session yet that could end.
	if _, ended := w.ends[s.UID]; ended || (e.Type == history.Deleted && (!known || before.Status.State != licensing.SessionActive)) {
		return
	}
	switch {
	case e.Type == history.Deleted:
		w.ends[s.UID] = ending{pool: s.Spec.PoolRef.Name, action: licensing.RequestedByAdministrator, deleted: true, at: e.Seen}
		w.actions["deleted"]++
	case s.Status.State == licensing.SessionTerminated:
		end := ending{pool: s.Spec.PoolRef.Name, action: s.Status.TerminationAction, at: e.Seen}
		if s.Status.TerminatedTime != nil {
			end.at = s.Status.TerminatedTime.Time
		}
		w.ends[s.UID] = end
		w.actions[string(end.action)]++
	}
}

// check holds what was recorded against the promises, a moment later.
func (w *watcher) check(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(hold / 4):
			w.checkUntil(time.Now().Add(-hold))
		}
	}
}

func (w *watcher) checkUntil(until time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	history.Sort(w.held)
	n := 0
	for i, e := range w.held {
		if e.Revision > w.told && time.Since(e.Seen) < lag {
			break // a mark, of a revision up to which the stream may still have changes to tell
		}
		if !e.Seen.After(until) {
			n = i + 1
		}
	}
	for _, e := range w.held[:n] {
		if e.Type == history.Marked && e.Revision < w.checker.Revision() {
			continue // it came too late, and the next will do
		}
		if err := w.checker.Feed(e); err != nil {
			w.find("the history cannot be: " + err.Error())
		}
	}
	w.held = slices.Clone(w.held[n:])
	w.tell()
}

// tell passes on what the checker has found.
func (w *watcher) tell() {
	for _, f := range w.checker.Findings()[w.findings:] {
		w.findings++
		w.find(f.String())
	}
}

// upToDate waits until all that was written before the call is recorded.
func (w *watcher) upToDate(ctx context.Context) error {
	revision, err := w.etcd.Revision(ctx)
	if err != nil {
		return err
	}
	for {
		w.mu.Lock()
		// The marks go as far as etcd does, also when nothing of ours was written.
		seen := w.checker.Revision() >= revision
		w.mu.Unlock()
		if seen {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(hold / 4):
		}
	}
}

// settled checks what must hold when all is quiet.
func (w *watcher) settled() {
	w.checkUntil(time.Now())
	w.mu.Lock()
	defer w.mu.Unlock()
	w.checker.Settle()
	w.tell()
}

// quiet is for how long nothing has changed that counts depend on.
func (w *watcher) quiet() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	return time.Since(w.moved)
}

// endOf is how a session ended; false: it has not, as far as is recorded.
func (w *watcher) endOf(uid string) (ending, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	e, ended := w.ends[types.UID(uid)]
	return e, ended
}

// some are sessions that are Active, at random.
func (w *watcher) some(r *rand.Rand, n int, which func(*licensing.UserSession) bool) (some []*licensing.UserSession) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var all []*licensing.UserSession
	for _, s := range w.live {
		if s.Status.State == licensing.SessionActive && (which == nil || which(s)) {
			all = append(all, s)
		}
	}
	for range min(n, len(all)) {
		some = append(some, all[r.IntN(len(all))])
	}
	return some
}

// count is how many sessions are Active, and how many wait.
func (w *watcher) count() (active, waiting int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range w.live {
		if s.Status.State == licensing.SessionActive {
			active++
		} else {
			waiting++
		}
	}
	return active, waiting
}
