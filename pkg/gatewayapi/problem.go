// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

// Package gatewayapi is the gateway's contract: its OpenAPI document, and the models, the server interface and the client that are generated from it.
package gatewayapi

import (
	_ "embed"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"time"
)

// Document is the OpenAPI document, as GET /v1/openapi.yaml answers it. It must not be changed.
//
//go:embed openapi.yaml
var Document []byte

// ProblemContentType is the content type of every error (RFC 9457).
const ProblemContentType = "application/problem+json"

// HeaderIdempotencyKey names a login, so that it can be repeated; 1 to 255 printable ASCII characters.
const HeaderIdempotencyKey = "Idempotency-Key"

// MaxBulkHeartbeats is how many sessions one bulk call may speak of.
const MaxBulkHeartbeats = 1000

// MaxIdleSeconds bounds idleSeconds: a year.
const MaxIdleSeconds = 31536000

// Events of the stream that follows a session.
const (
	// EventPrompt carries a PromptEvent: ask the user whether to keep the session.
	EventPrompt = "prompt"
	// EventKept carries an empty object: the prompt is withdrawn.
	EventKept = "kept"
	// EventTerminated carries a TerminatedEvent; the stream ends after it.
	EventTerminated = "terminated"
)

// Reasons of a Problem. Those that the kinds' conditions know too are the same words there.
const (
	// ReasonBadRequest (400): the request cannot be read.
	ReasonBadRequest Reason = "BadRequest"
	// ReasonUnauthenticated (401): no token, or not a good one.
	ReasonUnauthenticated Reason = "Unauthenticated"
	// ReasonForbidden (403): the caller lacks the permission.
	ReasonForbidden Reason = "Forbidden"
	// ReasonClientAddressRefused (403): the session belongs to another address; it goes on (B5).
	ReasonClientAddressRefused Reason = "ClientAddressRefused"
	// ReasonAccountRequired (403): the pool has no account for the user and enrolls none.
	ReasonAccountRequired Reason = "AccountRequired"
	// ReasonAccountDisabled (403): the user's account is disabled.
	ReasonAccountDisabled Reason = "AccountDisabled"
	// ReasonAccountNotLicensed (403): the user's named account holds no seat.
	ReasonAccountNotLicensed Reason = "AccountNotLicensed"
	// ReasonModelNotLicensed (403): the pool lacks the account's model.
	ReasonModelNotLicensed Reason = "ModelNotLicensed"
	// ReasonPoolNotInForce (403): the pool is outside its validity.
	ReasonPoolNotInForce Reason = "PoolNotInForce"
	// ReasonNotFound (404): there is no such call.
	ReasonNotFound Reason = "NotFound"
	// ReasonPoolNotFound (404): there is no such pool.
	ReasonPoolNotFound Reason = "PoolNotFound"
	// ReasonSessionNotFound (404, in bulk answers alone): there is no session of that name and uid in the namespace.
	ReasonSessionNotFound Reason = "SessionNotFound"
	// ReasonMethodNotAllowed (405): the path has no such method.
	ReasonMethodNotAllowed Reason = "MethodNotAllowed"
	// ReasonSeatsExhausted (409): all seats are taken.
	ReasonSeatsExhausted Reason = "SeatsExhausted"
	// ReasonWaitExpired (409): no seat came free in time.
	ReasonWaitExpired Reason = "WaitExpired"
	// ReasonUserLimitReached (409): the user has as many sessions as one may have.
	ReasonUserLimitReached Reason = "UserLimitReached"
	// ReasonTerminated (410): the session has ended; terminationAction says how.
	ReasonTerminated Reason = "Terminated"
	// ReasonSessionGone (410): nobody knows the session any more.
	ReasonSessionGone Reason = "SessionGone"
	// ReasonTooLarge (413): the body is too large.
	ReasonTooLarge Reason = "TooLarge"
	// ReasonUnsupportedMediaType (415): the body's content type is not taken.
	ReasonUnsupportedMediaType Reason = "UnsupportedMediaType"
	// ReasonInvalid (422): a fact breaks a rule.
	ReasonInvalid Reason = "Invalid"
	// ReasonIdempotencyKeyReused (422): the key was used for a login with other facts.
	ReasonIdempotencyKeyReused Reason = "IdempotencyKeyReused"
	// ReasonTooManyRequests (429): the caller asks too often.
	ReasonTooManyRequests Reason = "TooManyRequests"
	// ReasonInternal (500): a fault of the gateway's own.
	ReasonInternal Reason = "Internal"
	// ReasonUnavailable (503): no leader, or the API server is away.
	ReasonUnavailable Reason = "Unavailable"
	// ReasonTooManyWaiting (503): as many logins wait as may.
	ReasonTooManyWaiting Reason = "TooManyWaiting"
)

