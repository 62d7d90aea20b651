// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"net/http"
	"time"

	"k8s.io/apimachinery/pkg/types"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/internal/facts"
	"github.com/seatkeeper/seatkeeper/pkg/gatewayapi"
)

const (
	// maxQuestion bounds the body of a question about activity: the longest list of uids fits.
	maxQuestion = 128 << 10
	// maxQuestionUIDs bounds the sessions in one.
	maxQuestionUIDs = 1000
	// questionRate is how many such questions a second may come from one address, twice that in a burst. All that come through one API server's pod proxy come from its address.
	questionRate = 20
)

// GetActivity answers what this replica knows of sessions that are on, to whoever knows their uids. It looks nothing up: what it does not know another replica does, or the record.
func (g calls) GetActivity(w http.ResponseWriter, r *http.Request) {
	c := callOf(w, opActivity)
	if !g.questions.take(neighbourhood(g.Proxies.Of(r)), g.Clock.Now()) {
		c.refuse(tooMany())
		return
	}
	body, p := c.read(r, maxQuestion, "application/json")
	if p != nil {
		c.refuse(p)
		return
	}
	var question gatewayapi.ActivityQuestion
	if p := decode(body, &question); p != nil {
		c.refuse(p)
		return
	}
	if n := len(question.Uids); n == 0 || n > maxQuestionUIDs {
		c.refuse(bad("uids must have 1 to %d entries.", maxQuestionUIDs))
		return
	}
	if !g.view.synced() { // whoever asks must not take this for all that is known
		c.refuse(unavailable(time.Second, "This replica has not read the pools and sessions yet."))
		return
	}
	answer := gatewayapi.ActivityAnswer{Sessions: []gatewayapi.Activity{}}
	for _, uid := range question.Uids {
		if a, ok := g.activityOf(types.UID(uid)); ok {
			answer.Sessions = append(answer.Sessions, a)
		}
	}
	c.sendJSON(&answer)
}

// activityOf is what is known of a session that is on.
func (g *Gateway) activityOf(uid types.UID) (gatewayapi.Activity, bool) {
	known, ok := g.Recorder.Session(uid)
	if !ok || known.Ended != nil || known.Record == nil || known.Record.Status.State != licensing.SessionActive {
		return gatewayapi.Activity{}, false
	}
	last := known.LastActivity
	if last.IsZero() {
		last = facts.Time(known.Record.Status.LogonTime)
	}
	return gatewayapi.Activity{UID: string(uid), LastActivityTime: last.UTC(), LastHeartbeatTime: timeOrNone(known.LastHeartbeat), UnsavedWork: known.UnsavedWork,
		KeepAlive: known.Outlook.KeepAlive, TimeoutTime: timeOrNone(known.Outlook.Timeout)}, true
}
