// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"context"
	stdjson "encoding/json"
	"net/http"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/internal/activity"
	"github.com/seatkeeper/seatkeeper/internal/facts"
	"github.com/seatkeeper/seatkeeper/internal/sessiontoken"
	"github.com/seatkeeper/seatkeeper/pkg/gatewayapi"
)

// GetSession answers with the session's own record, and the freshest that this replica knows of it.
func (g calls) GetSession(w http.ResponseWriter, r *http.Request) {
	c := callOf(w, opSession)
	s, p := g.session(r)
	if p != nil {
		c.refuse(p)
		return
	}
	known, p := g.known(r.Context(), s)
	switch {
	case p != nil:
		c.refuse(p)
	case known.Record == nil:
		c.refuse(ended(known.Ended))
	default:
		c.sendJSON(recordOf(&known))
	}
}

// known is what is known of a session, after a live look if need be. Its Record or its Ended is not nil.
func (g *Gateway) known(ctx context.Context, s sessiontoken.Session) (activity.Snapshot, *problem) {
	known, ok := g.Recorder.Session(types.UID(s.UID))
	if !ok {
		if p := g.learn(ctx, s); p != nil {
			return known, p
		}
		known, _ = g.Recorder.Session(types.UID(s.UID))
	} else if known.Ended == nil && known.Record != nil && g.learnGrant(ctx, s, known.Record.Status.State) {
		known, _ = g.Recorder.Session(types.UID(s.UID))
	}
	if known.Record == nil && known.Ended == nil {
		return known, sessionGone()
	}
	return known, nil
}

// recordOf is a session's record as its client sees it.
func recordOf(known *activity.Snapshot) *gatewayapi.Session {
	s := known.Record
	spec, status := &s.Spec, &s.Status
	record := &gatewayapi.Session{
		Namespace: s.Namespace, Name: s.Name, UID: string(s.UID), PoolRef: gatewayapi.PoolReference{Name: spec.PoolRef.Name},
		CreationTimestamp: s.CreationTimestamp.UTC(), Current: true,
		UserName: spec.UserName, UserFullName: spec.UserFullName, Module: string(spec.Module), Type: gatewayapi.SessionType(spec.Type),
		Applications: known.Applications, SessionAttributes: map[string]string{}, SessionAttributeCount: int32(min(len(known.SessionAttributes), 64)),
		CreatedBy: spec.CreatedBy, InstanceName: spec.InstanceName, SingleSignOn: spec.SingleSignOn, SystemLogin: spec.SystemLogin,
		State: gatewayapi.SessionState(status.State), Seat: gatewayapi.SeatType(status.Seat), Connection: status.Connection,
		LogonTime: timeOf(status.LogonTime), UnsavedWork: known.UnsavedWork, WaitUntilTime: timeOf(status.WaitUntilTime), TerminatedTime: timeOf(status.TerminatedTime),
		TerminationAction: gatewayapi.TerminationAction(status.TerminationAction), Message: status.Message,
	}
	if record.State == "" {
		record.State = gatewayapi.SessionState(licensing.SessionPending)
	}
	if record.TerminationAction == "" {
		record.TerminationAction = gatewayapi.TerminationAction(licensing.NotTerminated)
	}
	for name, value := range known.SessionAttributes {
		record.SessionAttributes[name] = string(value)
	}
	if extra := []byte(spec.ExtraAttributes); len(extra) > 0 && stdjson.Valid(extra) { // it may have been written by kubectl, and be no JSON
		record.ExtraAttributes = extra
	}
	if client := spec.Client; client != nil {
		record.Client = &gatewayapi.Client{HostName: client.HostName, IP: client.IP, UserName: client.UserName,
			Mode: gatewayapi.ClientMode(client.Mode), UserAgent: client.UserAgent}
	}
	if granted := meta.FindStatusCondition(status.Conditions, licensing.ConditionGranted); granted != nil {
		record.Reason = granted.Reason
	}
	record.LastActivityTime, record.LastHeartbeatTime = timeOrNone(known.LastActivity), timeOrNone(known.LastHeartbeat)
	if logon := facts.Time(status.LogonTime); !logon.IsZero() && !known.LastActivity.Before(logon) {
		record.DurationSeconds = new(int64(known.LastActivity.Sub(logon) / time.Second))
	}
	if status.State == licensing.SessionActive {
		record.TimeoutTime, record.KeepAlive, record.Prompt = timeOrNone(known.Outlook.Timeout), new(known.Outlook.KeepAlive), known.Outlook.Prompt
	}
	return record
}