// kinds are the status and the title of each reason.
var kinds = map[Reason]struct {
	status int
	title  string
}{
	ReasonBadRequest:           {http.StatusBadRequest, "The request cannot be read"},
	ReasonUnauthenticated:      {http.StatusUnauthorized, "The token is missing or not valid"},
	ReasonForbidden:            {http.StatusForbidden, "The caller may not do this"},
	ReasonClientAddressRefused: {http.StatusForbidden, "The session belongs to another address"},
	ReasonAccountRequired:      {http.StatusForbidden, "The user has no account"},
	ReasonAccountDisabled:      {http.StatusForbidden, "The account is disabled"},
	ReasonAccountNotLicensed:   {http.StatusForbidden, "The account holds no seat"},
	ReasonModelNotLicensed:     {http.StatusForbidden, "The pool lacks the account's model"},
	ReasonPoolNotInForce:       {http.StatusForbidden, "The pool is not in force"},
	ReasonNotFound:             {http.StatusNotFound, "There is no such call"},
	ReasonPoolNotFound:         {http.StatusNotFound, "There is no such pool"},
	ReasonSessionNotFound:      {http.StatusNotFound, "There is no such session"},
	ReasonMethodNotAllowed:     {http.StatusMethodNotAllowed, "The call has no such method"},
	ReasonSeatsExhausted:       {http.StatusConflict, "All seats are taken"},
	ReasonWaitExpired:          {http.StatusConflict, "No seat came free in time"},
	ReasonUserLimitReached:     {http.StatusConflict, "The user has as many sessions as one may have"},
	ReasonTerminated:           {http.StatusGone, "The session has ended"},
	ReasonSessionGone:          {http.StatusGone, "The session's record is gone"},
	ReasonTooLarge:             {http.StatusRequestEntityTooLarge, "The body is too large"},
	ReasonUnsupportedMediaType: {http.StatusUnsupportedMediaType, "The body's content type is not taken"},
	ReasonInvalid:              {http.StatusUnprocessableEntity, "A fact breaks a rule"},
	ReasonIdempotencyKeyReused: {http.StatusUnprocessableEntity, "The key was used for another login"},
	ReasonTooManyRequests:      {http.StatusTooManyRequests, "The caller asks too often"},
	ReasonInternal:             {http.StatusInternalServerError, "A fault of the gateway"},
	ReasonUnavailable:          {http.StatusServiceUnavailable, "Not available now"},
	ReasonTooManyWaiting:       {http.StatusServiceUnavailable, "Too many logins wait"},
}

// Reasons are all the words of this page.
func Reasons() []Reason { return slices.Collect(maps.Keys(kinds)) }

// NewProblem is the Problem of a reason, with the status and title that belong to it; detail says in a sentence what happened or what must be.
// A reason that is not among the constants becomes Internal.
func NewProblem(reason Reason, detail string) *Problem {
	kind, known := kinds[reason]
	if !known {
		reason, kind = ReasonInternal, kinds[ReasonInternal]
	}
	return &Problem{Type: "urn:seatkeeper:problem:" + reason, Title: kind.title, Status: kind.status, Detail: detail, Reason: reason}
}

// NewEnded is the Problem (410) of a session that has ended.
func NewEnded(action TerminationAction, detail string, at time.Time) *Problem {
	p := NewProblem(ReasonTerminated, detail)
	p.TerminationAction, p.TerminatedTime = action, &at
	return p
}

// Error is the reason and what happened.
func (p *Problem) Error() string {
	if p.Detail == "" {
		return p.Reason + ": " + p.Title
	}
	return p.Reason + ": " + p.Detail
}

// Write answers a request with the Problem. Headers of its own (Retry-After) must be set before; a 401 gets its WWW-Authenticate here.
func (p *Problem) Write(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Content-Type", ProblemContentType)
	h.Set("Cache-Control", "no-store")
	if p.Status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", "Bearer")
	}
	w.WriteHeader(p.Status)
	// Whoever went away meanwhile needs no answer.
	_ = json.NewEncoder(w).Encode(p)
}
