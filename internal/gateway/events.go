// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/internal/activity"
	"github.com/seatkeeper/seatkeeper/internal/facts"
	"github.com/seatkeeper/seatkeeper/pkg/gatewayapi"
)

// stillHere is how often a stream says that it lives: proxies close those that are silent.
const stillHere = 15 * time.Second

// FollowSession tells a client of the prompt and of the end as they happen.
func (g calls) FollowSession(w http.ResponseWriter, r *http.Request) {
	c := callOf(w, opSessionEvents)
	s, p := g.session(r)
	if p == nil {
		_, p = g.known(r.Context(), s)
	}
	if p != nil {
		c.refuse(p)
		return
	}
	switch g.streams.enter(s.UID) {
	case holderFull:
		c.refuse(refused(gatewayapi.ReasonTooManyRequests, "A session may have %d event streams at a time.", g.Limits.StreamsPerSession))
		return
	case allFull:
		c.refuse(unavailable(5*time.Second, "As many event streams are open here as may be."))
		return
	case placeTaken:
		defer g.streams.leave(s.UID)
	}
	if g.draining() {
		c.refuse(stopping())
		return
	}
	openStreams.Inc()
	defer openStreams.Dec()
	h := c.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // or a proxy would keep events back
	if r.Method == http.MethodHead {
		c.WriteHeader(http.StatusOK)
		return
	}
	// Also what a client that was cut off does: it comes again after a second, not at once with all the others.
	st := &stream{call: c, controller: http.NewResponseController(c.ResponseWriter)}
	if st.write("retry: 1000\n\n") == nil {
		g.stream(r.Context(), st, types.UID(s.UID))
	}
}

// stream sends events until the session ends, the client goes away, the replica stops, or it is cut off from the API server: then it sees no end any more, and the client had better follow at
// another.
func (g *Gateway) stream(ctx context.Context, st *stream, uid types.UID) {
	changes, leave := g.Recorder.Subscribe(uid)
	defer leave()
	alive := time.NewTicker(stillHere)
	defer alive.Stop()
	for {
		known, ok := g.Recorder.Session(uid)
		if !ok {
			return // it comes again, and is told then
		}
		if over, err := st.tell(&known); over || err != nil {
			return
		}
		select {
		case <-changes:
		case <-alive.C:
			if g.cutOff() || st.write(": still here\n\n") != nil {
				return
			}
		case <-ctx.Done():
			return
		case <-g.stopping.Done():
			return
		}
	}
}

// stream is an event stream and what it told.
type stream struct {
	call       *call
	controller *http.ResponseController
	prompted   bool
	timeout    time.Time
}

// tell sends what has changed since. It says whether the session has ended, and with it the stream.
func (st *stream) tell(known *activity.Snapshot) (over bool, err error) {
	if e := known.Ended; e != nil {
		reason, action := gatewayapi.ReasonTerminated, e.Action
		if action == "" {
			action = licensing.NotTerminated // it was denied
		}
		return true, st.event(gatewayapi.EventTerminated, gatewayapi.TerminatedEvent{TerminationAction: gatewayapi.TerminationAction(action), Reason: reason,
			Detail: e.Message, TerminatedTime: e.Time.UTC().Truncate(time.Second)})
	}
	prompt, timeout := prompted(known)
	switch {
	case prompt && (!st.prompted || !timeout.Equal(st.timeout)):
		err = st.event(gatewayapi.EventPrompt, gatewayapi.PromptEvent{TimeoutTime: timeout.UTC().Truncate(time.Second)})
	case !prompt && st.prompted:
		err = st.event(gatewayapi.EventKept, struct{}{})
	}
	st.prompted, st.timeout = prompt, timeout
	return false, err
}

// prompted says whether the user is asked to keep the session, and when it ends otherwise. What the record says counts, though by this replica's clock it may be a moment too early, unless the
// user did something that the record does not show yet.
func prompted(known *activity.Snapshot) (bool, time.Time) {
	status := &known.Record.Status
	if known.Outlook.Prompt {
		return true, known.Outlook.Timeout
	}
	asked := meta.IsStatusConditionTrue(status.Conditions, licensing.ConditionPrompt) && status.TimeoutTime != nil
	return asked && !known.Outlook.Timeout.After(status.TimeoutTime.Time), facts.Time(status.TimeoutTime)
}

func (st *stream) event(name string, data any) error {
	document, err := json.Marshal(data)
	if err != nil {
		return err
	}
	return st.write("event: " + name + "\ndata: " + string(document) + "\n\n")
}

// write sends text at once. Its deadline is taken back, or it would end a stream that is silent for longer.
func (st *stream) write(text string) error {
	if st.call.status == 0 {
		st.call.WriteHeader(http.StatusOK)
	}
	st.call.giveTime()
	_, err := st.call.Write([]byte(text))
	if err == nil {
		err = st.controller.Flush()
	}
	_ = st.controller.SetWriteDeadline(time.Time{}) // writers that know no deadlines, in tests, have none
	return err
}
