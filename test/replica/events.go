// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package replica

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/seatkeeper/seatkeeper/pkg/gatewayapi"
)

// Event is one of a stream. Name is empty for a comment, which Data holds then.
type Event struct {
	Name string
	Data string
}

// Prompt is the data of a prompt event.
func (e Event) Prompt() (p gatewayapi.PromptEvent, err error) {
	return p, json.Unmarshal([]byte(e.Data), &p)
}

// Terminated is the data of a terminated event.
func (e Event) Terminated() (t gatewayapi.TerminatedEvent, err error) {
	return t, json.Unmarshal([]byte(e.Data), &t)
}

// Events is an open stream.
type Events struct {
	// C has the events, and is closed when the stream ends.
	C <-chan Event
	// Proto is the protocol that it runs over, as HTTP/2.0.
	Proto string

	leave context.CancelFunc
}

// Close leaves the stream.
func (e *Events) Close() {
	e.leave()
	for range e.C {
		continue // its reader must not be left behind with an event that nobody takes
	}
}

// Events follows a session. A refused one is an error that is a *gatewayapi.Problem. The context bounds the stream as well.
func (g *Gateway) Events(ctx context.Context, token string) (*Events, error) {
	request, err := gatewayapi.NewFollowSessionRequest(g.URL)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	request = request.WithContext(ctx)
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := g.HTTP.Do(request) //nolint:bodyclose // whoever reads it closes it
	if err != nil {
		cancel()
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		defer cancel()
		defer response.Body.Close()
		p := &gatewayapi.Problem{}
		if err := json.NewDecoder(response.Body).Decode(p); err != nil {
			return nil, fmt.Errorf("a stream was answered %d without a problem document: %w", response.StatusCode, err)
		}
		return nil, p
	}
	events := make(chan Event, 64)
	go func() {
		defer cancel()
		defer response.Body.Close()
		defer close(events)
		read(ctx, response.Body, events)
	}()
	return &Events{C: events, Proto: response.Proto, leave: cancel}, nil
}

// read reads the events of a stream.
func read(ctx context.Context, body io.Reader, events chan<- Event) {
	send := func(e Event) bool {
		select {
		case events <- e:
			return true
		case <-ctx.Done():
			return false
		}
	}
	var next Event
	lines := bufio.NewScanner(body)
	for lines.Scan() {
		line := lines.Text()
		field, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case line == "":
			if next.Name != "" && !send(next) {
				return
			}
			next = Event{}
		case field == "":
			if !send(Event{Data: value}) {
				return
			}
		case field == "event":
			next.Name = value
		case field == "data":
			next.Data += value
		}
	}
}
