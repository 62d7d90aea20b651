// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/cache/informertest"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/internal/servingcert"
	"github.com/seatkeeper/seatkeeper/internal/sessiontoken"
)

var sessionAnn = sessiontoken.Session{Namespace: "itsm", Name: "ann", UID: "uid"}

// serve starts a server for the world's gateway; stop tells it to stop, stopped says that it did.
func (w *world) serve(config *tls.Config) (base string, stop context.CancelFunc, stopped <-chan error) {
	w.t.Helper()
	w.gateway.Cache = &informertest.FakeInformers{Scheme: w.client.Scheme()}
	s := &Server{Gateway: w.gateway, Address: "127.0.0.1:0", TLS: config, Log: w.gateway.Log}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Start(ctx) }()
	w.t.Cleanup(stop)
	w.eventually("the server listens", func() bool { return s.Addr() != nil })
	scheme := "http"
	if config != nil {
		scheme = "https"
	}
	return fmt.Sprintf("%s://%s", scheme, s.Addr()), stop, ended
}

func (w *world) tls() *tls.Config {
	w.t.Helper()
	config, err := servingcert.Config(w.t.Context(), "self-signed", []string{"localhost"}, w.gateway.Log)
	if err != nil {
		w.t.Fatal(err)
	}
	return config
}

// httpClient speaks HTTP/2 or HTTP/1.1 alone.
func httpClient(t *testing.T, two bool) *http.Client {
	t.Helper()
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, Protocols: new(http.Protocols)}
	transport.Protocols.SetHTTP1(!two)
	transport.Protocols.SetHTTP2(two)
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

func request(t *testing.T, method, url, token, body string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	return r
}

// events reads a stream; lines come one by one, and the channel is closed at its end.
func events(t *testing.T, c *http.Client, base, token string) <-chan string {
	t.Helper()
	response, err := c.Do(request(t, http.MethodGet, base+"/v1/session/events", token, ""))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { response.Body.Close() })
	if response.StatusCode != http.StatusOK || response.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("%s, %v", response.Status, response.Header)
	}
	lines := make(chan string, 100)
	go func() {
		defer close(lines)
		for scanner := bufio.NewScanner(response.Body); scanner.Scan(); {
			if scanner.Text() != "" {
				lines <- scanner.Text()
			}
		}
	}()
	return lines
}

func next(t *testing.T, lines <-chan string, want string) {
	t.Helper()
	select {
	case line, open := <-lines:
		if !open && want != "" {
			t.Fatalf("the stream ended, want %q", want)
		}
		if line != want {
			t.Fatalf("line %q, want %q", line, want)
		}
	case <-time.After(30 * time.Second):
		t.Fatalf("nothing came, want %q", want)
	}
}

func TestEvents(t *testing.T) {
	for name, two := range map[string]bool{"HTTP/1.1": false, "HTTP/2": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.pool(5)
			s, token := w.active("ann")
			base, _, _ := w.serve(w.tls())
			c := httpClient(t, two)
			lines := events(t, c, base, token)
			next(t, lines, "retry: 1000")
			w.clock.SetTime(nine.Add(29*time.Minute + 30*time.Second))
			s = w.status(s, func(s *licensing.UserSession) { s.Status.KeepAlive = new(true) }) // any change wakes it
			next(t, lines, "event: prompt")
			next(t, lines, `data: {"timeoutTime":"2026-03-02T09:30:00Z"}`)
			w.do("POST", "/v1/session/heartbeat", token, `{"active":true}`).wants(http.StatusOK)
			s = w.status(s, func(s *licensing.UserSession) { s.Status.KeepAlive = nil })
			next(t, lines, "event: kept")
			next(t, lines, "data: {}")
			s = w.terminate(s)
			next(t, lines, "event: terminated")
			next(t, lines, `data: {"detail":"The session was idle for 30m0s.","reason":"Terminated","terminatedTime":"2026-03-02T09:29:30Z","terminationAction":"ExpiredSessionTerminated"}`)
			next(t, lines, "")
			w.hide(s)
			late := events(t, c, base, token)
			next(t, late, "retry: 1000")
			next(t, late, "event: terminated")
		})
	}
}

