// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"bytes"
	stdjson "encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/internal/activity"
	"github.com/seatkeeper/seatkeeper/internal/callers"
	"github.com/seatkeeper/seatkeeper/internal/facts"
	"github.com/seatkeeper/seatkeeper/internal/sessiontoken"
	"github.com/seatkeeper/seatkeeper/pkg/gatewayapi"
)

// SignOn signs a user on, and waits for the leader to decide.
func (g calls) SignOn(w http.ResponseWriter, r *http.Request, namespace gatewayapi.Namespace, pool gatewayapi.Pool, params gatewayapi.SignOnParams) {
	c := callOf(w, opLogin)
	caller, p := g.caller(r, namespace, pool)
	if p != nil {
		c.refuse(p)
		return
	}
	l, p := g.readLogin(c, r, types.NamespacedName{Namespace: namespace, Name: pool}, params, &caller)
	if p != nil {
		c.refuse(p)
		return
	}
	if p := g.enter(caller.Username); p != nil {
		c.refuse(p)
		return
	}
	waitingLogins.Inc()
	defer func() {
		waitingLogins.Dec()
		g.waiting.leave(caller.Username)
	}()
	g.attempts.join(l.key)
	session, p := g.signOn(r.Context(), l)
	if l.settled {
		g.attempts.settle(l.key)
	}
	// Who leaves unanswered, the last of those with this key, leaves no seat taken.
	switch left := g.attempts.leave(l); left {
	case nil:
	case l:
		if session = g.withdrawAtOnce(r.Context(), l); session != nil {
			p = nil
		}
	default:
		g.withdrawLater(left)
	}
	switch {
	case session != nil && l.idempotencyKey == "" && r.Context().Err() != nil:
		g.withdrawLater(l) // granted in the very moment in which its caller went away
	case p != nil:
		c.refuse(p)
	default:
		g.answer(c, l, session)
	}
}

// enter takes a place among the logins that wait.
func (g *Gateway) enter(caller string) *problem {
	if g.draining() {
		return stopping()
	}
	switch g.waiting.enter(caller) {
	case holderFull, allFull:
		p := refused(gatewayapi.ReasonTooManyWaiting, "As many logins wait here as may.")
		p.retry = 2 * time.Second
		return p
	case placeTaken:
	}
	if g.Tokens.Keyring() == nil {
		g.waiting.leave(caller)
		return unavailable(time.Second, "This replica has not loaded the keys of session tokens yet.")
	}
	return nil
}

// answer tells the caller of its session. If the answer cannot be sent, a session that nobody can ask for again is ended.
func (g *Gateway) answer(c *call, l *login, s *licensing.UserSession) {
	keys := g.Tokens.Keyring()
	if keys == nil { // they were all revoked while it waited
		if l.idempotencyKey == "" {
			g.withdrawLater(l)
		}
		c.refuse(unavailable(time.Second, "This replica has no key for session tokens at the moment."))
		return
	}
	rules := facts.Rules(g.view.pool(poolOf(s))).Lifetimes
	if !l.created {
		// Whoever comes back shows that the client lives, as a heartbeat would.
		g.Recorder.Beat(s.UID, &activity.Report{})
	}
	timeout := facts.Time(s.Status.TimeoutTime)
	if known, ok := g.Recorder.Session(s.UID); ok && known.Record != nil {
		timeout = known.Outlook.Timeout // the user may have done something since
	}
	document := gatewayapi.SignedOn{
		Namespace: s.Namespace, Name: s.Name, UID: string(s.UID),
		Token: keys.Sign(sessiontoken.Session{Namespace: s.Namespace, Name: s.Name, UID: string(s.UID)}),
		State: gatewayapi.SessionState(s.Status.State), Seat: gatewayapi.SeatType(s.Status.Seat), Connection: s.Status.Connection,
		HeartbeatIntervalSeconds: heartbeatSeconds(rules.Heartbeat), LostAfterSeconds: int32(rules.LostAfter / time.Second), //nolint:gosec // the schema bounds it
		LogonTime: facts.Time(s.Status.LogonTime).UTC(), TimeoutTime: timeOrNone(timeout),
	}
	if granted := meta.FindStatusCondition(s.Status.Conditions, licensing.ConditionGranted); granted != nil {
		document.Reason = granted.Reason
	}
	status := http.StatusOK
	if l.created {
		status = http.StatusCreated
	}
	data, err := stdjson.Marshal(&document)
	if err == nil {
		h := c.Header()
		h["Content-Type"], h["Cache-Control"] = jsonType, noStore
		c.WriteHeader(status)
		if _, err = c.Write(append(data, '\n')); err == nil {
			if err = http.NewResponseController(c.ResponseWriter).Flush(); errors.Is(err, http.ErrNotSupported) {
				err = nil
			}
		}
	}
	if err != nil && l.idempotencyKey == "" {
		g.withdrawLater(l)
	}
}

// readLogin reads what is asked for, and refuses what can be seen to break a rule without asking the API server.
func (g *Gateway) readLogin(c *call, r *http.Request, pool types.NamespacedName, params gatewayapi.SignOnParams, caller *callers.Caller) (*login, *problem) {
	l := &login{pool: pool}
	if params.IdempotencyKey != nil {
		l.idempotencyKey = *params.IdempotencyKey
		if n := len(l.idempotencyKey); n == 0 || n > 255 || strings.IndexFunc(l.idempotencyKey, func(r rune) bool { return r < ' ' || r > '~' }) >= 0 {
			return nil, bad("Idempotency-Key must be 1 to 255 printable ASCII characters.")
		}
	}
	if params.Wait != nil {
		wait, err := time.ParseDuration(*params.Wait)
		if err != nil || wait < 0 || wait > maxWait {
			return nil, bad("wait must be a duration from 0s to 1h, as 30s or 2m.")
		}
		l.wait = (wait + time.Second - 1).Truncate(time.Second)
	}
	body, p := c.read(r, maxLogin, "application/json")
	if p != nil {
		return nil, p
	}
	var stated gatewayapi.Login
	if p := decode(body, &stated); p != nil {
		return nil, p
	}
	if stated.UserName == "" {
		return nil, invalid("userName must be stated, and not empty.")
	}
	if text := checkApplications(stated.Applications); text != "" {
		return nil, invalid("%s", text)
	}
	if text := checkAttributes(stated.SessionAttributes); text != "" {
		return nil, invalid("%s", text)
	}
	extra, p := extraAttributes(stated.ExtraAttributes)
	if p != nil {
		return nil, p
	}
	stated.ExtraAttributes = extra
	l.state(&stated, caller, g.Proxies.Of(r))
	return l, nil
}

// extraAttributes is the object as text without white space, which the record keeps.
func extraAttributes(stated stdjson.RawMessage) (stdjson.RawMessage, *problem) {
	stated = bytes.TrimSpace(stated)
	if len(stated) == 0 || string(stated) == "null" {
		return nil, nil
	}
	var compact bytes.Buffer
	if err := stdjson.Compact(&compact, stated); err != nil || stated[0] != '{' {
		return nil, invalid("extraAttributes must be a JSON object.")
	}
	if compact.Len() > 32<<10 {
		return nil, invalid("extraAttributes must have at most 32 KiB.")
	}
	return compact.Bytes(), nil
}
