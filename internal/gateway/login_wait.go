// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"context"
	"errors"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	utilnet "k8s.io/apimachinery/pkg/util/net"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/internal/facts"
	"github.com/seatkeeper/seatkeeper/internal/sessiontoken"
	"github.com/seatkeeper/seatkeeper/pkg/gatewayapi"
)

const (
	// createTime bounds one try to create a session, createTries how many there are.
	createTime  = 5 * time.Second
	createTries = 5
)

// Why a login is no longer waited for.
var (
	errNoDecision = errors.New("no decision in time")
	errStopping   = errors.New("this replica is stopping")
)

// signOn creates the login's session, or finds the one that its key made, and waits until the leader has decided on it.
func (g *Gateway) signOn(ctx context.Context, l *login) (*licensing.UserSession, *problem) {
	ctx, release := context.WithTimeoutCause(ctx, g.Limits.Decision+l.wait, errNoDecision)
	defer release()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(g.stopping, func() { cancel(errStopping) })()

	for try := 1; ; try++ {
		s, p := g.createOrFind(ctx, l, try == 1)
		if p != nil {
			return nil, p
		}
		if s == nil { // one that was made with this key is just going; then another can be made
			if pause(ctx, try); ctx.Err() != nil {
				return nil, notDecided(ctx)
			}
			continue
		}
		l.uid, l.written = s.UID, true
		if s, p = g.await(ctx, s); s != nil {
			l.settled = true
		}
		if p != nil {
			return nil, p
		}
		if s != nil {
			return s, nil
		}
		// It was withdrawn, by another connection under the same key that went away.
		if l.idempotencyKey == "" {
			return nil, sessionGone()
		}
		l.uid, l.written, l.created = "", false, false
	}
}

// createOrFind is the login's session as it was just created, or as it already is; nil: wait a moment.
func (g *Gateway) createOrFind(ctx context.Context, l *login, first bool) (*licensing.UserSession, *problem) {
	if first || l.idempotencyKey != "" {
		denial, verdict := g.view.refuse(l.pool, l.facts(), g.Clock.Now())
		if l.idempotencyKey != "" && (verdict == deny || g.isCached(ctx, l)) {
			if s, p := g.find(ctx, l); s != nil || p != nil {
				return s, p
			}
		}
		switch verdict {
		case deny:
			if g.Denials != nil {
				g.Denials.Denied(l.pool.String(), l.spec.UserName, string(denial.Reason), g.Clock.Now())
			}
			denialsTotal.WithLabelValues(l.pool.Namespace, l.pool.Name, string(denial.Reason)).Inc()
			return nil, refused(string(denial.Reason), "%s", denial.Message)
		case poolUnknown:
			if _, p := g.findPool(ctx, l.pool); p != nil {
				return nil, p
			}
		case undecided:
		}
	}
	return g.create(ctx, l)
}

// isCached says whether the watch shows a session of the login's name. If it shows none, though there is one, its creation will tell.
func (g *Gateway) isCached(ctx context.Context, l *login) bool {
	return g.Cache != nil && g.Cache.Get(ctx, l.key, &licensing.UserSession{}) == nil
}

// find reads the session of the login's name from the API server itself; nil: there is none, or it is just going.
func (g *Gateway) find(ctx context.Context, l *login) (*licensing.UserSession, *problem) {
	looking, cancel := context.WithTimeout(ctx, lookupTime)
	defer cancel()
	s, err := g.lookUp(looking, sessiontoken.Session{Namespace: l.key.Namespace, Name: l.key.Name})
	switch {
	case err != nil && ctx.Err() != nil:
		return nil, notDecided(ctx)
	case err != nil:
		return nil, apiAway()
	case s == nil:
		return nil, nil
	case !l.isOwn(s):
		return nil, refused(gatewayapi.ReasonIdempotencyKeyReused, "This Idempotency-Key was used for a login with other facts; a new login must have a new key.")
	case !s.DeletionTimestamp.IsZero():
		return nil, nil
	}
	return s, nil
}

// create creates the session. A try whose outcome is unknown is repeated under the same name, and finds what the first one made.
func (g *Gateway) create(ctx context.Context, l *login) (*licensing.UserSession, *problem) {
	for try := 1; ; try++ {
		s := l.object(g.Replica)
		creating, cancel := context.WithTimeout(ctx, createTime)
		err := g.Client.Create(creating, s)
		cancel()
		switch {
		case err == nil:
			l.created = true
			return s, nil
		case apierrors.IsAlreadyExists(err):
			l.created = l.created || l.written // by the try before
			return g.find(ctx, l)
		case isAnswer(err):
			if l.idempotencyKey != "" && apierrors.IsForbidden(err) { // a quota is looked at before the name is: the session may be there
				if s, p := g.find(ctx, l); s != nil || p != nil {
					return s, p
				}
			}
			return nil, createProblem(err, l)
		case !utilnet.IsConnectionRefused(err):
			l.written = true // perhaps
		}
		if ctx.Err() != nil {
			return nil, notDecided(ctx)
		}
		if try == createTries {
			g.Log.Info("A login could not be recorded", "namespace", l.pool.Namespace, "pool", l.pool.Name, "error", err.Error())
			return nil, apiAway()
		}
		pause(ctx, try)
	}
}

// await waits until the session is decided on; nil: it was deleted before it was.
func (g *Gateway) await(ctx context.Context, s *licensing.UserSession) (*licensing.UserSession, *problem) {
	g.Recorder.Learn(s)
	changes, leave := g.Recorder.Subscribe(s.UID)
	defer leave()
	for {
		known, ok := g.Recorder.Session(s.UID)
		if !ok || known.Record == nil {
			return nil, nil
		}
		if decided, p := decision(known.Record); decided {
			return known.Record, p
		}
		select {
		case <-changes:
		case <-ctx.Done():
			return nil, notDecided(ctx)
		}
	}
}

// decision is what a session's record says of its login. One that is on, but whose end was asked for, is waited for until it has ended.
func decision(s *licensing.UserSession) (bool, *problem) {
	switch s.Status.State {
	case licensing.SessionActive:
		return s.Spec.Termination == nil, nil
	case licensing.SessionDenied:
		reason := licensing.ReasonSeatsExhausted
		if granted := meta.FindStatusCondition(s.Status.Conditions, licensing.ConditionGranted); granted != nil {
			reason = granted.Reason
		}
		return true, refused(reason, "%s", s.Status.Message)
	case licensing.SessionTerminated:
		return true, &problem{Problem: gatewayapi.NewEnded(gatewayapi.TerminationAction(s.Status.TerminationAction), s.Status.Message, facts.Time(s.Status.TerminatedTime).UTC())}
	default:
		return false, nil
	}
}

// over says whether the session has ended, or was denied.
func over(s *licensing.UserSession) bool {
	return s.Status.State == licensing.SessionTerminated || s.Status.State == licensing.SessionDenied
}

// notDecided is the answer of a login that is no longer waited for.
func notDecided(ctx context.Context) *problem {
	if errors.Is(context.Cause(ctx), errStopping) {
		return stopping()
	}
	return unavailable(2*time.Second, "No replica granted or denied a seat in time.")
}

// pause waits a little, longer with each try, up to a second.
func pause(ctx context.Context, try int) {
	timer := time.NewTimer(min(time.Second, 50*time.Millisecond<<min(try, 6)))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
