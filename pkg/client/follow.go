// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/seatkeeper/seatkeeper/pkg/gatewayapi"
)

const (
	// silence is how long a stream may say nothing: three of the gateway's comments.
	silence = 45 * time.Second
	// steady is how long a stream must have lived for the next to be opened at once: one that only ever breaks is opened more and more seldom.
	steady = 20 * time.Second
	// maxLine bounds a line of the stream, in bytes.
	maxLine = 1 << 20
)

// errSilent is a stream that says nothing, not even that it is there.
var errSilent = errors.New("the stream of events fell silent")

// follow listens to the stream of events, and connects anew whenever it breaks. Without it the heartbeats' answers tell the same, later.
func (s *Session) follow(ctx context.Context) {
	failures := pace{longest: time.Minute}
	for {
		began := now()
		_, err := s.listen(ctx)
		if ctx.Err() != nil {
			return
		}
		if end, ended := endOf(err); ended {
			s.finish(end)
			return
		}
		if now().Sub(began) >= steady {
			failures.reset()
		}
		if !sleep(ctx, failures.after(err)) {
			return
		}
	}
}

// listen follows one stream to its end; opened: something was heard on it.
func (s *Session) listen(ctx context.Context) (opened bool, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watch := time.AfterFunc(silence, func() { cancel(errSilent) })
	defer watch.Stop()
	resp, err := s.client.api.FollowSession(ctx, asSession(s.token), func(_ context.Context, req *http.Request) error {
		req.Header.Set("Accept", "text/event-stream")
		return nil
	})
	if err != nil {
		return false, err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return false, refused(resp)
	}
	if kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")); kind != "text/event-stream" {
		return false, &unreadable{errors.New("the answer is no stream of events")}
	}
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, maxLine)
	event := event{}
	for lines.Scan() {
		watch.Reset(silence)
		opened = true
		if event.line(lines.Text()) {
			s.happened(event)
			event.name, event.data = "", nil
		}
	}
	if err := lines.Err(); err != nil {
		return opened, err
	}
	return opened, io.EOF
}

// event is one of the stream's.
type event struct {
	name string
	data []string
}

// line takes the next line in; true: the event is complete.
func (e *event) line(line string) bool {
	if line == "" {
		if e.data == nil {
			e.name = ""
		}
		return e.data != nil
	}
	field, value, _ := strings.Cut(line, ":")
	value = strings.TrimPrefix(value, " ")
	switch field {
	case "event":
		e.name = value
	case "data":
		e.data = append(e.data, value)
	}
	return false
}

// happened takes an event in. One that cannot be read is not believed; a heartbeat asks what is true.
func (s *Session) happened(e event) {
	data := []byte(strings.Join(e.data, "\n"))
	switch e.name {
	case gatewayapi.EventPrompt:
		prompt := gatewayapi.PromptEvent{}
		if err := json.Unmarshal(data, &prompt); err != nil || prompt.TimeoutTime.IsZero() {
			s.beatNow()
			return
		}
		s.streamSaid(true, &prompt.TimeoutTime)
	case gatewayapi.EventKept:
		s.streamSaid(false, nil)
	case gatewayapi.EventTerminated:
		end := gatewayapi.TerminatedEvent{}
		if err := json.Unmarshal(data, &end); err != nil || end.Reason == "" {
			s.beatNow()
			return
		}
		s.finish(End{Action: end.TerminationAction, Reason: end.Reason, Message: end.Detail, Time: end.TerminatedTime})
	}
}

// streamSaid takes in what the stream says of the prompt; the answer of a heartbeat that was sent before is older.
func (s *Session) streamSaid(prompt bool, timeout *time.Time) {
	s.mu.Lock()
	s.streamed++
	s.mu.Unlock()
	s.prompted(prompt, timeout)
}
