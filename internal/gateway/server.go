// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
)

const (
	// readHeaderTimeout bounds how long a client may take to send a request's headers, readTimeout its body, writeTimeout to take each part of the answer.
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 10 * time.Second
	writeTimeout      = 10 * time.Second
	// unreadTimeout bounds how long the rest of a body is waited for that nobody wants. It is shorter than writeTimeout: the answer comes after it.
	unreadTimeout = 5 * time.Second
	// idleTimeout is how long a connection without requests stays open; longer than most proxies keep theirs, so that it is they who close.
	idleTimeout = 120 * time.Second
	// drainTime is how long requests have to end once the server was told to stop.
	drainTime = 8 * time.Second
)

// Server serves the gateway until it is told to stop. It is a manager.Runnable and runs on every replica.
type Server struct {
	Gateway *Gateway
	// Address is where to listen, as ":9443".
	Address string
	// Listener, where it is given, is used instead of Address.
	Listener net.Listener
	// TLS is the configuration to serve with; nil: plain HTTP.
	TLS *tls.Config
	Log logr.Logger

	listening atomic.Pointer[net.Addr]
}

// NeedLeaderElection is false: every replica serves.
func (s *Server) NeedLeaderElection() bool { return false }

// Addr is where the server listens; nil: it does not yet.
func (s *Server) Addr() net.Addr {
	if addr := s.listening.Load(); addr != nil {
		return *addr
	}
	return nil
}

// Ready is the readiness check: it listens, knows its pools and has the keys of session tokens.
func (s *Server) Ready(*http.Request) error {
	switch {
	case s.Addr() == nil:
		return errors.New("the gateway does not listen")
	case s.Gateway.draining():
		return errors.New("the gateway is stopping")
	case !s.Gateway.view.synced():
		return errors.New("the gateway has not read the pools and sessions yet")
	case s.Gateway.Tokens.Keyring() == nil:
		return errors.New("the gateway has not loaded the keys of session tokens yet")
	}
	return nil
}

// Start serves until ctx ends, then drains: it accepts no more, ends streams and waiting logins, and gives the rest 8 s.
func (s *Server) Start(ctx context.Context) error {
	if err := s.Gateway.follow(ctx); err != nil {
		return err
	}
	listener := s.Listener
	if listener == nil {
		var err error
		if listener, err = new(net.ListenConfig).Listen(ctx, "tcp", s.Address); err != nil {
			return fmt.Errorf("the gateway cannot listen (--gateway-bind-address): %w", err)
		}
	}
	server := s.server(context.WithoutCancel(ctx))
	addr := listener.Addr()
	s.listening.Store(&addr)
	s.Log.Info("The gateway listens", "address", addr.String(), "tls", s.TLS != nil)

	failed := make(chan error, 1)
	go func() {
		if s.TLS != nil {
			failed <- server.ServeTLS(listener, "", "")
		} else {
			failed <- server.Serve(listener)
		}
	}()
	select {
	case err := <-failed:
		return fmt.Errorf("the gateway stopped serving: %w", err)
	case <-ctx.Done():
	}
	return s.drain(context.WithoutCancel(ctx), server)
}

// server is the HTTP server. It has no time-out for whole requests: streams last, and each write has a deadline of its own.
func (s *Server) server(base context.Context) *http.Server {
	server := &http.Server{
		Handler:           s.Gateway.Handler(),
		ReadHeaderTimeout: readHeaderTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    16 << 10,
		BaseContext:       func(net.Listener) context.Context { return base },
		ErrorLog:          log.New(complaints{s.Log}, "", 0),
		Protocols:         new(http.Protocols),
		// A replica that a client's packets no longer reach must notice: pings on idle HTTP/2 connections.
		HTTP2: &http.HTTP2Config{MaxConcurrentStreams: 1000, SendPingTimeout: 30 * time.Second, PingTimeout: 15 * time.Second},
	}
	server.Protocols.SetHTTP1(true)
	if s.TLS != nil {
		server.Protocols.SetHTTP2(true)
		server.TLSConfig = s.TLS
	}
	return server
}

func (s *Server) drain(ctx context.Context, server *http.Server) error {
	s.Log.Info("The gateway stops: streams and waiting logins end, other requests have their time", "time", drainTime.String())
	ctx, cancel := context.WithTimeout(ctx, drainTime)
	defer cancel()
	s.Gateway.drain()
	err := server.Shutdown(ctx)
	s.Gateway.background.wait(ctx)
	if err != nil {
		s.Log.Info("Requests were cut off since they did not end in time")
		return server.Close()
	}
	return nil
}

// complaints are what the HTTP server says of connections: of no interest unless somebody looks for it.
type complaints struct{ log logr.Logger }

func (c complaints) Write(line []byte) (int, error) {
	c.log.V(1).Info("HTTP server", "message", string(bytes.TrimSpace(line)))
	return len(line), nil
}
