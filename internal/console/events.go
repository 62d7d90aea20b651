// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package console

import (
	"fmt"
	"net/http"
	"time"
)

const (
	// gather is how long changes are gathered before a page is told of them.
	gather = 300 * time.Millisecond
	// beat is how often a page hears that nothing changed. It takes the line for broken after more than two of them.
	beat = 10 * time.Second
	// maxStreams bounds the streams that stay open. Browsers allow six connections to a host, for all pages of it together: with one stream for each of six pages, none of them could ask for anything.
	maxStreams = 4
)

// events tells a page that something changed, as server-sent events: which kinds, by their versions, and whether the first list of sessions is being read. The page then fetches what it shows.
// A page for which no stream is left is told once how things are, and to ask again.
func (c *Console) events(w http.ResponseWriter, r *http.Request) {
	full := c.streams.Add(1) > maxStreams
	defer c.streams.Add(-1)
	stream := newStream(w, "text/event-stream")
	clock := c.options.Clock
	for {
		versions, changed := c.board.versions()
		reading := c.board.state(kindSessions).reading > 0
		if stream.send("event: versions\ndata: {\"pools\": %d, \"sessions\": %d, \"reading\": %t}\n\n", versions[kindPools], versions[kindSessions], reading) != nil {
			return
		}
		if full {
			_ = stream.send("event: again\ndata: {}\n\n") // a page that went away asks no more
			return
		}
		select {
		case <-r.Context().Done():
			return
		case <-clock.After(beat):
			continue
		case <-changed:
		}
		select {
		case <-r.Context().Done():
			return
		case <-clock.After(gather):
		}
	}
}

// stream is an answer in parts.
type stream struct {
	w       http.ResponseWriter
	control *http.ResponseController
}

func newStream(w http.ResponseWriter, kind string) *stream {
	s := &stream{w, http.NewResponseController(w)}
	// The time to read a request also bounds the time that its connection may be silent.
	_ = s.control.SetReadDeadline(time.Time{})
	w.Header().Set("Content-Type", kind)
	w.WriteHeader(http.StatusOK)
	return s
}

func (s *stream) send(format string, args ...any) error {
	_ = s.control.SetWriteDeadline(time.Now().Add(writeTimeout)) //nolint:forbidigo // the network's time, not a decision's
	if _, err := fmt.Fprintf(s.w, format, args...); err != nil {
		return err
	}
	return s.control.Flush()
}
