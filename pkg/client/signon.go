// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/seatkeeper/seatkeeper/pkg/gatewayapi"
)

// SessionOptions are how a session is asked for and whom it tells. The callbacks are called one after the other, never two at once, and may call the session's methods.
type SessionOptions struct {
	// Wait is how long to wait for a seat when the pool is full, up to an hour; 0: a full pool refuses at once.
	Wait time.Duration
	// IdempotencyKey names the login; default: a random one. A caller that keeps its key can sign on again with it, also after a crash, and gets the same session.
	IdempotencyKey string
	// WithoutEvents leaves the stream of events out: the prompt and the end are then learned with the next heartbeat.
	WithoutEvents bool

	// OnPrompt asks the user whether to keep the session, which ends at that time (the gateway's clock) unless Active is called.
	OnPrompt func(timeout time.Time)
	// OnKept says that the prompt was withdrawn.
	OnKept func()
	// OnEnd says once that the session has ended, and why. It is not called after SignOut, Exit or Close.
	OnEnd func(End)
	// OnProblem says that a heartbeat failed, and, with nil, that one got through again. The session goes on meanwhile.
	OnProblem func(error)
}

// SignOn signs a user on and keeps the session alive in the background until it ends, or is signed out or closed. While the gateway is away or busy it tries again, with
// the same Idempotency-Key so that no answer that got lost costs a second seat, until ctx ends; then the error is an *UnavailableError. A refusal is a *gatewayapi.Problem
// (errors.As), its Reason one of gatewayapi's constants. ctx bounds the signing on alone, not the session.
func (c *Client) SignOn(ctx context.Context, namespace, pool string, login Login, o SessionOptions) (*Session, error) {
	key := o.IdempotencyKey
	if key == "" {
		key = rand.Text()
	}
	began := now()
	signedOn := gatewayapi.SignedOn{}
	err := retry(ctx, func(ctx context.Context) error {
		wait := max(0, o.Wait-now().Sub(began)).Round(time.Millisecond)
		ctx, cancel := context.WithTimeout(ctx, wait+requestTimeout)
		defer cancel()
		signedOn = gatewayapi.SignedOn{}
		params := &gatewayapi.SignOnParams{IdempotencyKey: &key, Wait: new(wait.String())}
		err := read(&signedOn, func() (*http.Response, error) { return c.api.SignOn(ctx, namespace, pool, params, login, c.asServer) })
		if err != nil {
			return err
		}
		if signedOn.Token == "" || signedOn.Name == "" || signedOn.HeartbeatIntervalSeconds <= 0 {
			return &unreadable{errors.New("the answer lacks the session's name, token or heartbeat interval")}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	s := newSession(c, signedOn.Token, o)
	s.namespace, s.name, s.uid = signedOn.Namespace, signedOn.Name, signedOn.UID
	s.interval = time.Duration(signedOn.HeartbeatIntervalSeconds) * time.Second
	// Signing on is something that the user did.
	s.lastActive = now()
	s.start(ctx, jittered(s.interval))
	return s, nil
}

// Resume takes up a session again by its token, after a restart of the program, and tells the gateway at once that its client is back. A session that has ended
// meanwhile is an error of type End. The options' Wait and IdempotencyKey are not used. ctx is as with SignOn.
func (c *Client) Resume(ctx context.Context, token string, o SessionOptions) (*Session, error) {
	if token == "" {
		return nil, errors.New("a session's token must be given to resume it")
	}
	s := newSession(c, token, o)
	record, err := s.Record(ctx)
	if err != nil {
		if end, ended := endOf(err); ended {
			return nil, end
		}
		return nil, err
	}
	if record.State != gatewayapi.SessionStateActive {
		end := End{Action: record.TerminationAction, Reason: record.Reason, Message: record.Message}
		if record.TerminatedTime != nil {
			end.Time = *record.TerminatedTime
		}
		if record.State == gatewayapi.SessionStateTerminated || record.State == gatewayapi.SessionStateDenied {
			return nil, end
		}
		return nil, fmt.Errorf("the session must be Active to be resumed; it is %s", record.State)
	}
	s.namespace, s.name, s.uid = record.Namespace, record.Name, record.UID
	s.start(ctx, 0)
	return s, nil
}
