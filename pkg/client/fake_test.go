// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package client_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/seatkeeper/seatkeeper/pkg/client"
	"github.com/seatkeeper/seatkeeper/pkg/gatewayapi"
)

// gateway is one that speaks the contract and does what a test tells it.
type gateway struct {
	mu       sync.Mutex
	answer   gatewayapi.Heartbeat
	ended    *gatewayapi.Problem
	signOns  []signOn
	byKey    map[string]gatewayapi.SignedOn
	beats    []beat
	bearers  []string
	left     []string // SignOut, Exit
	follows  int
	streams  map[chan string]bool
	override func(w http.ResponseWriter, r *http.Request) bool // true: it has answered
	after    func(w http.ResponseWriter, r *http.Request)      // the call was done; what it writes comes first
}

type signOn struct {
	key, wait string
	login     gatewayapi.Login
}

type beat struct {
	at     time.Time
	report gatewayapi.HeartbeatReport
}

func newGateway() *gateway {
	return &gateway{
		answer:  gatewayapi.Heartbeat{State: gatewayapi.SessionStateActive, KeepAlive: true, HeartbeatIntervalSeconds: 30},
		byKey:   map[string]gatewayapi.SignedOn{},
		streams: map[chan string]bool{},
	}
}

func (g *gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	override, after := g.override, g.after
	g.bearers = append(g.bearers, r.Header.Get("Authorization"))
	g.mu.Unlock()
	if override != nil && override(w, r) {
		return
	}
	if after != nil {
		recorder := &discard{header: http.Header{}}
		gatewayapi.Handler(g).ServeHTTP(recorder, r)
		after(w, r)
		return
	}
	gatewayapi.Handler(g).ServeHTTP(w, r)
}

// discard is an answer that is lost.
type discard struct{ header http.Header }

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) Write(b []byte) (int, error) { return len(b), nil }
func (d *discard) WriteHeader(int)             {}

