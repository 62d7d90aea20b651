// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"context"
	stdjson "encoding/json"
	"net/http"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/seatkeeper/seatkeeper/internal/activity"
	"github.com/seatkeeper/seatkeeper/internal/sessiontoken"
	"github.com/seatkeeper/seatkeeper/pkg/gatewayapi"
)

// maxBulkLookups bounds the unknown sessions of one bulk call that are looked up live; those beyond are told to come again.
const maxBulkLookups = 20

// bulkRequest is a gatewayapi.BulkHeartbeats whose entries are still to be read, so that a bad one does not spoil the others.
type bulkRequest struct {
	Heartbeats []stdjson.RawMessage `json:"heartbeats"`
}

// BulkHeartbeat takes in the heartbeats of many sessions of a namespace.
func (g calls) BulkHeartbeat(w http.ResponseWriter, r *http.Request, namespace gatewayapi.Namespace) {
	c := callOf(w, opHeartbeats)
	_, p := g.caller(r, namespace, "")
	if p != nil {
		c.refuse(p)
		return
	}
	body, p := c.read(r, maxBulk, "application/json")
	if p != nil {
		c.refuse(p)
		return
	}
	var request bulkRequest
	if p := decode(body, &request); p != nil {
		c.refuse(p)
		return
	}
	if n := len(request.Heartbeats); n == 0 || n > maxBulkEntries {
		c.refuse(bad("heartbeats must have 1 to %d entries.", maxBulkEntries))
		return
	}
	answers := gatewayapi.BulkAnswers{Heartbeats: make([]gatewayapi.BulkAnswer, len(request.Heartbeats))}
	lookups := maxBulkLookups
	for i, raw := range request.Heartbeats {
		answers.Heartbeats[i] = g.bulkEntry(r.Context(), namespace, raw, &lookups)
	}
	c.sendJSON(&answers)
}

// bulkEntry takes in one entry.
func (g *Gateway) bulkEntry(ctx context.Context, namespace string, raw []byte, lookups *int) gatewayapi.BulkAnswer {
	var entry gatewayapi.BulkHeartbeat
	p := decode(raw, &entry)
	answer := gatewayapi.BulkAnswer{Name: cut(entry.Name, 253), UID: cut(entry.UID, 64)}
	var report activity.Report
	if p == nil && (entry.Name == "" || entry.UID == "" || len(entry.Name) > 253 || len(entry.UID) > 64) {
		p = bad("Each entry of heartbeats must state the name and the uid of a session.")
	}
	if p == nil {
		p = reportOf(&gatewayapi.HeartbeatReport{Active: entry.Active, IdleSeconds: entry.IdleSeconds, UnsavedWork: entry.UnsavedWork,
			Applications: entry.Applications, SessionAttributes: entry.SessionAttributes}, &report)
	}
	if p == nil {
		p = g.bulkBeat(ctx, sessiontoken.Session{Namespace: namespace, Name: entry.Name, UID: entry.UID}, &report, lookups, &answer)
	}
	if p != nil {
		answer.Status, answer.Problem = p.Status, p.Problem
	}
	return answer
}

// bulkBeat takes in a heartbeat of a session that the caller names. It must be in the namespace that the caller may act in, whatever uid is stated (C9).
func (g *Gateway) bulkBeat(ctx context.Context, s sessiontoken.Session, report *activity.Report, lookups *int, answer *gatewayapi.BulkAnswer) *problem {
	known, ok := g.Recorder.Session(types.UID(s.UID))
	if !ok {
		if g.gone.has(s) {
			return sessionNotFound()
		}
		if *lookups == 0 {
			return unavailable(time.Second, "Too many of the sessions are not known here yet; report this one again.")
		}
		*lookups--
		if p := g.learn(ctx, s); p != nil {
			if p.Reason == gatewayapi.ReasonSessionGone {
				return sessionNotFound()
			}
			*lookups = 0 // the API server does not answer: those that are known here are not to wait for it again and again
			return p
		}
		known, _ = g.Recorder.Session(types.UID(s.UID))
	}
	if known.Namespace != s.Namespace || known.Name != s.Name {
		return sessionNotFound()
	}
	if known.Ended != nil {
		return ended(known.Ended)
	}
	outcome, p := g.beat(ctx, s, report)
	if p != nil {
		return p
	}
	answer.Status = http.StatusOK
	answer.Heartbeat = &gatewayapi.Heartbeat{State: gatewayapi.SessionState(outcome.State), Prompt: outcome.Prompt, KeepAlive: outcome.KeepAlive,
		HeartbeatIntervalSeconds: heartbeatSeconds(outcome.Heartbeat), TimeoutTime: timeOrNone(outcome.Timeout)}
	return nil
}

func sessionNotFound() *problem {
	return refused(gatewayapi.ReasonSessionNotFound, "There is no session with that name and uid in this namespace.")
}

// timeOrNone is a time of an answer; zero: none.
func timeOrNone(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return new(t.UTC().Truncate(time.Second))
}

// cut cuts text to so many bytes, at the end of a character.
func cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	for most > 0 && text[most]&0xc0 == 0x80 {
		most--
	}
	return text[:most]
}