func TestStreamsAreBounded(t *testing.T) {
	w := newWorld(t)
	w.pool(5)
	_, token := w.active("ann")
	_, other := w.active("bob")
	w.gateway.streams = newPlaces(5, 4)
	base, _, _ := w.serve(nil)
	c := httpClient(t, false)
	for range 4 {
		next(t, events(t, c, base, token), "retry: 1000")
	}
	w.do("GET", "/v1/session/events", token, "").problem("TooManyRequests")
	next(t, events(t, c, base, other), "retry: 1000")
	w.do("GET", "/v1/session/events", other, "").problem("Unavailable")
}

func TestAServerThatIsToldToStop(t *testing.T) {
	for name, two := range map[string]bool{"HTTP/1.1": false, "HTTP/2": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.pool(5)
			_, token := w.active("ann")
			base, stop, stopped := w.serve(w.tls())
			c := httpClient(t, two)
			lines := events(t, c, base, token)
			next(t, lines, "retry: 1000")
			answered := make(chan http.Header, 1)
			r := request(t, http.MethodPost, base+sessionsPath+"?wait=60s", portalToken, `{"userName":"bob"}`)
			go func() {
				defer close(answered)
				response, err := c.Do(r)
				if err != nil {
					t.Error(err)
					return
				}
				defer response.Body.Close()
				if response.StatusCode != http.StatusServiceUnavailable {
					t.Errorf("answered %s", response.Status)
				}
				answered <- response.Header
			}()
			w.waiting(2)
			stop()
			next(t, lines, "")
			if h := <-answered; h.Get("Retry-After") != "1" {
				t.Errorf("headers %v", h)
			}
			if err := <-stopped; err != nil {
				t.Error(err)
			}
			w.waiting(1)
		})
	}
}

// A login over HTTP/1.1 whose connection is closed while it waits is withdrawn.
func TestAConnectionThatIsClosed(t *testing.T) {
	w := newWorld(t)
	w.pool(5)
	base, _, _ := w.serve(nil)
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", strings.TrimPrefix(base, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	const body = `{"userName":"bob"}`
	fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", sessionsPath, portalToken, len(body), body)
	w.waiting(1)
	conn.Close()
	w.waiting(0)
}

// A body that stops half-way gets an answer, once its time is over; one that never ends is cut off; headers that are too large are refused.
func TestBadConnections(t *testing.T) {
	w := newWorld(t)
	w.pool(5)
	_, token := w.active("ann")
	base, _, _ := w.serve(nil)
	send := func(text string) string {
		t.Helper()
		conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", strings.TrimPrefix(base, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		fmt.Fprint(conn, text)
		if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		answer, _ := io.ReadAll(conn)
		line, _, _ := strings.Cut(string(answer), "\r\n")
		return line
	}
	head := "POST /v1/session/heartbeat HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + token + "\r\nContent-Type: application/json\r\n"
	if got := send(head + "Content-Length: 100\r\n\r\n{}"); got != "HTTP/1.1 400 Bad Request" {
		t.Errorf("a body that is cut off: %q", got)
	}
	if got := send(head + "X-Large: " + strings.Repeat("x", 32<<10) + "\r\n\r\n"); got != "HTTP/1.1 431 Request Header Fields Too Large" {
		t.Errorf("large headers: %q", got)
	}
	if got := send(head + "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"); got != "HTTP/1.1 200 OK" {
		t.Errorf("a body in chunks: %q", got)
	}
	chunk := fmt.Sprintf("%x\r\n%s\r\n", 64<<10, strings.Repeat(" ", 64<<10))
	if got := send(head + "Transfer-Encoding: chunked\r\n\r\n" + strings.Repeat(chunk, 17) + "0\r\n\r\n"); got != "HTTP/1.1 413 Request Entity Too Large" && got != "" {
		t.Errorf("a body that is too large: %q", got)
	}
}
