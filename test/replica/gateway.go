// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package replica

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/seatkeeper/seatkeeper/pkg/gatewayapi"
)

// callTimeout bounds a call, beside the time that it is ready to wait.
const callTimeout = 60 * time.Second

// Gateway makes calls to one address.
type Gateway struct {
	URL  string
	HTTP *http.Client
}

// Gateway makes calls to this replica, with connections of its own. Certificates are not looked at.
func (r *Replica) Gateway() *Gateway { return Dial(r.URL) }

// Dial makes calls to an address, with connections of its own.
func Dial(url string) *Gateway {
	return &Gateway{URL: url, HTTP: &http.Client{Transport: &http.Transport{
		TLSClientConfig:     &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12},
		ForceAttemptHTTP2:   true,
		MaxIdleConnsPerHost: 64,
		IdleConnTimeout:     time.Minute,
	}}}
}

// Close closes the connections that no call uses.
func (g *Gateway) Close() { g.HTTP.CloseIdleConnections() }

// Answer is what a call was answered.
type Answer[T any] struct {
	Status int
	Header http.Header
	Body   []byte
	// OK is the document of a good answer (2xx), Problem that of another.
	OK      *T
	Problem *gatewayapi.Problem
}

// Reason is the problem's; empty for a good answer.
func (a *Answer[T]) Reason() string {
	if a == nil || a.Problem == nil {
		return ""
	}
	return a.Problem.Reason
}

// String is the status and, of a problem, its reason and detail: "409 SeatsExhausted: All 1 concurrent seats are taken." The body, which may have a token in
// it, is left out: this goes into logs.
func (a *Answer[T]) String() string {
	if a.Problem != nil {
		return fmt.Sprintf("%d %s: %s", a.Status, a.Problem.Reason, a.Problem.Detail)
	}
	return strconv.Itoa(a.Status)
}

// SignOnOptions are a login's.
type SignOnOptions struct {
	// Key is the Idempotency-Key; empty: none.
	Key string
	// Wait is how long to wait for a seat; 0: the call states nothing.
	Wait time.Duration
}

// SignOn signs a user on. The token is a service account's.
func (g *Gateway) SignOn(ctx context.Context, token, namespace, pool string, login gatewayapi.Login, o SignOnOptions) (*Answer[gatewayapi.SignedOn], error) {
	params := &gatewayapi.SignOnParams{}
	if o.Key != "" {
		params.IdempotencyKey = &o.Key
	}
	if o.Wait > 0 {
		params.Wait = new(o.Wait.String())
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout+o.Wait)
	defer cancel()
	request, err := gatewayapi.NewSignOnRequest(g.URL, namespace, pool, params, login)
	return do[gatewayapi.SignedOn](ctx, g, token, request, err)
}

// Pool shows a pool's use. The token is a service account's.
func (g *Gateway) Pool(ctx context.Context, token, namespace, pool string) (*Answer[gatewayapi.PoolUsage], error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	request, err := gatewayapi.NewGetPoolRequest(g.URL, namespace, pool)
	return do[gatewayapi.PoolUsage](ctx, g, token, request, err)
}

// Bulk reports for many sessions. The token is a service account's.
func (g *Gateway) Bulk(ctx context.Context, token, namespace string, beats ...gatewayapi.BulkHeartbeat) (*Answer[gatewayapi.BulkAnswers], error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	request, err := gatewayapi.NewBulkHeartbeatRequest(g.URL, namespace, gatewayapi.BulkHeartbeats{Heartbeats: beats})
	return do[gatewayapi.BulkAnswers](ctx, g, token, request, err)
}

// Beat sends a heartbeat; a nil report is a bare one. The token is the session's.
func (g *Gateway) Beat(ctx context.Context, token string, report *gatewayapi.HeartbeatReport) (*Answer[gatewayapi.Heartbeat], error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	var request *http.Request
	var err error
	if report == nil {
		request, err = gatewayapi.NewSendHeartbeatRequestWithBody(g.URL, "", nil)
	} else {
		request, err = gatewayapi.NewSendHeartbeatRequest(g.URL, *report)
	}
	return do[gatewayapi.Heartbeat](ctx, g, token, request, err)
}

// Session shows the session's record.
func (g *Gateway) Session(ctx context.Context, token string) (*Answer[gatewayapi.Session], error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	request, err := gatewayapi.NewGetSessionRequest(g.URL)
	return do[gatewayapi.Session](ctx, g, token, request, err)
}

// SignOut ends the session.
func (g *Gateway) SignOut(ctx context.Context, token string) (*Answer[struct{}], error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	request, err := gatewayapi.NewSignOutRequest(g.URL)
	return do[struct{}](ctx, g, token, request, err)
}

// Exit says that the client's last window was closed, with the token in the header.
func (g *Gateway) Exit(ctx context.Context, token string) (*Answer[struct{}], error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	request, err := gatewayapi.NewExitSessionRequestWithBody(g.URL, "", nil)
	return do[struct{}](ctx, g, token, request, err)
}

// Do makes any call: the header may be nil, the token empty.
func (g *Gateway) Do(ctx context.Context, method, path, token string, header http.Header, body []byte) (*Answer[json.RawMessage], error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	var reader io.Reader
	if body != nil {
		reader = bytes.NewReader(body)
	}
	request, err := http.NewRequestWithContext(ctx, method, g.URL+path, reader)
	if err == nil {
		maps.Copy(request.Header, header)
	}
	return do[json.RawMessage](ctx, g, token, request, err)
}

func do[T any](ctx context.Context, g *Gateway, token string, request *http.Request, err error) (*Answer[T], error) {
	if err != nil {
		return nil, err
	}
	request = request.WithContext(ctx)
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	if request.Header.Get("Content-Type") == "" {
		request.Header.Del("Content-Type")
	}
	response, err := g.HTTP.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	a := &Answer[T]{Status: response.StatusCode, Header: response.Header}
	if a.Body, err = io.ReadAll(response.Body); err != nil {
		return nil, fmt.Errorf("reading the answer (%d): %w", a.Status, err)
	}
	switch {
	case response.Header.Get("Content-Type") == gatewayapi.ProblemContentType:
		a.Problem = &gatewayapi.Problem{}
		err = json.Unmarshal(a.Body, a.Problem)
	case a.Status/100 == 2 && strings.HasPrefix(response.Header.Get("Content-Type"), "application/json"):
		a.OK = new(T)
		err = json.Unmarshal(a.Body, a.OK)
	case a.Status/100 != 2:
		err = fmt.Errorf("an answer of %d must be a problem document, and is %q", a.Status, response.Header.Get("Content-Type"))
	}
	return a, err
}
