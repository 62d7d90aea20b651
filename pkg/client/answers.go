// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"time"

	"github.com/seatkeeper/seatkeeper/pkg/gatewayapi"
)

// maxAnswer bounds what is read of an answer, in bytes.
const maxAnswer = 4 << 20

// credentialError is a token that the caller could not provide.
type credentialError struct{ error }

func (e *credentialError) Unwrap() error { return e.error }

// refusal is an answer that is not a good one. It unwraps to the gateway's Problem, if it is one of the gateway's at all.
type refusal struct {
	status     int
	retryAfter time.Duration
	problem    *gatewayapi.Problem
}

func (r *refusal) Error() string {
	if r.problem != nil {
		return r.problem.Error()
	}
	return fmt.Sprintf("the answer was %d %s, and not one of Seatkeeper's", r.status, http.StatusText(r.status))
}

func (r *refusal) Unwrap() error {
	if r.problem == nil {
		return nil
	}
	return r.problem
}

// unreadable is an answer that says it is good and cannot be understood; what the call did is not known.
type unreadable struct{ error }

func (e *unreadable) Unwrap() error { return e.error }

// read makes a call and takes its answer into a model; nil: the answer has no body.
func read(into any, call func() (*http.Response, error)) error {
	resp, err := call()
	if err != nil {
		return err
	}
	defer func() {
		_, _ = io.CopyN(io.Discard, resp.Body, 1<<16)
		_ = resp.Body.Close()
	}()
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return refused(resp)
	}
	if into == nil {
		return nil
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(into); err != nil {
		return &unreadable{fmt.Errorf("the answer cannot be read: %w", err)}
	}
	return nil
}

func refused(resp *http.Response) error {
	r := &refusal{status: resp.StatusCode}
	if seconds, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && seconds > 0 {
		r.retryAfter = time.Duration(min(seconds, 3600)) * time.Second
	}
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	problem := &gatewayapi.Problem{}
	if kind == gatewayapi.ProblemContentType && json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(problem) == nil && problem.Reason != "" {
		// The status of the answer itself counts: it is what proxies and logs saw.
		problem.Status = resp.StatusCode
		r.problem = problem
	}
	return r
}

// transient is whether another try may go better: the gateway was away, busy, or its answer was lost.
func transient(err error) bool {
	var credential *credentialError
	var certificate *tls.CertificateVerificationError
	if errors.As(err, &credential) || errors.As(err, &certificate) {
		return false
	}
	var r *refusal
	if !errors.As(err, &r) {
		return true // no answer, or half of one
	}
	return r.status == http.StatusRequestTimeout || r.status == http.StatusTooManyRequests || r.status >= 500
}

// UnavailableError is a call that was given up, since its context ended before the gateway gave a good answer.
type UnavailableError struct {
	// Last is what went wrong at the last try.
	Last error
	// Cause is why the context ended.
	Cause error
}

// Error names both.
func (e *UnavailableError) Error() string {
	return fmt.Sprintf("the gateway is not available: %v (given up: %v)", e.Last, e.Cause)
}

// Unwrap gives both to errors.Is and errors.As.
func (e *UnavailableError) Unwrap() []error { return []error{e.Cause, e.Last} }

// retry makes a call until its answer is final, or the context ends.
func retry(ctx context.Context, call func(ctx context.Context) error) error {
	pace := pace{longest: 15 * time.Second}
	var last error
	for {
		err := call(ctx)
		if err == nil {
			return nil
		}
		if !transient(err) {
			return err
		}
		// A try that was cut short says nothing of the gateway; the one before does.
		if last == nil || ctx.Err() == nil || !errors.Is(err, ctx.Err()) {
			last = err
		}
		if !sleep(ctx, pace.after(err)) {
			return &UnavailableError{Last: last, Cause: context.Cause(ctx)}
		}
	}
}

// IsCredentialError is whether a call could not be made because its service-account token could not be had.
func IsCredentialError(err error) bool {
	var credential *credentialError
	return errors.As(err, &credential)
}
