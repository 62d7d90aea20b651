// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/internal/sessiontoken"
)

const (
	// withdrawTime bounds how long a login is tried to be withdrawn. One that could not be, and was granted, ends when its client is taken for lost: its grant
	// counts as its first heartbeat.
	withdrawTime = 3 * time.Minute
	// withdrawAtOnceTime bounds how long a caller that is still there waits for that.
	withdrawAtOnceTime = 2 * time.Second
	// withdrawLooks is how often it is looked whether a creation whose outcome is unknown was carried out after all.
	withdrawLooks = 6
	// maxBackground bounds the logins that are withdrawn at a time.
	maxBackground = 1000
)

// withdrawAtOnce withdraws a login that was not decided on in time. If it was decided on at the last moment, and the caller is still there, its session is returned instead.
func (g *Gateway) withdrawAtOnce(ctx context.Context, l *login) *licensing.UserSession {
	if ctx.Err() != nil {
		g.withdrawLater(l)
		return nil
	}
	trying, cancel := context.WithTimeout(ctx, withdrawAtOnceTime)
	defer cancel()
	record, err := g.lookUp(trying, l.session())
	if err == nil && record != nil && record.Status.State == licensing.SessionActive && record.Spec.Termination == nil && l.isOwn(record) && ctx.Err() == nil {
		g.Recorder.Learn(record)
		return record
	}
	g.withdrawLater(l)
	return nil
}

// withdrawLater withdraws a login in the background.
func (g *Gateway) withdrawLater(l *login) {
	session := l.session()
	started := g.background.start(func() {
		ctx, cancel := context.WithTimeout(context.Background(), withdrawTime)
		defer cancel()
		if !g.withdraw(ctx, l) {
			g.Log.Info("A login whose caller went away could not be withdrawn: if it is granted, its seat comes free when its client is taken for lost",
				"namespace", session.Namespace, "session", session.Name)
		}
	})
	if !started {
		g.Log.Info("Too many logins whose callers went away are being withdrawn: if this one is granted, its seat comes free when its client is taken for lost",
			"namespace", session.Namespace, "session", session.Name)
	}
}

func (l *login) session() sessiontoken.Session {
	return sessiontoken.Session{Namespace: l.key.Namespace, Name: l.key.Name, UID: string(l.uid)}
}

// withdraw sees to it that an abandoned login leaves no seat taken. While Pending it is deleted, on the condition that it still is. One that was granted in that moment is ended, unless it has an
// Idempotency-Key: its caller may come back for it, and if nobody does, its client is taken for lost.
func (g *Gateway) withdraw(ctx context.Context, l *login) bool {
	s, keyed, looks := l.session(), l.idempotencyKey != "", 0
	for try := 1; ctx.Err() == nil; try++ {
		if keyed && g.attempts.adopt(l) {
			return true // its caller is back already, and waits for it
		}
		record, err := g.lookUpBriefly(ctx, s)
		switch {
		case err != nil:
		case record == nil && s.UID == "" && looks < withdrawLooks:
			looks++ // its creation may still be under way
		case record == nil, !l.isOwn(record), over(record), record.Spec.Termination != nil:
			return true
		case record.Status.State == licensing.SessionActive && keyed:
			return true
		case record.Status.State == licensing.SessionActive:
			s.UID = string(record.UID)
			return g.end(ctx, s, "The caller went away before it was told of its session.") == nil
		default:
			s.UID = string(record.UID)
			err := g.Client.Delete(ctx, record, client.Preconditions{UID: &record.UID, ResourceVersion: &record.ResourceVersion})
			if err == nil || apierrors.IsNotFound(err) {
				return true
			}
		}
		pause(ctx, try)
	}
	return false
}

func (g *Gateway) lookUpBriefly(ctx context.Context, s sessiontoken.Session) (*licensing.UserSession, error) {
	ctx, cancel := context.WithTimeout(ctx, lookupTime)
	defer cancel()
	return g.lookUp(ctx, s)
}

// attempts are the connections that wait for each session: several may wait under one key.
type attempts struct {
	mu     sync.Mutex
	byName map[types.NamespacedName]*attempt
}

type attempt struct {
	waiting int
	// settled: somebody was told what became of it.
	settled bool
	// made is a login that may have made the session, and left.
	made *login
}

func newAttempts() *attempts { return &attempts{byName: map[types.NamespacedName]*attempt{}} }

func (a *attempts) join(key types.NamespacedName) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.byName[key] == nil {
		a.byName[key] = &attempt{}
	}
	a.byName[key].waiting++
}

// settle notes that somebody is about to be told what became of the login: it must not be withdrawn any more.
func (a *attempts) settle(key types.NamespacedName) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.byName[key].settled = true
}

// leave returns the login to withdraw, if nobody waits for the session any more, nobody was told of it, and it may exist.
func (a *attempts) leave(l *login) *login {
	a.mu.Lock()
	defer a.mu.Unlock()
	t := a.byName[l.key]
	if l.written {
		t.made = l
	}
	if t.waiting--; t.waiting > 0 {
		return nil
	}
	delete(a.byName, l.key)
	if t.settled {
		return nil
	}
	return t.made
}

// adopt leaves a login that is to be withdrawn to those who wait for it again, if there are any: the last of them withdraws it.
func (a *attempts) adopt(l *login) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	t := a.byName[l.key]
	if t == nil {
		return false
	}
	if t.made == nil {
		t.made = l
	}
	return true
}

// background is what goes on after its request was answered.
type background struct {
	group   sync.WaitGroup
	running atomic.Int64
}

// start begins a task, unless there are too many.
func (b *background) start(task func()) bool {
	if b.running.Add(1) > maxBackground {
		b.running.Add(-1)
		return false
	}
	b.group.Go(func() {
		defer b.running.Add(-1)
		task()
	})
	return true
}

// wait waits for all tasks, as long as ctx lasts.
func (b *background) wait(ctx context.Context) {
	done := make(chan struct{})
	go func() {
		b.group.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-ctx.Done():
	}
}
