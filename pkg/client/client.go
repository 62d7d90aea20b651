// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

// Package client signs users on to licensed software through Seatkeeper's gateway, and keeps them signed on.
//
//	c, err := client.New(client.Options{URL: "https://seatkeeper-gateway.seatkeeper-system.svc", TokenFile: "/var/run/secrets/seatkeeper/token"})
//	s, err := c.SignOn(ctx, "itsm", "service-desk", client.Login{UserName: "ann@example.com"}, client.SessionOptions{OnEnd: tellTheUser})
//	s.Active()           // whenever the user does something
//	err = s.SignOut(ctx) // gives the seat back
//
// A Session sends its heartbeats by itself, through restarts and outages of the gateway, until it ends, is signed out or closed. Nothing here needs more than the
// standard library and what the generated code brings.
package client

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/seatkeeper/seatkeeper/pkg/gatewayapi"
)

// Login is the facts of a login; UserName is required.
type Login = gatewayapi.Login

// requestTimeout bounds a call that need not wait for anything.
const requestTimeout = 15 * time.Second

// Options say where the gateway is and who calls.
type Options struct {
	// URL is the gateway's, as https://seatkeeper-gateway.seatkeeper-system.svc; required.
	URL string
	// Token gives the service-account token of each call that an application server makes; it is asked every time, so it may change. Not needed for Resume.
	Token func(ctx context.Context) (string, error)
	// TokenFile is where the token is read from, every time, where Token is nil: a projected service-account token changes while the program runs.
	TokenFile string
	// CAFile is a PEM file of the authorities that may have signed the gateway's certificate; default: those of the system. Not used with HTTPClient.
	CAFile string
	// InsecureSkipVerify accepts any certificate, so that whoever sits in between can read the tokens: for trying things out alone. Not used with HTTPClient.
	InsecureSkipVerify bool
	// HTTPClient replaces the client that is made otherwise. Its Timeout, if any, must be longer than every wait, and cuts the stream of events.
	HTTPClient *http.Client
}

// Client makes sessions. Its methods may be called at the same time.
type Client struct {
	api       *gatewayapi.HTTPClient
	http      *http.Client
	token     func(ctx context.Context) (string, error)
	tokenFile string
}

// New makes a Client. It does not call the gateway; it fails on options that cannot work.
func New(o Options) (*Client, error) {
	target, err := url.Parse(o.URL)
	if err != nil || target.Host == "" || (target.Scheme != "http" && target.Scheme != "https") {
		return nil, fmt.Errorf("the gateway's URL must be http(s)://host[:port], not %q", o.URL)
	}
	if target.User != nil {
		return nil, errors.New("the gateway's URL must not carry a user or password")
	}
	c := &Client{token: o.Token, tokenFile: o.TokenFile, http: o.HTTPClient}
	if c.http == nil {
		if c.http, err = newHTTPClient(o); err != nil {
			return nil, err
		}
	}
	if c.api, err = gatewayapi.NewClient(o.URL, gatewayapi.WithHTTPClient(c.http)); err != nil {
		return nil, err
	}
	return c, nil
}

func newHTTPClient(o Options) (*http.Client, error) {
	config := &tls.Config{
		MinVersion:         tls.VersionTLS12,
		InsecureSkipVerify: o.InsecureSkipVerify, //nolint:gosec // asked for by name, and off otherwise
	}
	if o.CAFile != "" {
		pem, err := os.ReadFile(o.CAFile)
		if err != nil {
			return nil, fmt.Errorf("reading the gateway's certificate authorities: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s must hold certificates in PEM form", o.CAFile)
		}
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = config
	transport.MaxIdleConnsPerHost = 16
	// A connection whose other end vanished without a word is noticed: otherwise every call would go into it, for a quarter of an hour, and the session be taken for lost.
	transport.HTTP2 = &http.HTTP2Config{SendPingTimeout: 10 * time.Second, PingTimeout: 5 * time.Second}
	return &http.Client{
		Transport: transport,
		// The gateway never redirects; whatever does is not the gateway, and gets no token.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, nil
}

// CloseIdleConnections closes the connections that no call uses.
func (c *Client) CloseIdleConnections() { c.http.CloseIdleConnections() }

// asServer puts the caller's service-account token on a call.
func (c *Client) asServer(ctx context.Context, req *http.Request) error {
	token, err := c.serverToken(ctx)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	return nil
}

func (c *Client) serverToken(ctx context.Context) (string, error) {
	if c.token != nil {
		token, err := c.token(ctx)
		if err != nil {
			return "", &credentialError{fmt.Errorf("getting the service-account token: %w", err)}
		}
		return token, nil
	}
	if c.tokenFile == "" {
		return "", &credentialError{errors.New("the client's Token or TokenFile must be set for this call")}
	}
	raw, err := os.ReadFile(c.tokenFile)
	if err != nil {
		return "", &credentialError{fmt.Errorf("reading the service-account token: %w", err)}
	}
	token := strings.TrimSpace(string(raw))
	if token == "" {
		return "", &credentialError{fmt.Errorf("%s must hold a service-account token; it is empty", c.tokenFile)}
	}
	return token, nil
}

// asSession puts a session's token on a call.
func asSession(token string) gatewayapi.RequestEditorFn {
	return func(_ context.Context, req *http.Request) error {
		req.Header.Set("Authorization", "Bearer "+token)
		return nil
	}
}

// Pool is how much of a pool is used. It is asked once, without retries.
func (c *Client) Pool(ctx context.Context, namespace, pool string) (*gatewayapi.PoolUsage, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	usage := &gatewayapi.PoolUsage{}
	if err := read(usage, func() (*http.Response, error) { return c.api.GetPool(ctx, namespace, pool, c.asServer) }); err != nil {
		return nil, err
	}
	return usage, nil
}

// Heartbeats reports for many sessions at once, at most 1,000, in the order of the answers. It is sent once, without retries: for application servers that keep
// their users' sessions themselves.
func (c *Client) Heartbeats(ctx context.Context, namespace string, reports []gatewayapi.BulkHeartbeat) ([]gatewayapi.BulkAnswer, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	answers := &gatewayapi.BulkAnswers{}
	err := read(answers, func() (*http.Response, error) {
		return c.api.BulkHeartbeat(ctx, namespace, gatewayapi.BulkHeartbeats{Heartbeats: reports}, c.asServer)
	})
	if err != nil {
		return nil, err
	}
	if len(answers.Heartbeats) != len(reports) {
		return nil, fmt.Errorf("the gateway answered %d of %d heartbeats", len(answers.Heartbeats), len(reports))
	}
	return answers.Heartbeats, nil
}
