// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package client_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"testing"

	"github.com/seatkeeper/seatkeeper/pkg/client"
)

// wire carries requests to a handler without a network, so that tests run in the virtual time of a synctest bubble.
type wire struct {
	handler http.Handler
	mu      sync.Mutex
	cut     bool
}

func (w *wire) setCut(cut bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cut = cut
}

func (w *wire) RoundTrip(req *http.Request) (*http.Response, error) {
	w.mu.Lock()
	cut := w.cut
	w.mu.Unlock()
	if cut {
		return nil, errors.New("connection refused")
	}
	ctx, cancel := context.WithCancel(req.Context())
	reader, writer := io.Pipe()
	stop := context.AfterFunc(ctx, func() { _ = writer.CloseWithError(context.Canceled) })
	answer := &answer{header: http.Header{}, body: writer, begun: make(chan struct{})}
	in := req.Clone(ctx)
	in.RequestURI, in.RemoteAddr = req.URL.RequestURI(), "192.0.2.1:1234"
	if in.Body == nil {
		in.Body = http.NoBody
	}
	go func() {
		defer cancel()
		defer stop()
		defer func() {
			if lost := recover(); lost != nil {
				answer.begin(0)
				_ = writer.CloseWithError(io.ErrUnexpectedEOF)
			}
		}()
		w.handler.ServeHTTP(answer, in)
		answer.begin(http.StatusOK)
		_ = writer.Close()
	}()
	select {
	case <-req.Context().Done():
		cancel()
		return nil, req.Context().Err()
	case <-answer.begun:
	}
	if answer.status == 0 {
		return nil, io.ErrUnexpectedEOF
	}
	return &http.Response{
		StatusCode: answer.status, Header: answer.header.Clone(), Request: req, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Body: &body{reader, cancel}, ContentLength: -1,
	}, nil
}

// answer is one that is being written on the wire.
type answer struct {
	header http.Header
	body   *io.PipeWriter
	once   sync.Once
	status int
	begun  chan struct{}
}

func (a *answer) begin(status int) {
	a.once.Do(func() {
		a.status = status
		close(a.begun)
	})
}

func (a *answer) Header() http.Header    { return a.header }
func (a *answer) WriteHeader(status int) { a.begin(status) }
func (a *answer) Flush()                 {}

func (a *answer) Write(b []byte) (int, error) {
	a.begin(http.StatusOK)
	return a.body.Write(b)
}

type body struct {
	*io.PipeReader
	cancel func()
}

func (b *body) Close() error {
	b.cancel()
	return b.PipeReader.Close()
}

// onWire makes a client whose calls reach the gateway without a network.
func onWire(t *testing.T, g *gateway) (*client.Client, *wire) {
	t.Helper()
	w := &wire{handler: g}
	c, err := client.New(client.Options{
		URL: "http://gateway.test", HTTPClient: &http.Client{Transport: w},
		Token: func(context.Context) (string, error) { return "service-account", nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	return c, w
}
