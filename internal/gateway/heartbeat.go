// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"context"
	"net/http"
	"strconv"
	"time"
	"unicode/utf8"

	"k8s.io/apimachinery/pkg/types"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/internal/activity"
	"github.com/seatkeeper/seatkeeper/internal/facts"
	"github.com/seatkeeper/seatkeeper/internal/sessiontoken"
	"github.com/seatkeeper/seatkeeper/pkg/gatewayapi"
)

// SendHeartbeat takes in a heartbeat: the path that matters most. It is answered from memory, also while the API server is away.
func (g calls) SendHeartbeat(w http.ResponseWriter, r *http.Request) {
	c := callOf(w, opHeartbeat)
	s, p := g.session(r)
	if p != nil {
		c.refuse(p)
		return
	}
	body, p := c.read(r, maxReport, "application/json")
	if p == nil && !readCommon(body, &c.report) {
		p = readReport(body, &c.report)
	}
	if p != nil {
		c.refuse(p)
		return
	}
	outcome, p := g.beat(r.Context(), s, &c.report)
	if p == nil && outcome.State != licensing.SessionActive && g.learnGrant(r.Context(), s, outcome.State) {
		outcome, p = g.beat(r.Context(), s, &c.report)
	}
	if p != nil {
		c.refuse(p)
		return
	}
	c.answer = append(appendHeartbeat(c.answer, &outcome), '\n')
	c.send(http.StatusOK, c.answer)
}

// beat tells the recorder of a heartbeat.
func (g *Gateway) beat(ctx context.Context, s sessiontoken.Session, report *activity.Report) (activity.Outcome, *problem) {
	outcome := g.Recorder.Beat(types.UID(s.UID), report)
	if !outcome.Known {
		if p := g.learn(ctx, s); p != nil {
			return outcome, p
		}
		outcome = g.Recorder.Beat(types.UID(s.UID), report)
	}
	if outcome.Ended != nil {
		return outcome, ended(outcome.Ended)
	}
	return outcome, nil
}

// appendHeartbeat writes a gatewayapi.Heartbeat.
func appendHeartbeat(b []byte, o *activity.Outcome) []byte {
	b = append(b, `{"state":"`...)
	b = append(b, o.State...)
	if !o.Timeout.IsZero() {
		b = append(b, `","timeoutTime":"`...)
		b = o.Timeout.UTC().AppendFormat(b, time.RFC3339)
	}
	b = append(b, `","prompt":`...)
	b = strconv.AppendBool(b, o.Prompt)
	b = append(b, `,"keepAlive":`...)
	b = strconv.AppendBool(b, o.KeepAlive)
	b = append(b, `,"heartbeatIntervalSeconds":`...)
	b = strconv.AppendInt(b, int64(heartbeatSeconds(o.Heartbeat)), 10)
	return append(b, '}')
}

// heartbeatSeconds is how often the client should be heard; while its pool is not known, as often as a pool's default.
func heartbeatSeconds(interval time.Duration) int32 {
	if interval < time.Second {
		interval = facts.DefaultHeartbeat
	}
	return int32(min(interval/time.Second, 3600))
}

// What a report says of unsaved work outlives the request, so it must not point into it.
var said = map[bool]*bool{false: new(false), true: new(true)}

// readReport reads a HeartbeatReport strictly; an empty body is a bare heartbeat.
func readReport(body []byte, report *activity.Report) *problem {
	if len(body) == 0 {
		*report = activity.Report{}
		return nil
	}
	var stated gatewayapi.HeartbeatReport
	if p := decode(body, &stated); p != nil {
		return p
	}
	return reportOf(&stated, report)
}

// reportOf checks what a report says against the bounds of the kinds, so that the record can be written later.
func reportOf(stated *gatewayapi.HeartbeatReport, report *activity.Report) *problem {
	*report = activity.Report{Active: stated.Active}
	if stated.UnsavedWork != nil {
		report.UnsavedWork = said[*stated.UnsavedWork]
	}
	if s := stated.IdleSeconds; s != nil {
		if *s < 0 || *s > gatewayapi.MaxIdleSeconds {
			return bad("idleSeconds must be from 0 to %d.", gatewayapi.MaxIdleSeconds)
		}
		report.HasIdleFor, report.IdleFor = true, time.Duration(*s)*time.Second
	}
	if stated.Applications != nil {
		if p := checkApplications(*stated.Applications); p != "" {
			return bad("%s", p)
		}
		report.Applications = stated.Applications
	}
	if stated.SessionAttributes != nil {
		if p := checkAttributes(*stated.SessionAttributes); p != "" {
			return bad("%s", p)
		}
		report.SessionAttributes = new(attributesOf(*stated.SessionAttributes))
	}
	return nil
}

func checkApplications(applications []string) string {
	if len(applications) > 64 {
		return "applications must have at most 64 entries."
	}
	for _, name := range applications {
		if utf8.RuneCountInString(name) > 128 {
			return "Each entry of applications must have at most 128 characters."
		}
	}
	return ""
}

func checkAttributes(attributes map[string]string) string {
	if len(attributes) > 64 {
		return "sessionAttributes must have at most 64 entries."
	}
	for name, value := range attributes {
		if utf8.RuneCountInString(name) > 128 || utf8.RuneCountInString(value) > 1024 {
			return "Each name of sessionAttributes must have at most 128 characters, each value at most 1024."
		}
	}
	return ""
}

func attributesOf(stated map[string]string) map[string]licensing.AttributeValue {
	attributes := make(map[string]licensing.AttributeValue, len(stated))
	for name, value := range stated {
		attributes[name] = licensing.AttributeValue(value)
	}
	return attributes
}
