// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package run

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seatkeeper/seatkeeper/pkg/gatewayapi"
)

// gateway is one that speaks the contract and does what a test tells it.
type gateway struct {
	gatewayapi.ServerInterface // the calls that this program never makes

	mu      sync.Mutex
	refusal *gatewayapi.Problem // of sign-ons
	hang    bool                // sign-ons get no answer
	away    bool                // heartbeats get 503
	end     *gatewayapi.TerminatedEvent
	news    chan struct{} // closed when the end is there
	logins  []gatewayapi.Login
	beats   []gatewayapi.HeartbeatReport
	out     int
}

func newGateway(t *testing.T) (*gateway, string) {
	t.Helper()
	g := &gateway{news: make(chan struct{})}
	server := httptest.NewServer(gatewayapi.Handler(g))
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	return g, server.URL
}

func write(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

func (g *gateway) SignOn(w http.ResponseWriter, r *http.Request, namespace, pool string, _ gatewayapi.SignOnParams) {
	login := gatewayapi.Login{}
	if err := json.NewDecoder(r.Body).Decode(&login); err != nil {
		gatewayapi.NewProblem(gatewayapi.ReasonBadRequest, err.Error()).Write(w)
		return
	}
	g.mu.Lock()
	g.logins = append(g.logins, login)
	refusal, hang := g.refusal, g.hang
	g.mu.Unlock()
	switch {
	case r.Header.Get("Authorization") != "Bearer service-account":
		gatewayapi.NewProblem(gatewayapi.ReasonUnauthenticated, "").Write(w)
	case hang:
		<-r.Context().Done()
	case refusal != nil:
		refusal.Write(w)
	default:
		write(w, http.StatusCreated, gatewayapi.SignedOn{
			Namespace: namespace, Name: pool + "-1", UID: "uid-1", Token: "session-token", State: gatewayapi.SessionStateActive,
			Seat: gatewayapi.SeatTypeConcurrent, HeartbeatIntervalSeconds: 1, LogonTime: time.Now(),
		})
	}
}

func (g *gateway) SendHeartbeat(w http.ResponseWriter, r *http.Request) {
	report := gatewayapi.HeartbeatReport{}
	if err := json.NewDecoder(r.Body).Decode(&report); err != nil {
		gatewayapi.NewProblem(gatewayapi.ReasonBadRequest, err.Error()).Write(w)
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.beats = append(g.beats, report)
	switch {
	case g.away:
		gatewayapi.NewProblem(gatewayapi.ReasonUnavailable, "away").Write(w)
	case g.end != nil:
		gatewayapi.NewEnded(g.end.TerminationAction, g.end.Detail, g.end.TerminatedTime).Write(w)
	default:
		write(w, http.StatusOK, gatewayapi.Heartbeat{State: gatewayapi.SessionStateActive, KeepAlive: true, HeartbeatIntervalSeconds: 1})
	}
}

func (g *gateway) FollowSession(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	_, _ = io.WriteString(w, ": hello\n\n")
	_ = http.NewResponseController(w).Flush()
	select {
	case <-r.Context().Done():
		return
	case <-g.news:
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	data, _ := json.Marshal(g.end)
	_, _ = fmt.Fprintf(w, "event: terminated\ndata: %s\n\n", data)
}

func (g *gateway) SignOut(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if r.Header.Get("Authorization") == "Bearer session-token" {
		g.out++
	}
	w.WriteHeader(http.StatusNoContent)
}

// terminate ends the session.
func (g *gateway) terminate() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.end = &gatewayapi.TerminatedEvent{
		TerminationAction: gatewayapi.TerminationActionRequestedByAdministrator, Reason: gatewayapi.ReasonTerminated, Detail: "Maintenance at nine.", TerminatedTime: time.Now(),
	}
	close(g.news)
}

func (g *gateway) set(change func(*gateway)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	change(g)
}

func (g *gateway) count(what func(*gateway) int) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return what(g)
}

func (g *gateway) signOuts() int { return g.count(func(g *gateway) int { return g.out }) }

// text is what a process wrote, to be read while it writes.
type text struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (t *text) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.b.Write(b)
}

func (t *text) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.b.String()
}

// started is a Main that runs.
type started struct {
	t              *testing.T
	stdout, stderr *text
	signals        chan os.Signal
	code           chan int
}

// start runs Main with flags for the gateway at that URL; the command is this test's own binary, in a role.
func start(t *testing.T, url string, flags []string, role ...string) *started {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return startCommand(t, url, flags, append([]string{self}, role...)...)
}

func startCommand(t *testing.T, url string, flags []string, command ...string) *started {
	t.Helper()
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("service-account\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := &started{t: t, stdout: &text{}, stderr: &text{}, signals: make(chan os.Signal, 16), code: make(chan int, 1)}
	args := slices.Concat([]string{"--pool", "cad", "--namespace", "itsm", "--gateway", url, "--token-file", token, "--user", "ann"}, flags, []string{"--"}, command)
	process := Process{
		Stdin: strings.NewReader("what was typed\n"), Stdout: s.stdout, Stderr: s.stderr, Signals: s.signals, Version: "v1.2.3",
		Environ: append(os.Environ(), roleVariable+"=1", "SEATKEEPER_TOKEN=of another session"),
	}
	go func() { s.code <- Main(t.Context(), args, process) }()
	return s
}

// exits waits for the exit code.
func (s *started) exits(want int) {
	s.t.Helper()
	select {
	case got := <-s.code:
		if got != want {
			s.t.Errorf("exit code %d, want %d; standard error:\n%s", got, want, s.stderr)
		}
	case <-time.After(60 * time.Second):
		s.t.Fatalf("still runs; standard error:\n%s", s.stderr)
	}
}

// says waits until the command has written something.
func (s *started) says(what string) {
	s.t.Helper()
	eventually(s.t, "says "+what+", but:\n"+s.stdout.String(), func() bool { return strings.Contains(s.stdout.String(), what) })
}

func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}