func write(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

func (g *gateway) SignOn(w http.ResponseWriter, r *http.Request, namespace, pool string, params gatewayapi.SignOnParams) {
	login := gatewayapi.Login{}
	if err := json.NewDecoder(r.Body).Decode(&login); err != nil {
		gatewayapi.NewProblem(gatewayapi.ReasonBadRequest, err.Error()).Write(w)
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.signOns = append(g.signOns, signOn{key: *params.IdempotencyKey, wait: *params.Wait, login: login})
	if known, ok := g.byKey[*params.IdempotencyKey]; ok {
		write(w, http.StatusOK, known)
		return
	}
	n := len(g.byKey) + 1
	signedOn := gatewayapi.SignedOn{
		Namespace: namespace, Name: fmt.Sprintf("%s-%d", pool, n), UID: fmt.Sprintf("uid-%d", n), Token: fmt.Sprintf("token-%d", n),
		State: gatewayapi.SessionStateActive, Seat: gatewayapi.SeatTypeConcurrent, HeartbeatIntervalSeconds: g.answer.HeartbeatIntervalSeconds,
		LogonTime: time.Now(),
	}
	g.byKey[*params.IdempotencyKey] = signedOn
	write(w, http.StatusCreated, signedOn)
}

func (g *gateway) SendHeartbeat(w http.ResponseWriter, r *http.Request) {
	report := gatewayapi.HeartbeatReport{}
	if err := json.NewDecoder(r.Body).Decode(&report); err != nil && !errors.Is(err, io.EOF) {
		gatewayapi.NewProblem(gatewayapi.ReasonBadRequest, err.Error()).Write(w)
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.beats = append(g.beats, beat{time.Now(), report})
	if g.ended != nil {
		g.ended.Write(w)
		return
	}
	write(w, http.StatusOK, g.answer)
}

func (g *gateway) GetSession(w http.ResponseWriter, _ *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	record := gatewayapi.Session{Namespace: "itsm", Name: "service-desk-1", UID: "uid-1", State: gatewayapi.SessionStateActive, UserName: "ann", Current: true}
	if g.ended != nil {
		record.State, record.TerminationAction, record.TerminatedTime = gatewayapi.SessionStateTerminated, g.ended.TerminationAction, g.ended.TerminatedTime
		record.Reason, record.Message = g.ended.Reason, g.ended.Detail
	}
	write(w, http.StatusOK, record)
}

func (g *gateway) SignOut(w http.ResponseWriter, _ *http.Request) { g.leave(w, "SignOut") }

func (g *gateway) ExitSession(w http.ResponseWriter, _ *http.Request) { g.leave(w, "Exit") }

func (g *gateway) leave(w http.ResponseWriter, how string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.left = append(g.left, how)
	w.WriteHeader(http.StatusNoContent)
}

func (g *gateway) FollowSession(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	g.follows++
	events := make(chan string, 16)
	g.streams[events] = true
	g.mu.Unlock()
	defer func() {
		g.mu.Lock()
		delete(g.streams, events)
		g.mu.Unlock()
	}()
	w.Header().Set("Content-Type", "text/event-stream")
	w.WriteHeader(http.StatusOK)
	flush := http.NewResponseController(w)
	comments := time.NewTicker(15 * time.Second)
	defer comments.Stop()
	text := ": hello\n\n"
	for {
		if _, err := io.WriteString(w, text); err != nil || flush.Flush() != nil {
			return
		}
		select {
		case <-r.Context().Done():
			return
		case <-comments.C:
			text = ": still here\n\n"
		case event, open := <-events:
			if !open {
				return
			}
			text = event
		}
	}
}

func (g *gateway) BulkHeartbeat(w http.ResponseWriter, r *http.Request, _ string) {
	request := gatewayapi.BulkHeartbeats{}
	if err := json.NewDecoder(r.Body).Decode(&request); err != nil {
		gatewayapi.NewProblem(gatewayapi.ReasonBadRequest, err.Error()).Write(w)
		return
	}
	answers := gatewayapi.BulkAnswers{Heartbeats: []gatewayapi.BulkAnswer{}}
	for _, b := range request.Heartbeats {
		answers.Heartbeats = append(answers.Heartbeats, gatewayapi.BulkAnswer{Name: b.Name, UID: b.UID, Status: http.StatusOK, Heartbeat: &g.answer})
	}
	write(w, http.StatusOK, answers)
}

func (g *gateway) GetPool(w http.ResponseWriter, _ *http.Request, _, pool string) {
	if pool != "service-desk" {
		gatewayapi.NewProblem(gatewayapi.ReasonPoolNotFound, "Namespace itsm has no LicensePool "+pool+".").Write(w)
		return
	}
	write(w, http.StatusOK, gatewayapi.PoolUsage{Name: pool, Model: gatewayapi.LicensingModelConcurrent, Concurrent: &gatewayapi.ModelUsage{Licensed: 5, Used: 2, Available: 3}})
}

func (g *gateway) GetActivity(w http.ResponseWriter, _ *http.Request) {
	w.WriteHeader(http.StatusNotFound) // a client has no use for it
}

func (g *gateway) GetDocument(w http.ResponseWriter, _ *http.Request) {
	_, _ = w.Write(gatewayapi.Document)
}

// send puts an event on every open stream.
func (g *gateway) send(event string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for stream := range g.streams {
		stream <- event
	}
}

// hangUp ends every open stream.
func (g *gateway) hangUp() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for stream := range g.streams {
		close(stream)
		delete(g.streams, stream)
	}
}

// set changes the gateway while nobody else does.
func (g *gateway) set(change func(*gateway)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	change(g)
}

// get reads it while nobody changes it.
func get[T any](g *gateway, what func(*gateway) T) T {
	g.mu.Lock()
	defer g.mu.Unlock()
	return what(g)
}

func beatsOf(g *gateway) []beat {
	return get(g, func(g *gateway) []beat { return append([]beat{}, g.beats...) })
}

// told collects what a session's callbacks said.
type told struct {
	mu    sync.Mutex
	words []string
	ends  []client.End
}

func (n *told) say(word string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.words = append(n.words, word)
}

func (n *told) all() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return append([]string{}, n.words...)
}

func (n *told) options() client.SessionOptions {
	return client.SessionOptions{
		OnPrompt: func(at time.Time) { n.say("prompt " + at.UTC().Format(time.TimeOnly)) },
		OnKept:   func() { n.say("kept") },
		OnEnd: func(end client.End) {
			n.mu.Lock()
			n.ends = append(n.ends, end)
			n.mu.Unlock()
			n.say("end " + string(end.Action))
		},
	}
}