func timeOf(t *metav1.Time) *time.Time { return timeOrNone(facts.Time(t)) }

// SignOut ends the session. One that has ended is signed out, too.
func (g calls) SignOut(w http.ResponseWriter, r *http.Request) {
	c := callOf(w, opSignOut)
	s, p := g.session(r)
	if p == nil {
		p = g.end(r.Context(), s, "")
	}
	if p != nil {
		c.refuse(p)
		return
	}
	c.noContent()
}

// ExitSession takes in that the session's client was closed: the pool says whether that ends it (B6).
func (g calls) ExitSession(w http.ResponseWriter, r *http.Request) {
	c := callOf(w, opExit)
	token, inHeader := bearer(r)
	if _, stated := r.Header["Authorization"]; stated && !inHeader {
		c.refuse(unauthenticated())
		return
	}
	body, p := c.read(r, maxExit, "application/json", "text/plain")
	if p == nil && len(body) > 0 {
		var stated gatewayapi.ExitRequest
		if p = decode(body, &stated); p == nil && !inHeader {
			token = stated.Token
		}
	}
	if p == nil && token == "" {
		p = unauthenticated()
	}
	var s sessiontoken.Session
	if p == nil {
		s, p = g.sessionOf(r, token)
	}
	if p == nil {
		p = g.exit(r.Context(), s)
	}
	if p != nil {
		c.refuse(p)
		return
	}
	c.noContent()
}

func (g *Gateway) exit(ctx context.Context, s sessiontoken.Session) *problem {
	known, p := g.known(ctx, s)
	if p != nil {
		if p.Reason == gatewayapi.ReasonSessionGone {
			return nil
		}
		return p
	}
	if known.Ended != nil {
		return nil
	}
	pool := g.view.pool(poolOf(known.Record))
	if pool == nil || pool.Spec.Sessions == nil || pool.Spec.Sessions.OnClientExit != licensing.ExitEndSession {
		return nil
	}
	return g.end(ctx, s, "The user closed the client.")
}

// endTime bounds how long the API server may take to be asked for a session's end, endTries how often it is.
const (
	endTime  = 5 * time.Second
	endTries = 5
)

// end asks for a session's end in the name of its user. A session that has ended, or is gone, or whose end was asked for already, needs no more.
func (g *Gateway) end(ctx context.Context, s sessiontoken.Session, message string) *problem {
	known, ok := g.Recorder.Session(types.UID(s.UID))
	if ok && (known.Ended != nil || known.Record == nil || known.Record.Spec.Termination != nil) {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, endTime)
	defer cancel()
	for try := 1; ; try++ {
		err := g.requestEnd(ctx, s, message)
		switch {
		case err == nil, apierrors.IsNotFound(err):
			return nil
		case apierrors.IsInvalid(err), apierrors.IsConflict(err): // somebody asked for its end in other words, a policy refuses it, others wrote it at the same time, or its name is another session's by now
			if record, err := g.lookUp(ctx, s); err == nil && (record == nil || record.Spec.Termination != nil || over(record)) {
				return nil
			}
		}
		if try == endTries || ctx.Err() != nil {
			g.Log.Info("A session's end could not be asked for", "namespace", s.Namespace, "session", s.Name, "error", err.Error())
			return apiAway()
		}
		pause(ctx, try)
	}
}

// requestEnd sets the session's termination. The uid in the patch is its precondition: a namesake made later is left alone.
func (g *Gateway) requestEnd(ctx context.Context, s sessiontoken.Session, message string) error {
	termination := map[string]string{"requestedBy": string(licensing.RequesterUser)}
	if message != "" {
		termination["message"] = message
	}
	patch, err := stdjson.Marshal(map[string]any{"metadata": map[string]string{"uid": s.UID}, "spec": map[string]any{"termination": termination}})
	if err != nil {
		return err
	}
	record := &licensing.UserSession{ObjectMeta: metav1.ObjectMeta{Namespace: s.Namespace, Name: s.Name}}
	if err := g.Client.Patch(ctx, record, client.RawPatch(types.MergePatchType, patch)); err != nil {
		return err
	}
	g.Recorder.Learn(record)
	g.view.update(record)
	return nil
}
