// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package client_test

import (
	"context"
	"encoding/pem"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seatkeeper/seatkeeper/pkg/client"
	"github.com/seatkeeper/seatkeeper/pkg/gatewayapi"
)

// eventually waits for something that takes real time.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !done(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

// Over TLS, with a token file that changes, and with the gateway restarted at the same address.
func TestOverTheNetwork(t *testing.T) {
	g := newGateway()
	g.answer.HeartbeatIntervalSeconds = 1
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	serve := func(l net.Listener) *httptest.Server {
		server := httptest.NewUnstartedServer(g)
		_ = server.Listener.Close()
		server.Listener = l
		server.Config.ErrorLog = log.New(io.Discard, "", 0)
		server.StartTLS()
		return server
	}
	server := serve(listener)
	dir := t.TempDir()
	ca, token := filepath.Join(dir, "ca.crt"), filepath.Join(dir, "token")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(token, []byte("first\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := client.New(client.Options{URL: "https://" + address, CAFile: ca, TokenFile: token})
	if err != nil {
		t.Fatal(err)
	}
	n := &told{}
	s, err := c.SignOn(t.Context(), "itsm", "service-desk", ann, n.options())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	eventually(t, "two heartbeats", func() bool { return len(beatsOf(g)) >= 2 })
	if err := os.WriteFile(token, []byte("second"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Pool(t.Context(), "itsm", "service-desk"); err != nil {
		t.Fatal(err)
	}
	bearers := get(g, func(g *gateway) []string { return slices.Clone(g.bearers) })
	if bearers[0] != "Bearer first" || !slices.Contains(bearers, "Bearer second") || !slices.Contains(bearers, "Bearer token-1") {
		t.Errorf("called with %v", bearers)
	}

	server.CloseClientConnections()
	g.hangUp()
	server.Close()
	before := len(beatsOf(g))
	if listener, err = new(net.ListenConfig).Listen(t.Context(), "tcp", address); err != nil {
		t.Fatal(err)
	}
	server = serve(listener)
	defer server.Close()
	defer c.CloseIdleConnections()
	defer g.hangUp()
	eventually(t, "heartbeats after the restart", func() bool { return len(beatsOf(g)) >= before+2 })
	eventually(t, "a stream after the restart", func() bool { return get(g, func(g *gateway) int { return len(g.streams) }) == 1 })
	g.send(terminatedEvent)
	select {
	case <-s.Done():
	case <-time.After(30 * time.Second):
		t.Fatal("the end was not told")
	}
	eventually(t, "the callback", func() bool { return slices.Equal(n.all(), []string{"end RequestedByAdministrator"}) })
}

// A certificate that nobody vouches for is no outage: the caller is told at once, and the token stays here.
func TestStrangeCertificateIsFinal(t *testing.T) {
	g := newGateway()
	server := httptest.NewUnstartedServer(g)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()
	token := func(context.Context) (string, error) { return "secret", nil }
	c, err := client.New(client.Options{URL: server.URL, Token: token})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.SignOn(t.Context(), "itsm", "service-desk", ann, client.SessionOptions{}); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("got %v", err)
	}
	if len(g.bearers) != 0 {
		t.Errorf("the gateway was called with %v", g.bearers)
	}
	c, err = client.New(client.Options{URL: server.URL, Token: token, InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseIdleConnections()
	s, err := c.SignOn(t.Context(), "itsm", "service-desk", ann, client.SessionOptions{WithoutEvents: true})
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
}

// A redirect is followed nowhere, least of all with a token.
func TestRedirectIsNotFollowed(t *testing.T) {
	g := newGateway()
	elsewhere := httptest.NewServer(g)
	defer elsewhere.Close()
	server := httptest.NewServer(http.RedirectHandler(elsewhere.URL, http.StatusTemporaryRedirect))
	defer server.Close()
	c, err := client.New(client.Options{URL: server.URL, Token: func(context.Context) (string, error) { return "secret", nil }})
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseIdleConnections()
	if _, err := c.Pool(t.Context(), "itsm", "service-desk"); err == nil {
		t.Error("followed a redirect")
	}
	if len(g.bearers) != 0 {
		t.Errorf("the other server was called with %v", g.bearers)
	}
	var _ gatewayapi.ServerInterface = g
}
